/** What customers' wallets held at the pins. */

import type { Predicate } from "./statement.ts";

/** The coins of one asset on one chain, in base units. */
export interface Coins {
  readonly chain: string;
  readonly asset: string;
  readonly amount: bigint;
}

/** One text for a chain and an asset, whose name has no space. */
export function coinsKey(chain: string, asset: string): string {
  return `${asset} ${chain}`;
}

/** By `coinsKey`, what the customer lines of reserves of a chain and asset add up to. */
export function customersCoins(predicate: Predicate): ReadonlyMap<string, Coins> {
  const found = new Map<string, Coins>();
  for (const { chain, asset, purpose, amount } of predicate.reserves) {
    if (purpose !== "customer") continue;
    const key = coinsKey(chain, asset);
    found.set(key, { chain, asset, amount: (found.get(key)?.amount ?? 0n) + amount });
  }
  return found;
}
