/** Values that stand in several documents (protocol.md, sections 1 and 5). */

import { integer, matching, oneOf, type Read, type Reader } from "../ground/fields.ts";
import type { Json } from "../ground/json.ts";

export const MANY = 10_000;

export const assetName = matching(/^[A-Z0-9][A-Z0-9._-]{0,31}$/, "the name of an asset");
export const chainId = matching(/^(?:bip122:[0-9a-f]{32}|eip155:[1-9][0-9]{0,31})$/, "a chain's id (CAIP-2)");
/** An address on an EVM chain, in whatever capitals. */
export const evmAddress = matching(/^0x[0-9a-fA-F]{40}$/, "an address on an EVM chain");
export const period = matching(/^2[0-9]{3}-(?:0[1-9]|1[0-2])$/, "a month like 2026-10");
/** The domain that names an exchange. */
export const origin = matching(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, "a domain");
export const count = integer();

export const purpose = oneOf("customer", "guarantee", "compensation");
export const moneyPurpose = oneOf("customer", "compensation");
export const storage = oneOf("cold", "hot", "other");
export const level = oneOf("proven", "agreed", "single");
export const control = oneOf("signature", "custodian", "none");

export type Purpose = Read<typeof purpose>;
export type Storage = Read<typeof storage>;
export type Level = Read<typeof level>;
export type Control = Read<typeof control>;

/** A reader that asks more of what `item` read; `check` throws what is wrong with it. */
export function checked<T>(item: Reader<T>, check: (value: T, path: string) => void): Reader<T> {
  return (value: Json, path: string) => {
    const read = item(value, path);
    check(read, path);
    return read;
  };
}
