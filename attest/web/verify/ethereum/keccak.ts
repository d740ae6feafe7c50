/** Keccak-256 as Ethereum has it, which is not SHA3-256. */

import { keccak_256 } from "@noble/hashes/sha3.js";
import { toHex } from "../ground/bytes.ts";

export const keccak = (data: Uint8Array): Uint8Array => keccak_256(data);
export const keccakHex = (data: Uint8Array): string => toHex(keccak_256(data));
