/** Lines of reserves held against the sums of the readings that are disclosed. */

import { failed } from "../ground/errors.ts";
import { deniedOf, type Reading } from "../records/readings.ts";
import type { ReserveLine } from "../statement/statement.ts";

/** What lines of one group have alike: all that makes a line but its control, which no reading says. */
export interface Group {
  readonly asset: string;
  readonly chain: string;
  readonly purpose: string;
  readonly storage: string;
  readonly evidence: string;
}

/** One text for each group: none of its parts has a space. */
export function groupKey(line: Group): string {
  return [line.asset, line.chain, line.purpose, line.storage, line.evidence].join(" ");
}

/** The group of lines that a reading belongs to. */
export function groupOf(reading: Reading): Group {
  const { asset, chain, purpose, storage, level } = reading;
  return { asset, chain, purpose, storage, evidence: level };
}

/** What the lines of one group state, and how much of it readings show; amounts are in base units. */
export interface ShownGroup extends Group {
  readonly stated: bigint;
  readonly statedWallets: number;
  readonly statedDenied: bigint;
  amount: bigint;
  wallets: number;
  denied: bigint;
  /** Of `wallets` and `amount`, those that count as rechecked only with a dump of unspent outputs. */
  waiting: number;
  waitingAmount: bigint;
}

/** Whether every reading of the group is disclosed. */
export function isDisclosed(line: ShownGroup): boolean {
  return line.wallets === line.statedWallets;
}

/** Whether a balance counts as rechecked only with a dump of all unspent outputs. */
export function needsDump(reading: Reading): boolean {
  return reading.type === "bitcoin-utxos" && reading.level === "proven";
}

/**
 * The groups by their keys, with what the readings of the pins show of them. One whose wallets are all disclosed equals
 * their sum, and of another no more is disclosed than it states. When all records are available, all are disclosed.
 */
export function checkLines(
  readings: readonly Reading[],
  reserves: readonly ReserveLine[],
  isComplete: boolean,
): ReadonlyMap<string, ShownGroup> {
  const lines = statedLines(reserves);
  for (const reading of readings) {
    const key = groupKey(groupOf(reading));
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

function statedLines(reserves: readonly ReserveLine[]): Map<string, ShownGroup> {
  const lines = new Map<string, ShownGroup>();
  for (const line of reserves) {
    const { asset, chain, purpose, storage, evidence } = line;
    const before = lines.get(groupKey(line));
    lines.set(groupKey(line), {
      ...{ asset, chain, purpose, storage, evidence },
      stated: (before?.stated ?? 0n) + line.amount,
      statedWallets: (before?.statedWallets ?? 0) + line.wallets,
      statedDenied: (before?.statedDenied ?? 0n) + (line.denied ?? 0n),
      ...{ amount: 0n, wallets: 0, denied: 0n, waitingAmount: 0n, waiting: 0 },
    });
  }
  return lines;
}

function compare(key: string, line: ShownGroup, isComplete: boolean): void {
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
