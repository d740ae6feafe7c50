/** Step 11: every figure of the statement held against the records, as far as no dump of unspent outputs is needed. */

import { failed } from "../ground/errors.ts";
import type { Findings } from "../ground/step.ts";
import { naming } from "../records/naming.ts";
import { isReading, type Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { Predicate, Statement } from "../statement/statement.ts";
import { checkReading } from "./balances.ts";
import { type Block, blockKey, newBlock, note, type Pin } from "./chains.ts";
import { checkCoins, refuseDoubleCounting, refuseOwn, refuseTwoAssets, refuseTwoPurposes } from "./counting.ts";
import { checkDeclarations } from "./declared.ts";
import { checkDescriptors } from "./descriptors.ts";
import { checkContracts, checkHeld, checkMoney } from "./documents.ts";
import { type Documents, type Found, statedLeaves } from "./found.ts";
import { checkLines, isDisclosed, needsDump, type ShownGroup } from "./line-sums.ts";
import { checkSafes } from "./safes.ts";
import { tell } from "./telling.ts";
import { type Rest, restOf, type UncheckedLine, uncheckedLines } from "./unchecked.ts";
import { drawnBlocks } from "./window-draw.ts";
import {
  checkBalancesAt,
  checkLowest,
  checkNonce,
  type RecheckedWindow,
  recheckedWindows,
  refuseDoubleCountingAt,
} from "./windows.ts";

export type { Rest, UncheckedLine, Why } from "./unchecked.ts";

/** What step 11 found. */
export interface Rechecked {
  readonly unchecked: readonly UncheckedLine[];
  /** The assets whose lowest count around the pins was not recomputed. */
  readonly lowest: ReadonlySet<string>;
  readonly recordsAvailable: number;
}

/** What the coverage of an asset rests on that step 11 did not check. */
export function restsOn(rechecked: Rechecked, asset: string): Rest {
  return restOf(rechecked.unchecked, rechecked.lowest, asset);
}

export function recheckEvidence(
  statement: Statement,
  records: Records,
  windowNonce: string | null,
  findings: Findings,
): Rechecked {
  const { predicate } = statement;
  const isComplete = records.size === predicate.evidence.count;
  const pins = new Map(predicate.chains.map((pin) => [pin.chain, pin]));
  const drawn = drawnBlocks(records, pins);
  const { readings, described } = checkBalances(records, predicate, pins, drawn);
  const lines = checkLines(readings, predicate.reserves, isComplete);
  const windows = recheckedWindows(records, predicate, lines, drawn);
  const documents = checkDocuments(records, readings, predicate, lines, windows);
  const lowestUnknown = checkLowest(predicate, windows, isComplete);
  if (isComplete) requireDocuments(predicate, documents);
  if (windowNonce !== null) checkNonce(predicate, windows, windowNonce);
  const found = { predicate, records, readings, lines, documents, windows, lowestUnknown, described };
  tell(found, findings);
  return conclude(found);
}

interface Balances {
  /** Those of the pins. */
  readonly readings: readonly Reading[];
  /** The wallets whose descriptor this page cannot derive. */
  readonly described: ReadonlySet<string>;
}

/** Recompute every balance, and see that none counts twice. */
function checkBalances(
  records: Records,
  predicate: Predicate,
  pins: ReadonlyMap<string, Pin>,
  drawn: ReadonlyMap<string, Pin>,
): Balances {
  const blocks = new Map<string, Block>([...pins].map(([chain, pin]) => [chain, newBlock(pin)]));
  for (const [key, pin] of drawn) blocks.set(key, newBlock(pin, blocks.get(blockKey(pin.chain, null))?.trie));
  for (const [index, record] of records) naming(index, record, () => note(record, blocks));
  const every = new Map<number, Reading>();
  for (const [index, record] of records) if (isReading(record)) every.set(index, record);
  const described = checkDescriptors(records, every.values());
  checkBalancesAt(every, drawn);
  const decimals = new Map(predicate.assets.map((item) => [item.asset, item.decimals]));
  for (const [index, reading] of every) naming(index, reading, () => checkReading(reading, blocks, decimals));
  checkSafes(records, blocks);
  const all = [...every.values()];
  const readings = all.filter((reading) => reading.window === null);
  refuseDoubleCountingAt(all.filter((reading) => reading.window !== null));
  refuseDoubleCounting(readings);
  checkCoins(readings);
  refuseTwoAssets(all, predicate.assets);
  refuseTwoPurposes(all);
  refuseOwn(all, [...records.values()].filter((record) => record.type === "own-wallet"));
  return { readings, described };
}

function checkDocuments(
  records: Records,
  readings: readonly Reading[],
  predicate: Predicate,
  lines: ReadonlyMap<string, ShownGroup>,
  windows: ReadonlyMap<string, RecheckedWindow>,
): Documents {
  const every = [...records.values()];
  const money = checkMoney(every, predicate.money);
  const held = checkHeld(every, predicate.held ?? []);
  const declared = checkDeclarations(every, readings, predicate.declarations, wholeAssets(lines));
  const cover = checkContracts(every, predicate.cover, predicate.prices);
  const leaves = new Set([...money, ...held, ...cover, ...[...windows.values()].map((window) => window.leaf)]);
  for (const record of every) if (record.type === "declaration") leaves.add(record.leaf);
  const hasPrices = predicate.prices.length === 0 || every.some((record) => record.type === "prices");
  return { money, held, cover, leaves, hasPrices, declared };
}

/** The assets of which every reading of customers' coins is disclosed. */
function wholeAssets(lines: ReadonlyMap<string, ShownGroup>): ReadonlySet<string> {
  const customers = [...lines.values()].filter((line) => line.purpose === "customer");
  const missing = new Set(customers.filter((line) => !isDisclosed(line)).map((line) => line.asset));
  return new Set(customers.map((line) => line.asset).filter((asset) => !missing.has(asset)));
}

function requireDocuments(predicate: Predicate, documents: Documents): void {
  const hasAll = statedLeaves(predicate).every((leaf) => documents.leaves.has(leaf));
  if (!hasAll || !documents.hasPrices) {
    throw failed("recheck/documents", "a line has no record behind it, and all records are available");
  }
}

function conclude(found: Found): Rechecked {
  const { predicate, records, readings, lines, documents, described } = found;
  const beyond = readings.filter((reading) => described.has(reading.wallet) && !needsDump(reading));
  const lowest = new Set(found.lowestUnknown.map((item) => item.unit ?? ""));
  for (const reading of records.values()) {
    if (reading.type === "bitcoin-utxos" && reading.window !== null && described.has(reading.wallet)) {
      lowest.add(reading.asset);
    }
  }
  return {
    unchecked: uncheckedLines(predicate, lines, documents.money, beyond),
    lowest,
    recordsAvailable: records.size,
  };
}
