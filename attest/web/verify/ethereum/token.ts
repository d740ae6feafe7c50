/** Where a token keeps a holder's balance, and what its word there says (protocol.md, section 4). */

import { concat, fromHex } from "../ground/bytes.ts";
import { addressBytes } from "./account.ts";
import { keccak } from "./keccak.ts";

/** In a holder's word where the token denies it transfers. */
export const DENY_BIT = 1n << 255n;

export type Layout = "solidity" | "vyper";

/** The storage slot of a holder's balance: Solidity hashes the holder before the mapping's slot, Vyper after it. */
export function balanceSlot(slot: string, layout: Layout, holder: string): Uint8Array {
  const key = concat(new Uint8Array(12), addressBytes(holder));
  const mapping = fromHex(slot);
  return keccak(layout === "vyper" ? concat(mapping, key) : concat(key, mapping));
}
