/**
 * A value of a Merkle Patricia trie, followed from its root through nodes that their parents name by their Keccak-256
 * (Yellow Paper, appendix D). What stands behind a node that is not there is never taken for nothing.
 */

import { toHex } from "../ground/bytes.ts";
import { type AttestError, failed } from "../ground/errors.ts";
import type { Nodes } from "./nodes.ts";
import { decodeRlp, isBytes, type Rlp } from "./rlp.ts";

const HASH_BYTES = 32;
const BRANCH_ITEMS = 17;
const EMPTY = new Uint8Array(0);
/** The root of a trie without a value: the Keccak-256 of the RLP of no bytes. */
const EMPTY_ROOT = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";

/** A node that leads on by `path`, or ends there with a value. */
interface Short {
  readonly isLeaf: boolean;
  readonly path: readonly number[];
  readonly end: Rlp;
}

/** The value at `key` below `root`; of no bytes where the nodes show that there is none. Throws `ethereum/proof`. */
export function trieValue(root: Uint8Array, key: Uint8Array, nodes: Nodes): Uint8Array {
  const path = [...key].flatMap((byte) => [byte >> 4, byte & 15]);
  let pointer: Rlp = root;
  let at = 0;
  while (at < path.length) {
    const node = nodeAt(skipRow(pointer, nodes), nodes);
    if (node === null) return EMPTY;
    if (node.length === BRANCH_ITEMS) {
      pointer = node[path[at] ?? 0] ?? EMPTY;
      at += 1;
      continue;
    }
    const short = shortNode(node);
    const fits = short.path.every((nibble, i) => nibble === path[at + i]);
    if (short.isLeaf) return fits && at + short.path.length === path.length ? valueOf(short.end) : EMPTY;
    if (!fits && at + short.path.length > path.length && startsAlike(short.path, path, at)) throw noWay();
    if (!fits) return EMPTY;
    pointer = short.end;
    at += short.path.length;
  }
  return lastValue(nodeAt(pointer, nodes));
}

/** The value of the node that the key ends at. */
function lastValue(node: readonly Rlp[] | null): Uint8Array {
  if (node === null) return EMPTY;
  if (node.length === BRANCH_ITEMS) return valueOf(node[BRANCH_ITEMS - 1]);
  const short = shortNode(node);
  return short.isLeaf && short.path.length === 0 ? valueOf(short.end) : EMPTY;
}

/** The node that a pointer stands for, by its hash or in itself; null for none. */
function nodeAt(pointer: Rlp, nodes: Nodes): readonly Rlp[] | null {
  if (!isBytes(pointer)) {
    if (pointer.length >= HASH_BYTES) throw noWay();
    return pointer;
  }
  const encoded = pointer.length < HASH_BYTES ? pointer : named(toHex(pointer), nodes);
  if (encoded.length === 0) return null;
  const node = decodeRlp(encoded, "a trie node");
  if (!isBytes(node)) return node;
  if (node.length > 0) throw noWay();
  return null;
}

function named(hash: string, nodes: Nodes): Uint8Array {
  if (hash === EMPTY_ROOT) return EMPTY;
  const node = nodes.get(hash);
  if (node === undefined) throw noWay();
  return node;
}

function shortNode(node: readonly Rlp[]): Short {
  const [key, end] = node;
  if (node.length !== 2 || !isBytes(key) || key.length === 0 || end === undefined) throw noWay();
  const nibbles = [...key].flatMap((byte) => [byte >> 4, byte & 15]);
  const flag = nibbles[0] ?? 0;
  const isOdd = flag === 1 || flag === 3;
  return { isLeaf: flag === 2 || flag === 3, path: nibbles.slice(isOdd ? 1 : 2), end };
}

/** Whether all that is left of `whole` from `at` on is the beginning of `path`. */
function startsAlike(path: readonly number[], whole: readonly number[], at: number): boolean {
  return whole.slice(at).every((nibble, i) => nibble === path[i]);
}

/** A list of no items is a value of no bytes, as it is for the library that attest reads tries with. */
function valueOf(value: Rlp | undefined): Uint8Array {
  if (value === undefined) throw noWay();
  if (isBytes(value)) return value;
  if (value.length > 0) throw noWay();
  return EMPTY;
}

/**
 * Where a row of shared nodes leads that consume nothing of the key. No honest trie has such nodes; each of a row is
 * gone through once for all readings, however many of them begin anywhere in it.
 */
function skipRow(pointer: Rlp, nodes: Nodes): Rlp {
  const passed: string[] = [];
  let at = pointer;
  for (;;) {
    if (!isBytes(at)) {
      const inside = consumesNothing(at);
      if (inside === null) break;
      at = inside;
      continue;
    }
    const hash = toHex(at);
    const known = nodes.rows.get(hash);
    if (known !== undefined) {
      at = known;
      break;
    }
    const node = at.length === HASH_BYTES ? nodes.shared(hash) : undefined;
    if (node === undefined || !mayConsumeNothing(node)) break;
    const decoded = decodeRlp(node, "a trie node");
    const next = isBytes(decoded) ? null : consumesNothing(decoded);
    if (next === null) break;
    passed.push(hash);
    at = next;
  }
  for (const hash of passed) nodes.rows.set(hash, at);
  return at;
}

function consumesNothing(node: readonly Rlp[]): Rlp | null {
  const [key] = node;
  if (node.length !== 2 || !isBytes(key) || key.length === 0) return null;
  const short = shortNode(node);
  return short.isLeaf || short.path.length > 0 ? null : short.end;
}

/** Whether the first item of an encoded list is one byte: so much is cheap to see, and rare in an honest trie. */
function mayConsumeNothing(node: Uint8Array): boolean {
  const first = node[0] ?? 0;
  const item = node[first < 0xf8 ? 1 : first - 0xf7 + 1] ?? 0x80;
  return item < 0x80 || item === 0x81;
}

function noWay(): AttestError {
  return failed("ethereum/proof", "the trie nodes do not lead from the state root to the value");
}
