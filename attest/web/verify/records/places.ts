/** Where coins lie: at an address of an EVM chain, and on Bitcoin at the script of an output. */

import { addressScript } from "../bitcoin/address.ts";
import type { Challenge, Reading } from "./records.ts";
import { isBitcoin } from "./values.ts";
import { toHex } from "../ground/bytes.ts";
import { malformed } from "../ground/errors.ts";
import { isSoundlySpelled } from "../ethereum/eip55.ts";

/** A chain, and an address in small letters or the hex of a script there. Neither has a space in it. */
export type Place = string;

/** The place of an address of an EVM chain. Throws a `malformed` error for one that is none. */
export function evmPlace(chain: string, address: string): Place {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address))
    throw malformed("ethereum/address", `${address.slice(0, 60)} is not an Ethereum address`);
  if (!isSoundlySpelled(address)) throw malformed("ethereum/address", `${address} has a wrong EIP-55 checksum`);
  return `${chain} ${address.toLowerCase()}`;
}

/** Where the coins lie that a challenge is for. Throws a `malformed` error for an address that is none. */
export function placeOf({ chain, address }: Challenge): Place {
  return isBitcoin(chain) ? `${chain} ${toHex(addressScript(chain, address))}` : evmPlace(chain, address);
}

/** How much of a balance lies at each place, in base units; nowhere when a Bitcoin wallet has no output. */
export function amountsOf(reading: Reading): ReadonlyMap<Place, bigint> {
  if (reading.type !== "bitcoin-utxos") return new Map([[evmPlace(reading.chain, reading.address), reading.amount]]);
  const amounts = new Map<Place, bigint>();
  for (const { script, amount } of reading.utxos) {
    const place = `${reading.chain} ${script}`;
    amounts.set(place, (amounts.get(place) ?? 0n) + amount);
  }
  return amounts;
}
