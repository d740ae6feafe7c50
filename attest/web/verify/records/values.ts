/** Values and fields that stand in several records, besides those of statements. */

import { isHex } from "../ground/bytes.ts";
import { array, hex, matching, optional, orNull, type Reader, refuse, text } from "../ground/fields.ts";
import { chainId, count } from "../statement/values.ts";

export const walletId = matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, "the id of a wallet");
export const salt = hex(16, 16);
export const MAX_NODES = 64;
export const nodeNames = array(text(), 0, MAX_NODES);

/** The fields of a record that is of one chain. */
export const onChain = { salt, chain: chainId };
/** The fields of a record at one block: without `window`, the height of a drawn one, it is that of the pin. */
export const atBlock = { ...onChain, window: optional(orNull(count)) };

/** Bytes that stay the lower-case hex they are: equal bytes are equal strings. */
export const hexText: Reader<string> = (value, path) => {
  if (typeof value !== "string" || !isHex(value)) throw refuse(path, "not lower-case hex");
  return value;
};

/** Whether a chain is of Bitcoin's kind; the others are EVM chains. */
export function isBitcoin(chain: string): boolean {
  return chain.startsWith("bip122:");
}
