/**
 * The length and the order of texts in documents: by code points. JavaScript counts and compares units of UTF-16, of
 * which a character beyond U+FFFF has two.
 */

export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Negative, zero or positive as `one` stands before, at or after `other`. */
export function compareTexts(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    const [a, b] = [one.charCodeAt(i), other.charCodeAt(i)];
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** Surrogates stand for what lies beyond U+FFFF, so they come after every other unit. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Several values as one text, by which they are compared: equal texts are equal values. */
export function tuple(...values: readonly (string | number | bigint | null)[]): string {
  return JSON.stringify(values.map((value) => (typeof value === "bigint" ? value.toString() : value)));
}

/** The order of two keys of equally many parts: that of the first parts that differ. */
export function compareKeys(one: readonly string[], other: readonly string[]): number {
  for (const [i, part] of one.entries()) {
    const difference = compareTexts(part, other[i] ?? "");
    if (difference !== 0) return difference;
  }
  return 0;
}
