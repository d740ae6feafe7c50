/** Documents that lines of money, held and cover name by leaf, and lists of prices, held against these lines. */

import { failed } from "../ground/errors.ts";
import { tuple } from "../ground/texts.ts";
import type { DeclaredBalance, Money } from "../records/documents.ts";
import type { AnyRecord } from "../records/record.ts";
import type { Cover, HeldLine, MoneyLine, Price } from "../statement/statement.ts";

/** The leaves of the lines of money whose document is available; each says what its line says, and counts once. */
export function checkMoney(records: readonly AnyRecord[], lines: readonly MoneyLine[]): ReadonlySet<string> {
  const said = (item: Money | MoneyLine): string => tuple(item.currency, item.purpose, item.amount);
  return matched(
    records.filter((record) => record.type === "money").map((record) => ({
      leaf: record.leaf,
      counts: tuple(record.sha256, record.currency),
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
    tuple(item.asset, item.chain, item.purpose, item.custodian, item.amount);
  return matched(
    records.filter((record) => record.type === "declared-balance").map((record) => ({
      leaf: record.leaf,
      counts: tuple(record.sha256, record.asset),
      said: said(record),
      name: record.document,
    })),
    new Map(lines.map((line) => [line.evidenceLeaf, said(line)])),
    "recheck/held",
  );
}

interface Document {
  readonly leaf: string;
  /** Its digest, and the currency or asset that it counts in: no two documents count alike. */
  readonly counts: string;
  /** What it says, as its line must say it. */
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

/** The leaves of the lines of `cover` whose contract is available; prices have one list, no document counts twice. */
export function checkContracts(
  records: readonly AnyRecord[],
  cover: readonly Cover[],
  prices: readonly Price[],
): ReadonlySet<string> {
  const lines = new Map(cover.map((line) => [line.evidenceLeaf, tuple(line.form, line.currency, line.limit)]));
  const counted = new Set<string>();
  for (const record of records) {
    if (record.type === "money") counted.add(tuple(record.sha256, record.currency));
  }
  const found = new Set<string>();
  let lists = 0;
  for (const record of records) {
    if (record.type === "declared-balance") {
      countOnce(counted, tuple(record.sha256, record.asset), record.document, "recheck/held");
    } else if (record.type === "cover") {
      countOnce(counted, tuple(record.sha256, record.currency), record.document, "policy/cover");
      if (lines.get(record.leaf) !== tuple(record.form, record.currency, record.limit)) {
        throw failed("policy/cover", `the statement says something else than the contract ${record.document}`);
      }
      found.add(record.leaf);
    } else if (record.type === "prices") {
      lists += 1;
      if (lists > 1) throw failed("policy/prices", `${record.document} is a second list of prices`);
      if (record.count !== prices.length) {
        throw failed("policy/prices", `${record.document} has ${record.count} prices, not ${prices.length}`);
      }
    }
  }
  return found;
}

function countOnce(counted: Set<string>, counts: string, document: string, code: string): void {
  if (counted.has(counts)) throw failed(code, `the document ${document} is counted twice`);
  counted.add(counts);
}
