/** Values that stand in records, besides those of statements. */

import { isHex } from "../ground/bytes.ts";
import { matching, type Reader, refuse } from "../ground/fields.ts";

export const walletId = matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, "the id of a wallet");

/** Bytes that stay the lower-case hex they are: equal bytes are equal strings. */
export const hexText: Reader<string> = (value, path) => {
  if (typeof value !== "string" || !isHex(value)) throw refuse(path, "not lower-case hex");
  return value;
};

/** Whether a chain is of Bitcoin's kind; the others are EVM chains. */
export function isBitcoin(chain: string): boolean {
  return chain.startsWith("bip122:");
}
