/** How an Ethereum address is spelled (EIP-55): which of its letters are capitals is a checksum. */

import { utf8 } from "../ground/bytes.ts";
import { keccakHex } from "./keccak.ts";

/** The EIP-55 spelling of `0x` and 40 hex digits of whatever case. */
export function checksumSpelling(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = keccakHex(utf8(digits));
  const spelled = [...digits].map((digit, i) => (hash.charAt(i) >= "8" ? digit.toUpperCase() : digit));
  return `0x${spelled.join("")}`;
}

/** Whether the letters of an address are in one case, which says nothing, or in both as EIP-55 has them. */
export function isSoundlySpelled(address: string): boolean {
  const digits = address.slice(2);
  return digits === digits.toLowerCase() || digits === digits.toUpperCase() || address === checksumSpelling(address);
}
