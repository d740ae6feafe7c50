/** What a statement declares, checked against its own figures (step 8). */

import { addTo } from "../ground/amounts.ts";
import { formatTime } from "../ground/fields.ts";
import { demand, demandAscending } from "./contradiction.ts";
import { type Coins, coinsKey } from "./customers.ts";
import type { Declaration } from "./statement.ts";

/** That what is declared fits what customers hold, and rests on other records than the lines that `leaves` are of. */
export function checkDeclarations(
  declarations: readonly Declaration[],
  customers: ReadonlyMap<string, Coins>,
  leaves: ReadonlySet<string>,
): void {
  demandAscending("declarations", declarations, orderOf);
  checkConcentration(declarations, customers);

  const windows = declarations.filter((item) => item.kind === "window");
  const others = declarations.filter((item) => item.kind !== "window").map((item) => item.evidenceLeaf);
  const distinct = new Set([...leaves, ...others]);
  demand(distinct.size === leaves.size + others.length, "one document stands behind two lines or declarations");
  checkWindows(windows, customers);
  checkRecordsOfWindows(windows, distinct);
}

function orderOf(item: Declaration): readonly string[] {
  const times = [item.since, item.until].map((time) => (time === null ? "" : formatTime(time)));
  return [item.kind, item.name, item.unit ?? "", ...times];
}

/** That each asset that customers hold has one largest wallet, and custodians keep no more than all of it. */
function checkConcentration(declarations: readonly Declaration[], customers: ReadonlyMap<string, Coins>): void {
  const held = new Map<string, bigint>();
  for (const { asset, amount } of customers.values()) addTo(held, asset, amount);
  const kept = new Map<string, bigint>();
  const largest = new Map<string, bigint>();
  for (const { kind, name, unit, amount } of declarations) {
    if ((kind !== "custodian" && kind !== "largest-wallet") || unit === null || amount === null) continue;
    const fits = amount > 0n && amount <= (held.get(unit) ?? 0n);
    demand(fits, `${kind} ${name} keeps no ${unit}, or more than all customers have on chains`);
    if (kind === "custodian") addTo(kept, unit, amount);
    else addTo(largest, unit, 1n);
  }
  for (const [unit, amount] of kept) {
    const fits = amount <= (held.get(unit) ?? 0n);
    demand(fits, `custodians keep more ${unit} together than all customers have on chains`);
  }
  for (const [unit, amount] of held) {
    const named = largest.get(unit) ?? 0n;
    const fits = named === (amount > 0n ? 1n : 0n);
    demand(fits, `it names ${named} largest wallets of ${unit}, of which customers have ${amount}`);
  }
}

/** That the lowest counts of a chain stand there for every asset of its customers. */
function checkWindows(windows: readonly Declaration[], customers: ReadonlyMap<string, Coins>): void {
  const chains = new Set(windows.map((item) => item.name));
  const said = new Set<string>();
  for (const { name, unit, amount, tier, since, until } of windows) {
    const isBare = tier === null && since === null && until === null;
    demand(isBare, `the window of ${name} has other fields than a window has`);
    const key = coinsKey(name, unit ?? "");
    const coins = customers.get(key);
    demand(coins !== undefined, `it has a window for ${key}, where customers have no wallet`);
    demand((amount ?? 0n) <= (coins?.amount ?? 0n), `the lowest count of ${key} is above that at the pin`);
    said.add(key);
  }
  for (const [key, { chain, asset }] of customers) {
    const isSaid = !chains.has(chain) || said.has(key);
    demand(isSaid, `it has a window on ${chain}, and does not say the lowest count of ${asset} there`);
  }
}

/** That all lowest counts of a chain rest on one record, and nothing else on that: `others` are of other lines. */
function checkRecordsOfWindows(windows: readonly Declaration[], others: ReadonlySet<string>): void {
  const records = new Map<string, string>();
  for (const { name, evidenceLeaf } of windows) {
    const fits = (records.get(name) ?? evidenceLeaf) === evidenceLeaf;
    demand(fits, "the lowest counts of one chain rest on several records");
    records.set(name, evidenceLeaf);
  }
  const distinct = new Set([...records.values(), ...others]);
  demand(distinct.size === records.size + others.size, "a window rests on the record of another line");
}
