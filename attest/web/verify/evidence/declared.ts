/** What is declared, held against its records, and against the readings that figures of concentration follow from. */

import { failed } from "../ground/errors.ts";
import { tuple } from "../ground/texts.ts";
import type { DeclarationRecord } from "../records/documents.ts";
import type { Reading } from "../records/readings.ts";
import type { AnyRecord } from "../records/record.ts";
import type { Declaration } from "../statement/statement.ts";

/** The name that a statement gives to a largest wallet which is not public. */
const HIDDEN = "not public";

export interface Declared {
  /** How many declarations of management have a signed form among the records. */
  readonly forms: number;
  /** How many figures follow from the readings. */
  readonly figures: number;
}

/**
 * Compare the declarations with their records, and those that follow from readings with these. `whole` are the assets
 * of which every reading of customers' coins is disclosed, `readings` those of the pins.
 */
export function checkDeclarations(
  records: readonly AnyRecord[],
  readings: readonly Reading[],
  stated: readonly Declaration[],
  whole: ReadonlySet<string>,
): Declared {
  const byLeaf = new Map<string, DeclarationRecord>();
  for (const record of records) if (record.type === "declaration") byLeaf.set(record.leaf, record);
  const computed = concentration(readings);
  let forms = 0;
  let figures = 0;
  for (const line of stated) {
    const record = byLeaf.get(line.evidenceLeaf);
    byLeaf.delete(line.evidenceLeaf);
    if (record !== undefined && saidBy(record) !== saidBy(line)) {
      throw failed("declaration/record", `the record of ${nameOf(line)} says something else`);
    }
    if (line.kind !== "custodian" && line.kind !== "largest-wallet" && line.kind !== "window") {
      if (record === undefined) continue;
      if (record.signatory === null || record.document === null || record.sha256 === null) {
        throw failed("declaration/form", `the record of ${nameOf(line)} names no signed form and who signed it`);
      }
      forms += 1;
    } else if (line.kind !== "window" && line.unit !== null && whole.has(line.unit)) {
      figures += 1;
      if (!isComputed(line, line.unit, computed)) {
        throw failed("declaration/figure", `the readings add up to something else than ${nameOf(line)}`);
      }
    }
  }
  if (byLeaf.size > 0) {
    throw failed("declaration/record", "the record of a declaration belongs to none in the statement");
  }
  const expected = computed.units.filter((unit) => whole.has(unit)).length;
  if (figures !== expected) {
    throw failed(
      "declaration/figure",
      `the statement has ${figures} figures of concentration, the readings ${expected}`,
    );
  }
  return { forms, figures };
}

interface Concentration {
  /** What is to be declared, as `saidBy` has it. */
  readonly said: ReadonlySet<string>;
  /** The unit of each of these declarations. */
  readonly units: readonly string[];
  /** What the largest wallet of an asset has. */
  readonly largest: ReadonlyMap<string, bigint>;
}

interface Wallet {
  readonly id: string;
  readonly amount: bigint;
}

/** By the readings of the pins: per asset the largest wallet of customers' coins, and what each custodian keeps. */
function concentration(readings: readonly Reading[]): Concentration {
  const wallets = new Map<string, Map<string, bigint>>();
  const custodians = new Map<string, Map<string, bigint>>();
  for (const reading of readings) {
    if (reading.purpose !== "customer") continue;
    add(wallets, reading.asset, reading.wallet, reading.amount);
    if (reading.custodian !== null) add(custodians, reading.asset, reading.custodian, reading.amount);
  }
  const said = new Set<string>();
  const units: string[] = [];
  const largest = new Map<string, bigint>();
  const declare = (kind: string, name: string, unit: string, amount: bigint): void => {
    said.add(saidBy({ kind, name, unit, amount, tier: null, since: null, until: null }));
    units.push(unit);
  };
  for (const [asset, amounts] of wallets) {
    const wallet = largestOf(amounts);
    if (wallet.amount > 0n) {
      declare("largest-wallet", wallet.id, asset, wallet.amount);
      largest.set(asset, wallet.amount);
    }
    for (const [name, amount] of custodians.get(asset) ?? []) {
      if (amount > 0n) declare("custodian", name, asset, amount);
    }
  }
  return { said, units, largest };
}

function add(amounts: Map<string, Map<string, bigint>>, asset: string, name: string, amount: bigint): void {
  const ofAsset = amounts.get(asset) ?? new Map<string, bigint>();
  ofAsset.set(name, (ofAsset.get(name) ?? 0n) + amount);
  amounts.set(asset, ofAsset);
}

/** Of wallets with equally much, that whose id is the last in order. */
function largestOf(amounts: ReadonlyMap<string, bigint>): Wallet {
  let largest: Wallet = { id: "", amount: 0n };
  for (const [id, amount] of amounts) {
    if (amount > largest.amount || (amount === largest.amount && id > largest.id)) largest = { id, amount };
  }
  return largest;
}

function isComputed(line: Declaration, unit: string, computed: Concentration): boolean {
  if (line.kind === "largest-wallet" && line.name === HIDDEN) return computed.largest.get(unit) === line.amount;
  // Of which tier a custodian is, the readings do not say: that is management's word.
  return computed.said.has(saidBy(line.kind === "custodian" ? { ...line, tier: null } : line));
}

type Said = Pick<DeclarationRecord, "kind" | "name" | "unit" | "amount" | "tier" | "since" | "until">;

function saidBy(item: Said): string {
  return tuple(item.kind, item.name, item.unit, item.amount, item.tier, item.since, item.until);
}

function nameOf(line: Declaration): string {
  return [line.kind, line.name, line.unit ?? ""].join(" ").trim();
}
