/** The blocks around the pin that a nonce draws, to which the records of a window belong (protocol.md, section 4). */

import { headerHash, headerTime } from "../bitcoin/header.ts";
import { decodeHeader } from "../ethereum/header.ts";
import { concat, fromHex, tagged, toNumber, u32, utf8 } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import type { BitcoinHeader, EthereumHeader, Window } from "../records/chain.ts";
import { naming } from "../records/naming.ts";
import { isReading } from "../records/readings.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import { blockKey, type Pin } from "./chains.ts";

/**
 * The blocks of all windows, as their headers have them. Throws when a record belongs to a block that was not drawn,
 * when a drawn block has no header, or when one stands at two heights or on the other side of the pin in time.
 */
export function drawnBlocks(
  records: Records,
  pins: ReadonlyMap<string, Pin>,
): ReadonlyMap<string, Pin> {
  const drawn = drawnHeights(records, pins);
  const blocks = new Map<string, Pin>();
  for (const [index, record] of records) {
    const window = windowOf(record);
    if (window === null) continue;
    naming(index, record, () => {
      const pin = pins.get(window.chain);
      if (pin === undefined || drawn.get(window.chain)?.includes(window.height) !== true) {
        throw failed("recheck/window", `block ${window.height} of ${window.chain} was not drawn for a window`);
      }
      if (record.type === "ethereum-header" || record.type === "bitcoin-header") {
        blocks.set(blockKey(window.chain, window.height), blockOf(record, window.height, pin));
      }
    });
  }
  for (const [chain, heights] of drawn) {
    const missing = heights.find((height) => !blocks.has(blockKey(chain, height)));
    if (missing !== undefined) {
      throw failed("recheck/window", `${chain}: no header of the drawn block ${missing} is there`);
    }
  }
  const hashes = new Set([...pins.values(), ...blocks.values()].map((pin) => `${pin.chain} ${pin.blockHash}`));
  if (hashes.size !== pins.size + blocks.size) {
    throw failed("recheck/window", "one block stands at two heights of a chain");
  }
  return blocks;
}

interface AtHeight {
  readonly chain: string;
  readonly height: number;
}

/** The block of a window that a record belongs to; null when it belongs to the pin, or to no block. */
function windowOf(record: AnyRecord): AtHeight | null {
  const mayBe =
    isReading(record) ||
    record.type === "ethereum-header" ||
    record.type === "bitcoin-header" ||
    record.type === "nodes";
  return mayBe && record.window !== null ? { chain: record.chain, height: record.window } : null;
}

function drawnHeights(
  records: Records,
  pins: ReadonlyMap<string, Pin>,
): ReadonlyMap<string, readonly number[]> {
  const drawn = new Map<string, readonly number[]>();
  for (const [index, record] of records) {
    if (record.type !== "window") continue;
    naming(index, record, () => {
      if (drawn.has(record.chain)) {
        throw failed("recheck/twice", "a chain has one window, and this is the second");
      }
      const pin = pins.get(record.chain);
      if (pin === undefined) throw failed("recheck/chain", `the statement pins no block of ${record.chain}`);
      const heights = draw(record, pin.height);
      if (heights.length !== record.heights.length || heights.some((height, i) => height !== record.heights[i])) {
        throw failed("recheck/window", "its blocks are not those that its nonce draws");
      }
      drawn.set(record.chain, heights);
    });
  }
  return drawn;
}

/** So many distinct heights as the window has, out of those around the pin without the pin itself, ascending. */
function draw(window: Window, pin: number): readonly number[] {
  const blocks = window.before + window.after;
  if (window.before > pin) {
    throw failed("window/range", `a window of ${window.before} blocks before block ${pin} begins before the chain`);
  }
  if (window.heights.length > blocks) {
    throw failed("window/range", `${window.heights.length} of ${blocks} blocks cannot be drawn`);
  }
  const start = concat(fromHex(window.nonce), utf8(window.chain), Uint8Array.of(0));
  const drawn = new Set<number>();
  for (let k = 0; drawn.size < window.heights.length; k += 1) {
    const hash = toNumber(tagged("attest/v1/window", concat(start, u32(k))));
    const height = pin - window.before + Number(hash % BigInt(blocks));
    drawn.add(height < pin ? height : height + 1);
  }
  return [...drawn].sort((one, other) => one - other);
}

function blockOf(record: EthereumHeader | BitcoinHeader, height: number, pin: Pin): Pin {
  const { chain } = record;
  if (record.type === "bitcoin-header") {
    return { chain, height, blockHash: headerHash(record.header), time: headerTime(record.header) };
  }
  const { blockHash, time } = decodeHeader(record.header);
  // The times of Bitcoin's headers may go back by some hours; those of an EVM chain rise.
  if (Math.sign(time - pin.time) !== Math.sign(height - pin.height)) {
    throw failed("recheck/window", "its block is on the other side of the pinned one in time");
  }
  return { chain, height, blockHash, time };
}
