/** What is owed to customers and what is held for them, per asset: the reader derives it, a statement never says it. */

import { addTo, sumOf } from "../ground/amounts.ts";
import { coinsKey, customersCoins } from "./customers.ts";
import type { Level, Predicate, Statement } from "./statement.ts";

/** How something that is held is shown; money is `declared`, by a document alone. */
export type HeldLevel = Level | "declared";
const LEVELS: readonly HeldLevel[] = ["proven", "agreed", "single", "declared"];

/** What is held at one level of evidence. Of it, `denied` cannot move, and counts all the same. */
export interface HeldAtLevel {
  readonly level: HeldLevel;
  readonly amount: bigint;
  readonly denied: bigint;
}

/** One asset, in base units. */
export interface Coverage {
  readonly asset: string;
  readonly decimals: number;
  readonly owed: bigint;
  /** What is held at the pins and in money, over all levels. */
  readonly held: bigint;
  /** What coverage is judged by: `held`, but of a chain with a window no more than its lowest count. */
  readonly counted: bigint;
  /** Whether a chain of this asset has a window, so that `counted` may be less than `held`. */
  readonly hasLowest: boolean;
  /** What is held at each level at which there is a line, be it of 0. */
  readonly levels: readonly HeldAtLevel[];
  readonly met: boolean;
  /** `counted` of `owed` in hundredths of a percent, rounded down; null where nothing is owed. */
  readonly hundredths: bigint | null;
}

/** Per asset, in the order of the statement, whose arithmetic was checked. */
export function coverageOf(statement: Statement): readonly Coverage[] {
  const { predicate } = statement;
  const owed = new Map(predicate.liabilities.trees.map((tree) => [tree.asset, tree.total]));
  const held = heldByLevel(predicate);
  const fewer = fewerAround(predicate);
  return predicate.assets.map(({ asset, decimals }) => {
    const levels = LEVELS.flatMap((level) => held.get(`${asset} ${level}`) ?? []);
    return derive(asset, decimals, owed.get(asset) ?? 0n, levels, fewer.get(asset) ?? null);
  });
}

function derive(
  asset: string,
  decimals: number,
  owed: bigint,
  levels: readonly HeldAtLevel[],
  fewer: bigint | null,
): Coverage {
  const held = sumOf(levels.map((level) => level.amount));
  const counted = held - (fewer ?? 0n);
  const hundredths = owed === 0n ? null : (counted * 10_000n) / owed;
  return { asset, decimals, owed, held, counted, hasLowest: fewer !== null, levels, met: counted >= owed, hundredths };
}

/** Customers' coins and money, by asset and level. */
function heldByLevel(predicate: Predicate): ReadonlyMap<string, HeldAtLevel> {
  const found = new Map<string, HeldAtLevel>();
  const add = (asset: string, level: HeldLevel, amount: bigint, denied: bigint): void => {
    const key = `${asset} ${level}`;
    const before = found.get(key) ?? { level, amount: 0n, denied: 0n };
    found.set(key, { level, amount: before.amount + amount, denied: before.denied + denied });
  };
  for (const line of predicate.reserves) {
    if (line.purpose === "customer") add(line.asset, line.evidence, line.amount, line.denied ?? 0n);
  }
  for (const money of predicate.money) {
    if (money.purpose === "customer") add(money.currency, "declared", money.amount, 0n);
  }
  return found;
}

/** By how much customers' coins were fewer at a block of a window than at the pin, per asset over all chains. */
function fewerAround(predicate: Predicate): ReadonlyMap<string, bigint> {
  const customers = customersCoins(predicate);
  const found = new Map<string, bigint>();
  for (const { kind, name, unit, amount } of predicate.declarations) {
    if (kind !== "window" || unit === null) continue;
    addTo(found, unit, (customers.get(coinsKey(name, unit))?.amount ?? 0n) - (amount ?? 0n));
  }
  return found;
}
