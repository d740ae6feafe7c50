/** What a Bitcoin block header of 80 bytes says by itself. */

import { toHex } from "../ground/bytes.ts";
import { hash256 } from "./hashes.ts";
import { BITCOIN } from "./networks.ts";

const TIME_AT = 68;
/** At least 70 leading zero bits, as every block of the main network has since 2018. Nobody pays so much to forge one. */
const WORK_DIGITS = /^0{17}[0-3]/;

/** The block hash, in the byte order that explorers show, as hex. */
export function headerHash(header: Uint8Array): string {
  return toHex(hash256(header).reverse());
}

/** The time its miner gave the block, in seconds since 1970. */
export function headerTime(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(TIME_AT, true);
}

/** Whether a block hash cost as much work as one of Bitcoin's main network does; true on other chains. */
export function hasWork(chain: string, blockHash: string): boolean {
  return chain !== BITCOIN || WORK_DIGITS.test(blockHash);
}
