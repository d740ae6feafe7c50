/** Lines of a statement held against what is disclosed: sums of readings, and documents that they name by leaf. */

import { failed } from "../ground/errors.ts";
import type { DeclaredBalance, Money } from "../records/documents.ts";
import { deniedOf, type Reading } from "../records/readings.ts";
import type { AnyRecord } from "../records/record.ts";
import type { HeldLine, MoneyLine, ReserveLine } from "../statement/statement.ts";

/** What a line is, but for its control, which no reading says. */
export interface LineOf {
  readonly asset: string;
  readonly chain: string;
  readonly purpose: string;
  readonly storage: string;
  readonly evidence: string;
}

/** One text for each `LineOf`: none of its parts has a space. */
export function lineKey(line: LineOf): string {
  return [line.asset, line.chain, line.purpose, line.storage, line.evidence].join(" ");
}

/** The line that a reading belongs to. */
export function lineOf(reading: Reading): LineOf {
  const { asset, chain, purpose, storage, level } = reading;
  return { asset, chain, purpose, storage, evidence: level };
}

/** How much of the lines of one `lineKey` readings show; `waiting` of the wallets need a dump of unspent outputs. */
export interface Shown extends LineOf {
  readonly stated: bigint;
  readonly statedWallets: number;
  readonly statedDenied: bigint;
  amount: bigint;
  wallets: number;
  denied: bigint;
  waitingAmount: bigint;
  waiting: number;
}

/** Whether every reading of the line is disclosed. */
export function isDisclosed(line: Shown): boolean {
  return line.wallets === line.statedWallets;
}

/** Whether a balance counts as rechecked only with a dump of all unspent outputs. */
export function needsDump(reading: Reading): boolean {
  return reading.type === "bitcoin-utxos" && reading.level === "proven";
}

/**
 * How much of each line the readings of the pins show. A line whose wallets are all disclosed equals their sum, and of
 * another no more is disclosed than it states. When all records are here, every line must be disclosed.
 */
export function checkLines(
  readings: readonly Reading[],
  reserves: readonly ReserveLine[],
  isComplete: boolean,
): ReadonlyMap<string, Shown> {
  const lines = statedLines(reserves);
  for (const reading of readings) {
    const key = lineKey(lineOf(reading));
    const line = lines.get(key);
    if (line === undefined) {
      throw failed("recheck/line", `wallet ${reading.wallet} has no line in the statement: ${key}`);
    }
    line.amount += reading.amount;
    line.wallets += 1;
    line.denied += deniedOf(reading);
    if (needsDump(reading)) {
      line.waitingAmount += reading.amount;
      line.waiting += 1;
    }
  }
  for (const [key, line] of lines) compare(key, line, isComplete);
  return lines;
}

function statedLines(reserves: readonly ReserveLine[]): Map<string, Shown> {
  const lines = new Map<string, Shown>();
  for (const line of reserves) {
    const { asset, chain, purpose, storage, evidence } = line;
    const before = lines.get(lineKey(line));
    lines.set(lineKey(line), {
      ...{ asset, chain, purpose, storage, evidence },
      stated: (before?.stated ?? 0n) + line.amount,
      statedWallets: (before?.statedWallets ?? 0) + line.wallets,
      statedDenied: (before?.statedDenied ?? 0n) + (line.denied ?? 0n),
      ...{ amount: 0n, wallets: 0, denied: 0n, waitingAmount: 0n, waiting: 0 },
    });
  }
  return lines;
}

function compare(key: string, line: Shown, isComplete: boolean): void {
  const isWhole = isDisclosed(line);
  const mayBePart = !isComplete && line.wallets < line.statedWallets && line.amount <= line.stated;
  if (isWhole ? line.amount !== line.stated : !mayBePart) {
    throw failed(
      "recheck/line",
      `${key}: ${line.wallets} readings add up to ${line.amount}, the statement says ${line.stated} in ` +
        `${line.statedWallets} wallets`,
    );
  }
  if (line.denied > line.statedDenied || (isWhole && line.denied !== line.statedDenied)) {
    throw failed(
      "recheck/denied",
      `${key}: readings whose token denies transfers add up to ${line.denied}, the statement says ${line.statedDenied}`,
    );
  }
}

/** The leaves of the lines of money whose document is here; each document says what its line says, and counts once. */
export function checkMoney(records: readonly AnyRecord[], lines: readonly MoneyLine[]): ReadonlySet<string> {
  const said = (item: Money | MoneyLine): string => texts(item.currency, item.purpose, item.amount);
  return matched(
    records.filter((record) => record.type === "money").map((record) => ({
      leaf: record.leaf,
      counts: texts(record.sha256, record.currency),
      said: said(record),
      name: record.document,
    })),
    new Map(lines.map((line) => [line.evidenceLeaf, said(line)])),
    "recheck/money",
  );
}

/** As `checkMoney`, of the documents in which custodians say what they hold. */
export function checkHeld(records: readonly AnyRecord[], lines: readonly HeldLine[]): ReadonlySet<string> {
  const said = (item: DeclaredBalance | HeldLine): string =>
    texts(item.asset, item.chain, item.purpose, item.custodian, item.amount);
  return matched(
    records.filter((record) => record.type === "declared-balance").map((record) => ({
      leaf: record.leaf,
      counts: texts(record.sha256, record.asset),
      said: said(record),
      name: record.document,
    })),
    new Map(lines.map((line) => [line.evidenceLeaf, said(line)])),
    "recheck/held",
  );
}

/** Several values as one text, by which they are compared: equal texts are equal values. */
export function texts(...values: readonly (string | number | bigint | null)[]): string {
  return JSON.stringify(values.map((value) => (typeof value === "bigint" ? value.toString() : value)));
}

interface Document {
  readonly leaf: string;
  readonly counts: string;
  readonly said: string;
  readonly name: string;
}

function matched(
  documents: readonly Document[],
  lines: ReadonlyMap<string, string>,
  code: string,
): ReadonlySet<string> {
  const byLeaf = new Map(documents.map((document) => [document.leaf, document]));
  if (new Set([...byLeaf.values()].map((document) => document.counts)).size !== byLeaf.size) {
    throw failed(code, "one document is counted twice");
  }
  for (const [leaf, document] of byLeaf) {
    const line = lines.get(leaf);
    if (line === undefined) throw failed(code, `the document ${document.name} belongs to no line of the statement`);
    if (line !== document.said) throw failed(code, `the document ${document.name} says something else than its line`);
  }
  return new Set(byLeaf.keys());
}
