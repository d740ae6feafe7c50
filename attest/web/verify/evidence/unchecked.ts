/** What a statement says and step 11 did not check, and how much of an asset's coverage rests on it. */

import type { Reading } from "../records/readings.ts";
import type { Predicate } from "../statement/statement.ts";
import { groupKey, groupOf, isDisclosed, type ShownGroup } from "./line-sums.ts";

/** Records that are withheld, outputs that only a dump of all unspent ones shows, or what this page cannot check. */
export type Why = "unavailable" | "dump" | "beyond";

/** An amount in base units that was not checked; money has no chain and no storage. */
export interface UncheckedLine {
  readonly asset: string;
  readonly chain: string | null;
  readonly purpose: string;
  readonly storage: string | null;
  readonly amount: bigint;
  readonly why: Why;
}

/** What one coverage rests on that was not checked: base units by reason, and whether a lowest count is among it. */
export interface Rest {
  readonly unavailable: bigint;
  readonly dump: bigint;
  readonly beyond: bigint;
  readonly lowest: boolean;
}

/** `money` has the leaves of available bank documents, `beyond` the readings that this page checks in part. */
export function uncheckedLines(
  predicate: Predicate,
  lines: ReadonlyMap<string, ShownGroup>,
  money: ReadonlySet<string>,
  beyond: readonly Reading[],
): readonly UncheckedLine[] {
  const found: UncheckedLine[] = [];
  for (const line of lines.values()) {
    const { asset, chain, purpose, storage } = line;
    if (!isDisclosed(line)) {
      found.push({ asset, chain, purpose, storage, amount: line.stated - line.amount, why: "unavailable" });
    }
    if (line.waiting > 0) found.push({ asset, chain, purpose, storage, amount: line.waitingAmount, why: "dump" });
  }
  found.push(...addedUp(beyond));
  for (const { currency, purpose, amount, evidenceLeaf } of predicate.money) {
    if (money.has(evidenceLeaf)) continue;
    found.push({ asset: currency, chain: null, purpose, storage: null, amount, why: "unavailable" });
  }
  return found;
}

/** Readings as one amount for each line: there may be very many of them. */
function addedUp(readings: readonly Reading[]): Iterable<UncheckedLine> {
  const lines = new Map<string, UncheckedLine>();
  for (const reading of readings) {
    const { asset, chain, purpose, storage } = reading;
    const key = groupKey(groupOf(reading));
    const amount = (lines.get(key)?.amount ?? 0n) + reading.amount;
    lines.set(key, { asset, chain, purpose, storage, amount, why: "beyond" });
  }
  return lines.values();
}

/** What the coverage of an asset rests on; `lowest` has the assets whose lowest count was not recomputed. */
export function restOf(unchecked: readonly UncheckedLine[], lowest: ReadonlySet<string>, asset: string): Rest {
  const sum = (why: Why): bigint =>
    unchecked
      .filter((line) => line.asset === asset && line.purpose === "customer" && line.why === why)
      .reduce((total, line) => total + line.amount, 0n);
  return {
    unavailable: sum("unavailable"),
    dump: sum("dump"),
    beyond: sum("beyond"),
    lowest: lowest.has(asset),
  };
}
