/** Values that stand in records and in statements alike (protocol.md, sections 1, 4 and 5). */

import { isHex } from "../ground/bytes.ts";
import { matching, oneOf, type Read, type Reader, refuse } from "../ground/fields.ts";

export const chainId = matching(/^(?:bip122:[0-9a-f]{32}|eip155:[1-9][0-9]{0,31})$/, "a chain of Bitcoin's kind or an EVM chain");
export const walletId = matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, "the id of a wallet");
export const assetName = matching(/^[A-Z0-9][A-Z0-9._-]{0,31}$/, "the name of an asset");
export const address = matching(/^0x[0-9a-fA-F]{40}$/, "an address of an EVM chain");
export const purpose = oneOf("customer", "guarantee", "compensation");
export const moneyPurpose = oneOf("customer", "compensation");
export const storage = oneOf("cold", "hot", "other");
export const level = oneOf("proven", "agreed", "single");

export type Purpose = Read<typeof purpose>;
export type Storage = Read<typeof storage>;
export type Level = Read<typeof level>;

/** Bytes that stay the lower-case hex they are: equal bytes are equal strings. */
export const hexText: Reader<string> = (value, path) => {
  if (typeof value !== "string" || !isHex(value)) throw refuse(path, "not lower-case hex");
  return value;
};

export function isBitcoin(chain: string): boolean {
  return chain.startsWith("bip122:");
}
