/** The readings at the blocks of windows: of the same wallets as at the pin, and what these held at the lowest. */

import { failed } from "../ground/errors.ts";
import { tuple } from "../ground/texts.ts";
import { naming } from "../records/naming.ts";
import { challengedPlace, placesOf } from "../records/places.ts";
import { isOfToken, isReading, type Reading } from "../records/readings.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import type { Declaration, Predicate } from "../statement/statement.ts";
import { blockKey, type Pin } from "./chains.ts";
import { refuseDoubleCounting } from "./counting.ts";
import { groupKey, isDisclosed, type ShownGroup } from "./line-sums.ts";

/**
 * See that each block has the customers' balances that are disclosed of the pin, and no other, and that an output which
 * is in several readings is the same one in all.
 */
export function checkBalancesAt(readings: ReadonlyMap<number, Reading>, blocks: ReadonlyMap<string, Pin>): void {
  const sets = new Map<string, Map<string, Reading>>();
  const outputs = new Map<string, string>();
  for (const [index, reading] of readings) {
    naming(index, reading, () => {
      const place = blockKey(reading.chain, reading.window);
      const set = sets.get(place) ?? new Map<string, Reading>();
      sets.set(place, set);
      const balance = balanceOf(reading);
      if (!set.has(balance)) set.set(balance, reading);
      else if (reading.window !== null) throw failed("recheck/window", "the balance stands there twice");
      checkSameOutputs(reading, outputs);
    });
  }
  for (const [key, block] of blocks) {
    const here = sets.get(key) ?? new Map<string, Reading>();
    const pinned = [...(sets.get(block.chain) ?? [])].filter(([, reading]) => reading.purpose === "customer");
    compareBalances(new Map(pinned), here, block);
  }
}

function checkSameOutputs(reading: Reading, outputs: Map<string, string>): void {
  if (reading.type !== "bitcoin-utxos") return;
  for (const { txid, vout, script, amount, height } of reading.utxos) {
    const place = `${reading.chain} ${txid}:${vout}`;
    const said = `${script} ${amount} ${height}`;
    const other = outputs.get(place) ?? said;
    if (other !== said) throw failed("recheck/window", `${txid}:${vout} is another output at another block`);
    outputs.set(place, said);
  }
}

function compareBalances(pinned: ReadonlyMap<string, Reading>, here: ReadonlyMap<string, Reading>, block: Pin): void {
  for (const [balance, reading] of [...pinned, ...here]) {
    const [atPin, atBlock] = [pinned.get(balance), here.get(balance)];
    if (atPin === undefined || atBlock === undefined || slotsDiffer(atPin, atBlock)) {
      const where = atPin === undefined ? "the pin" : `block ${block.height}`;
      throw failed(
        "recheck/window",
        `${reading.asset} of wallet ${reading.wallet} on ${block.chain} has no reading at ${where}, or it is not of ` +
          "the same place",
      );
    }
  }
}

/** Whether a token's balance was proven in two slots; one that only nodes tell is in none. */
function slotsDiffer(one: Reading, other: Reading): boolean {
  if (one.type !== "ethereum-token-balance" || other.type !== "ethereum-token-balance") return false;
  return one.slot !== other.slot || one.layout !== other.layout;
}

/** What may not differ in one balance between blocks, as one text. */
function balanceOf(reading: Reading): string {
  const { wallet, asset, purpose, storage, custodian } = reading;
  const place = reading.type === "bitcoin-utxos" ? null : reading.address.toLowerCase();
  const contract = isOfToken(reading) ? reading.contract.toLowerCase() : null;
  return tuple(wallet, asset, purpose, storage, custodian, place, contract);
}

/** At no block are coins counted twice. */
export function refuseDoubleCountingAt(readings: Iterable<Reading>): void {
  const sets = new Map<string, Reading[]>();
  for (const reading of readings) {
    const key = blockKey(reading.chain, reading.window);
    const set = sets.get(key) ?? [];
    set.push(reading);
    sets.set(key, set);
  }
  for (const set of sets.values()) refuseDoubleCounting(set);
}

/** The window of one chain, as its record has it. */
export interface RecheckedWindow {
  readonly chain: string;
  /** Of its record. */
  readonly leaf: string;
  readonly nonce: string;
  readonly before: number;
  readonly after: number;
  readonly blocks: readonly Pin[];
  /** The lowest counts that could be recomputed, by asset. */
  readonly lowest: ReadonlyMap<string, bigint>;
}

/** By chain what the windows showed, after all their readings were rechecked. */
export function recheckedWindows(
  records: Records,
  predicate: Predicate,
  lines: ReadonlyMap<string, ShownGroup>,
  blocks: ReadonlyMap<string, Pin>,
): ReadonlyMap<string, RecheckedWindow> {
  const found = new Map<string, RecheckedWindow>();
  if (blocks.size === 0) return found;
  const every = [...records.values()];
  const counts = lowestCounts(every.filter((record) => isReading(record)));
  const unknown = unexplained(every);
  for (const line of predicate.reserves) {
    const shown = lines.get(groupKey(line));
    if (line.purpose === "customer" && (shown === undefined || !isDisclosed(shown))) {
      unknown.add(`${line.chain} ${line.asset}`);
    }
  }
  for (const record of every) {
    if (record.type !== "window") continue;
    const { chain, leaf, nonce, before, after } = record;
    const lowest = [...(counts.get(chain) ?? [])].filter(([asset]) => !unknown.has(`${chain} ${asset}`));
    const drawn = record.heights.flatMap((height) => blocks.get(blockKey(chain, height)) ?? []);
    found.set(chain, { chain, leaf, nonce, before, after, blocks: drawn, lowest: new Map(lowest) });
  }
  return found;
}

/** By chain and asset, the least that customers' wallets held at the pin or at a block of the window. */
function lowestCounts(readings: readonly Reading[]): ReadonlyMap<string, ReadonlyMap<string, bigint>> {
  const totals = new Map<string, Map<string, Map<number | null, bigint>>>();
  for (const { purpose, chain, asset, window, amount } of readings) {
    if (purpose !== "customer") continue;
    const ofChain = totals.get(chain) ?? new Map<string, Map<number | null, bigint>>();
    totals.set(chain, ofChain);
    const ofAsset = ofChain.get(asset) ?? new Map<number | null, bigint>();
    ofChain.set(asset, ofAsset);
    ofAsset.set(window, (ofAsset.get(window) ?? 0n) + amount);
  }
  const least = (amounts: Iterable<bigint>): bigint =>
    [...amounts].reduce((one, other) => (other < one ? other : one));
  return new Map(
    [...totals].map(([chain, assets]) => [
      chain,
      new Map([...assets].map(([asset, amounts]) => [asset, least(amounts.values())])),
    ]),
  );
}

/**
 * The chains and assets with outputs in a window that nothing available shows to be of the wallet: their script holds
 * none of its coins at the pin and signed no challenge as its own, and its descriptor is withheld.
 */
function unexplained(records: readonly AnyRecord[]): Set<string> {
  const described = new Set<string>();
  const known = new Set<string>();
  for (const record of records) {
    if (record.type === "bitcoin-descriptor") described.add(record.wallet);
    else if (record.type === "control") known.add(`${record.wallet} ${challengedPlace(record.challenge)}`);
    else if (record.type === "bitcoin-utxos" && record.window === null) {
      for (const place of placesOf(record)) known.add(`${record.wallet} ${place}`);
    }
  }
  const found = new Set<string>();
  for (const record of records) {
    if (record.type !== "bitcoin-utxos" || record.window === null || described.has(record.wallet)) continue;
    for (const place of placesOf(record)) {
      if (!known.has(`${record.wallet} ${place}`)) found.add(`${record.chain} ${record.asset}`);
    }
  }
  return found;
}

/**
 * Compare the declared lowest counts with those that were recomputed; return the declarations whose count was not.
 */
export function checkLowest(
  predicate: Predicate,
  windows: ReadonlyMap<string, RecheckedWindow>,
  isComplete: boolean,
): readonly Declaration[] {
  const declared = predicate.declarations.filter((item) => item.kind === "window");
  const named = new Set(declared.map((item) => item.name));
  for (const [chain, { blocks }] of windows) {
    if (blocks.some((block) => block.time > predicate.issuedAt)) {
      throw failed("recheck/window", `a drawn block of ${chain} is younger than the statement`);
    }
    if (!named.has(chain)) {
      throw failed("recheck/window", `a window of ${chain} was read, and the statement does not say its lowest counts`);
    }
  }
  return declared.filter((item) => {
    const window = windows.get(item.name);
    if (window === undefined && isComplete) {
      throw failed("recheck/window", `the statement has a window of ${item.name}, the evidence has none`);
    }
    if (window !== undefined && window.leaf !== item.evidenceLeaf) {
      throw failed("recheck/window", `the window of ${item.name} is not the one that the statement names`);
    }
    const lowest = window?.lowest.get(item.unit ?? "");
    if (lowest !== undefined && lowest !== item.amount) {
      throw failed(
        "recheck/window",
        `the lowest count of ${item.unit ?? ""} on ${item.name} is ${lowest}, the statement says ${item.amount ?? 0n}`,
      );
    }
    return lowest === undefined;
  });
}

/** A verifier who knows the nonce of windows takes those of no other, and no statement without any. */
export function checkNonce(predicate: Predicate, windows: ReadonlyMap<string, RecheckedWindow>, nonce: string): void {
  if (!predicate.declarations.some((item) => item.kind === "window")) {
    throw failed("recheck/window", `the auditor drew the nonce ${nonce}, and the statement has no window`);
  }
  for (const [chain, window] of windows) {
    if (window.nonce !== nonce) {
      throw failed("recheck/window", `the window of ${chain} was drawn by another nonce than the auditor's`);
    }
  }
}

