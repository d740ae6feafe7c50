/** The signatures of Ethereum's keys: r, s and v in 65 bytes, and the address of the key that made one. */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { fromHex, toHex, toNumber } from "../ground/bytes.ts";
import { failed, malformed } from "../ground/errors.ts";
import { keccak } from "./keccak.ts";

export const SIGNATURE_BYTES = 65;
const MAX_SIGNATURE = 2 ** 18;
const WORD = 32;
const V = 27;
const ORDER = secp256k1.Point.Fn.ORDER;

/** The bytes of a signature as an EVM chain has it, 0x and hex. Throws a `malformed` error. */
export function signatureBytes(signature: string): Uint8Array {
  if (signature.length > MAX_SIGNATURE || signature.length % 2 !== 0 || !/^0x[0-9a-fA-F]+$/.test(signature)) {
    throw malformed(
      "control/malformed",
      "this is not a signature of an EVM chain: 0x and pairs of hex digits belong here",
    );
  }
  return fromHex(signature.slice(2).toLowerCase());
}

/**
 * The address, in small letters, whose key made `signature`, r, s and v in 65 bytes; null where no key fits.
 * Anyone can make a second signature of one, with s in the upper half of the order: it fails (EIP-2).
 */
export function recoverSigner(digest: Uint8Array, signature: Uint8Array): string | null {
  if (signature.length !== SIGNATURE_BYTES) {
    throw malformed(
      "control/signature",
      `a signature of ${signature.length} bytes instead of ${SIGNATURE_BYTES}: r, s and v`,
    );
  }
  const [r, s] = [toNumber(signature.subarray(0, WORD)), toNumber(signature.subarray(WORD, 2 * WORD))];
  const v = signature[2 * WORD] ?? 0;
  if (v !== V && v !== V + 1) {
    throw malformed("control/signature", `a signature ends in v, 27 or 28, and this one in ${v}`);
  }
  if (r === 0n || s === 0n || r >= ORDER || s >= ORDER) {
    throw malformed("control/signature", "a signature with an r or s that secp256k1 does not have");
  }
  if (s > ORDER / 2n) {
    throw failed(
      "control/malleable",
      "the signature has its s in the upper half of the order, and only the one in the lower half counts (EIP-2)",
    );
  }
  try {
    const key = new secp256k1.Signature(r, s, v - V).recoverPublicKey(digest).toBytes(false);
    return `0x${toHex(keccak(key.subarray(1)).subarray(12))}`;
  } catch {
    return null; // no point has this r, or no key fits
  }
}
