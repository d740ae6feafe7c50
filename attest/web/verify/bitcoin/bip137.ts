/** Messages signed as BIP-137 says, by the key of a P2PKH address. */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, equal, toNumber, utf8 } from "../ground/bytes.ts";
import { type AttestError, failed } from "../ground/errors.ts";
import { hash160, hash256 } from "./hashes.ts";
import { kindOf } from "./script.ts";
import { sized } from "./transaction.ts";

export const BIP137_BYTES = 65;
const FIRST = 27;
const COMPRESSED = 31;
const LAST = 34;

/**
 * Check that the key of the P2PKH `script` made the 65 bytes `signature` of `message`, on a network whose messages
 * begin with the name `coin`. The first byte says whether the script's hash is that of the key in its compressed form.
 */
export function checkBip137(coin: string, script: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  const found = kindOf(script);
  if (found?.kind !== "p2pkh") {
    throw failed(
      "control/kind",
      "a signature of BIP-137 shows control of a P2PKH address only, and this is another kind of address",
    );
  }
  const first = signature[0] ?? 0;
  if (first < FIRST || first > LAST) throw notSigned(`its first byte, ${first}, is none of a P2PKH address's`);
  const isCompressed = first >= COMPRESSED;
  const digest = hash256(concat(sized(utf8(`${coin} Signed Message:\n`)), sized(message)));
  const key = recoverKey(digest, signature.subarray(1), first - (isCompressed ? COMPRESSED : FIRST), isCompressed);
  if (key === null || !equal(hash160(key), found.payload)) {
    throw notSigned("it is of another message or by another key");
  }
}

/** The key that made r and s with s in the lower half of the order; null when none did. */
function recoverKey(
  digest: Uint8Array,
  compact: Uint8Array,
  recovery: number,
  isCompressed: boolean,
): Uint8Array | null {
  try {
    const [r, s] = [toNumber(compact.subarray(0, 32)), toNumber(compact.subarray(32))];
    const signature = new secp256k1.Signature(r, s, recovery);
    return signature.hasHighS() ? null : signature.recoverPublicKey(digest).toBytes(isCompressed);
  } catch {
    return null; // r or s that secp256k1 does not have, or no key that fits
  }
}

function notSigned(why: string): AttestError {
  return failed("control/invalid", `the signature does not show that the address's key signed the message: ${why}`);
}
