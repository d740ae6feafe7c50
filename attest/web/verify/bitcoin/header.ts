/** What a Bitcoin block header of 80 bytes says by itself. */

import { sha256, toHex } from "../ground/bytes.ts";
import { BITCOIN } from "./networks.ts";

const TIME_AT = 68;
/** Every block of the main network since 2018 has more than 70 leading zero bits: what nobody pays for a forgery. */
const WORK_DIGITS = /^0{17}[0-3]/;

/** The block hash, in the byte order that explorers show, as hex. */
export function headerHash(header: Uint8Array): string {
  return toHex(sha256(sha256(header)).reverse());
}

/** The time its miner gave the block, in seconds since 1970. */
export function headerTime(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(TIME_AT, true);
}

/** Whether a block hash cost as much work as one of Bitcoin's main network does; true on other chains. */
export function hasWork(chain: string, blockHash: string): boolean {
  return chain !== BITCOIN || WORK_DIGITS.test(blockHash);
}
