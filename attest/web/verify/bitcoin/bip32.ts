/** Extended public keys and the keys below them (BIP-32). */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, toNumber, u32 } from "../ground/bytes.ts";
import { fromBase58Check } from "./base58.ts";

const PAYLOAD_BYTES = 78;
/** Far below 255, the last, so that steps may follow; no wallet goes so deep. */
const MAX_DEPTH = 100;
const { Point } = secp256k1;
const ORDER = Point.Fn.ORDER;

export interface ExtendedKey {
  readonly chainCode: Uint8Array;
  /** 33 bytes, as compressed keys are spelled. */
  readonly key: Uint8Array;
  readonly point: InstanceType<typeof Point>;
}

/** The key that `text` spells with these version bytes; null when it is none. */
export function parseExtendedKey(text: string, version: Uint8Array): ExtendedKey | null {
  const payload = fromBase58Check(text);
  if (payload === null || payload.length !== PAYLOAD_BYTES || !equal(payload.subarray(0, 4), version)) return null;
  const depth = payload[4] ?? 0;
  // A key of depth 0 has no parent, whose fingerprint and number are then zero; below the last depth there is no key.
  if (depth > MAX_DEPTH || (depth === 0 && payload.subarray(5, 13).some((byte) => byte !== 0))) return null;
  const key = payload.slice(45);
  const point = pointOf(key);
  return point === null ? null : { chainCode: payload.slice(13, 45), key, point };
}

/** The key below `parent` at `index`, which is not hardened; null where there is none, which nobody will see. */
export function childOf(parent: ExtendedKey, index: number): ExtendedKey | null {
  const hash = hmac(sha512, parent.chainCode, concat(parent.key, u32(index)));
  const tweak = toNumber(hash.subarray(0, 32));
  if (tweak >= ORDER || tweak === 0n) return null;
  const point = Point.BASE.multiply(tweak).add(parent.point);
  return point.is0() ? null : { chainCode: hash.slice(32), key: point.toBytes(true), point };
}

function pointOf(key: Uint8Array): InstanceType<typeof Point> | null {
  try {
    return Point.fromBytes(key);
  } catch {
    return null;
  }
}
