/** Recursive length prefix (Yellow Paper, appendix B): bytes, or lists of items, each with one spelling. */

import { failed } from "../ground/errors.ts";

export type Rlp = Uint8Array | readonly Rlp[];

const STRING = 0x80;
const LONG_STRING = 0xb8;
const LIST = 0xc0;
const LONG_LIST = 0xf8;
const SHORT = 56;

/** An item's content, which is data[start..end]. */
interface Item {
  readonly isList: boolean;
  readonly start: number;
  readonly end: number;
}

/** What `data` encodes, from its first to its last byte; the caller bounds its length. Throws `ethereum/rlp`. */
export function decodeRlp(data: Uint8Array, what: string): Rlp {
  const item = nextItem(data, 0, data.length, what);
  if (item.end !== data.length) throw refuse(what);
  return content(data, item, what);
}

export function isBytes(item: Rlp | undefined): item is Uint8Array {
  return item instanceof Uint8Array;
}

/** What `data` encodes, which is a list. */
export function decodeList(data: Uint8Array, what: string): readonly Rlp[] {
  const value = decodeRlp(data, what);
  if (isBytes(value)) throw failed("ethereum/rlp", `${what} is not an RLP list`);
  return value;
}

function content(data: Uint8Array, item: Item, what: string): Rlp {
  if (!item.isList) return data.subarray(item.start, item.end);
  const items: Rlp[] = [];
  for (let at = item.start; at < item.end; ) {
    const next = nextItem(data, at, item.end, what);
    items.push(content(data, next, what));
    at = next.end;
  }
  return items;
}

/** The item that begins at `at` and ends at `limit` at the latest. */
function nextItem(data: Uint8Array, at: number, limit: number, what: string): Item {
  const first = data[at];
  if (first === undefined || at >= limit) throw refuse(what);
  let item: Item;
  if (first < STRING) {
    item = { isList: false, start: at, end: at + 1 };
  } else if (first < LONG_STRING) {
    item = { isList: false, start: at + 1, end: at + 1 + first - STRING };
    if (first === STRING + 1 && (data[at + 1] ?? 0) < STRING) throw refuse(what);
  } else if (first < LIST) {
    item = long(data, at, first - LONG_STRING + 1, false, what);
  } else if (first < LONG_LIST) {
    item = { isList: true, start: at + 1, end: at + 1 + first - LIST };
  } else {
    item = long(data, at, first - LONG_LIST + 1, true, what);
  }
  if (item.end > limit) throw refuse(what);
  return item;
}

/** An item whose length stands in `size` bytes, without leading zeros, and is no short one. */
function long(data: Uint8Array, at: number, size: number, isList: boolean, what: string): Item {
  const start = at + 1 + size;
  const digits = data.subarray(at + 1, start);
  const length = digits.reduce((number, byte) => number * 256 + byte, 0);
  if (digits[0] === 0 || digits.length < size || length < SHORT) throw refuse(what);
  return { isList, start, end: start + length };
}

function refuse(what: string): Error {
  return failed("ethereum/rlp", `${what} is not RLP`);
}
