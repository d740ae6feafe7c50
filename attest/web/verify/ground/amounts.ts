/** Amounts in base units, sums of them, and how they are spelled for people. */

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

/** `amount` base units of 10^-decimals, every decimal shown. */
export function amountText(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(?:[0-9]{3})+$)/g, ",");
  return `${sign}${whole}${decimals === 0 ? "" : `.${digits.slice(-decimals)}`}`;
}
