/** Where coins lie: at an address of an EVM chain, and on Bitcoin at the script of an output. */

import { addressScript } from "../bitcoin/address.ts";
import { isSoundlySpelled } from "../ethereum/eip55.ts";
import { addTo } from "../ground/amounts.ts";
import { toHex } from "../ground/bytes.ts";
import { malformed } from "../ground/errors.ts";
import type { Challenge } from "./control.ts";
import type { Reading } from "./readings.ts";
import { isBitcoin } from "./values.ts";

/** A chain, and an address in small letters or the hex of a script there. Neither has a space in it. */
export type Place = string;

/** The place of an address of an EVM chain. Throws a `malformed` error for one that is none. */
export function evmPlace(chain: string, address: string): Place {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) {
    throw malformed("ethereum/address", `${address.slice(0, 60)} is not an Ethereum address`);
  }
  if (!isSoundlySpelled(address)) throw malformed("ethereum/address", `${address} has a wrong EIP-55 checksum`);
  return `${chain} ${address.toLowerCase()}`;
}

/** The place of the outputs that pay to `script`, lower-case hex. */
export function scriptPlace(chain: string, script: string): Place {
  return `${chain} ${script}`;
}

/** Where the coins lie that a challenge is for. Throws a `malformed` error for an address that is none. */
export function challengedPlace({ chain, address }: Challenge): Place {
  return isBitcoin(chain) ? scriptPlace(chain, toHex(addressScript(chain, address))) : evmPlace(chain, address);
}

/** The places of a balance: one address, or the script of each output. */
export function placesOf(reading: Reading): ReadonlySet<Place> {
  if (reading.type !== "bitcoin-utxos") return new Set([evmPlace(reading.chain, reading.address)]);
  return new Set(reading.utxos.map((utxo) => scriptPlace(reading.chain, utxo.script)));
}

/** How much of a balance lies at each place, in base units; nowhere when a Bitcoin wallet has no output. */
export function amountsOf(reading: Reading): ReadonlyMap<Place, bigint> {
  const amounts = new Map<Place, bigint>();
  if (reading.type === "bitcoin-utxos") {
    for (const { script, amount } of reading.utxos) addTo(amounts, scriptPlace(reading.chain, script), amount);
  } else {
    amounts.set(evmPlace(reading.chain, reading.address), reading.amount);
  }
  return amounts;
}
