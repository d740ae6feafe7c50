/** What a customer is owed, and what comes of comparing it with what the customer expects. */

import { amountText } from "../ground/amounts.ts";
import { fromHex, toHex } from "../ground/bytes.ts";
import { accountDigest, normaliseAccount } from "../liabilities/accounts.ts";
import type { Holding, OwnedLeaf } from "../liabilities/proof.ts";
import { leafOf } from "../liabilities/tree.ts";
import type { Verification } from "../verify.ts";
import { clipped, typedAmount } from "./format.ts";
import type { Phrase } from "./phrase.ts";
import type { Texts } from "./texts.en.ts";

/** More assets than this are not offered for typing. */
const MAX_OTHERS = 60;
const MAX_LEAVES = 64;

/** What stands for a customer in a tree, in the clear and as it was hashed. */
export interface LeafView {
  readonly index: string;
  readonly salt: string;
  readonly amount: string;
  readonly hash: string;
}

/** One asset. */
export interface OwedRow {
  readonly asset: string;
  readonly decimals: number;
  /** In base units; 0 where the proof has nothing. */
  readonly amount: bigint;
  readonly text: string;
  readonly leaves: readonly LeafView[];
  /** How many leaves there are, of which not all may be listed. */
  readonly parts: number;
}

export interface Owed {
  readonly account: string;
  /** The hash of the account that stands in every leaf, hex. */
  readonly accountHash: string;
  readonly rows: readonly OwedRow[];
  /** Assets of the statement in which the proof has nothing. */
  readonly others: readonly OwedRow[];
  /** How many of them are not listed. */
  readonly more: number;
}

/** What the verified proof says that the customer is owed; null where there is none. */
export function owedOf({ account, holdings, statement }: Verification): Owed | null {
  if (account === null || statement === null || holdings.length === 0) return null;
  const digest = accountDigest(account);
  const byAsset = new Map(holdings.map((holding) => [holding.asset, holding]));
  const rows: OwedRow[] = [];
  const others: OwedRow[] = [];
  for (const { asset, decimals } of statement.predicate.assets) {
    const holding = byAsset.get(asset);
    if (holding !== undefined) rows.push(rowOf(holding, decimals, digest));
    else others.push({ asset, decimals, amount: 0n, text: amountText(0n, decimals), leaves: [], parts: 0 });
  }
  return {
    account: clipped(normaliseAccount(account)),
    accountHash: toHex(digest),
    rows,
    others: others.slice(0, MAX_OTHERS),
    more: Math.max(0, others.length - MAX_OTHERS),
  };
}

/** A proof whose every leaf is of 0, as honest totals have for nobody. */
export function isOfNothing({ rows }: Owed): boolean {
  return rows.every(({ amount }) => amount === 0n);
}

function rowOf(holding: Holding, decimals: number, account: Uint8Array): OwedRow {
  return {
    asset: holding.asset,
    decimals,
    amount: holding.amount,
    text: amountText(holding.amount, decimals),
    leaves: holding.leaves.slice(0, MAX_LEAVES).map((leaf) => leafView(leaf, account)),
    parts: holding.leaves.length,
  };
}

function leafView(leaf: OwnedLeaf, account: Uint8Array): LeafView {
  return {
    index: String(leaf.index),
    salt: leaf.salt,
    amount: leaf.amount.toString(),
    hash: toHex(leafOf(fromHex(leaf.salt), account, leaf.amount).hash),
  };
}

export type Outcome = "none" | "same" | "less" | "more" | "unreadable";

export interface Comparison {
  readonly outcome: Outcome;
  readonly text: Phrase;
}

/** What is stated, against what someone typed. */
export function compared(row: OwedRow, typed: string, texts: Texts): Comparison {
  const found = typedAmount(typed, row.asset, row.decimals);
  switch (found.kind) {
    case "none":
      return { outcome: "none", text: [] };
    case "unreadable":
      return { outcome: "unreadable", text: [texts.mine.unreadable] };
    case "too fine":
      return { outcome: "unreadable", text: [texts.mine.tooFine(row.decimals)] };
    case "amount":
      break;
  }
  const difference = row.amount - found.amount;
  if (difference === 0n) return { outcome: "same", text: [texts.mine.same] };
  return difference < 0n
    ? { outcome: "less", text: texts.mine.less(amountText(-difference, row.decimals), row.asset) }
    : { outcome: "more", text: texts.mine.more(amountText(difference, row.decimals), row.asset) };
}
