/** The two double hashes of Bitcoin. */

import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 } from "../ground/bytes.ts";

/** Names blocks and transactions, and is what signatures before taproot sign. */
export function hash256(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

/** Names keys and scripts in addresses. */
export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(sha256(bytes));
}
