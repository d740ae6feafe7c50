/**
 * Ed25519 by its formulas (protocol.md, section 7), on the points of a library.
 *
 * A library's own `verify` will not do: libraries disagree about keys with a component of small order, about encodings
 * that are not canonical, and about the cofactor.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, toHex, toNumber } from "../ground/bytes.ts";

const Point = ed25519.Point;
type Point = InstanceType<typeof Point>;

const L = Point.Fn.ORDER;
const MAX_CACHED = 1024;
const DECODED = new Map<string, Point>();

/** A key that may not be used: `flaw` continues a sentence of which the key is the subject. */
export class WeakKey {
  constructor(readonly flaw: string) {}
}

/** The point that 32 bytes encode; it is of prime order, as is every key that was made as RFC 8032 says. */
export function decodeKey(raw: Uint8Array): Point | WeakKey {
  const name = toHex(raw);
  const known = DECODED.get(name); // a chain of trust roots names most keys many times
  if (known !== undefined) return known;
  const point = decodePoint(raw);
  if (point === null) {
    return new WeakKey(
      "is not an Ed25519 key: its 32 bytes are no point of the curve, or not in the one form of RFC 8032",
    );
  }
  if (point.isSmallOrder()) return new WeakKey("is a key under which everybody can sign");
  if (!point.isTorsionFree()) {
    return new WeakKey(
      "is an Ed25519 key with a component of small order, under which verifiers disagree about signatures",
    );
  }
  if (DECODED.size >= MAX_CACHED) DECODED.clear();
  DECODED.set(name, point);
  return point;
}

/** Whether R ‖ S is a signature of the key `raw`, which decodes to `key`: S < L, and [S]B - [k]A encodes to R. */
export function verifyEd25519(raw: Uint8Array, key: Point, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  const s = fromLittleEndian(signature.subarray(32));
  if (s >= L) return false;
  const k = fromLittleEndian(sha512(concat(r, raw, message))) % L;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
  return equal(expected.toBytes(), r);
}

function decodePoint(raw: Uint8Array): Point | null {
  try {
    return Point.fromBytes(raw, false); // refuses y from 2^255 - 19 on, and a negative 0
  } catch {
    return null;
  }
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return toNumber(Uint8Array.from(bytes).reverse());
}
