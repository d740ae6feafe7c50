/** Amounts in base units, and sums of them. */

/** The largest amount that one field may have; sums may go beyond it. */
export const MAX_AMOUNT = (1n << 128n) - 1n;

/** Add `amount` to what `totals` has of `key`. */
export function addTo<Key>(totals: Map<Key, bigint>, key: Key, amount: bigint): void {
  totals.set(key, (totals.get(key) ?? 0n) + amount);
}

export function sumOf(amounts: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}
