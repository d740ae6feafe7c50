/** The blocks that challenges may name, by their headers, and what a challenge must say to count. */

import { hasWork, headerHash, headerTime } from "../bitcoin/header.ts";
import { decodeHeader } from "../ethereum/header.ts";
import { failed } from "../ground/errors.ts";
import type { Challenge, ControlBlock } from "../records/control.ts";
import { naming } from "../records/naming.ts";
import { challengedPlace, type Place } from "../records/places.ts";
import type { Records } from "../records/record.ts";
import { isBitcoin } from "../records/values.ts";
import { NO_NONCE } from "./challenge.ts";

/** What a challenge must say, and between which times its block must lie, in seconds since 1970. */
export interface Terms {
  readonly entity: string;
  readonly period: string;
  readonly snapshotAt: number;
  readonly issuedAt: number;
  /** The hex that the auditor drew, where the verifier knows it. */
  readonly nonce: string | null;
}

/** The times of the blocks that challenges may name, each by its chain, height and hash. */
export type ChallengeBlocks = ReadonlyMap<string, number>;

const DAY = 86_400;
const BITCOIN_HEADER_BYTES = 80;

/** The blocks among `records` that a challenge may name. Throws an error that names the record. */
export function challengeBlocks(records: Records, terms: Terms): ChallengeBlocks {
  const blocks = new Map<string, number>();
  for (const [index, record] of records) {
    if (record.type !== "control-block") continue;
    const { hash, time } = naming(index, record, () => checkedBlock(record, terms));
    blocks.set(keyOf(record.chain, record.height, hash), time);
  }
  return blocks;
}

/** The place of a challenge that keeps the `terms` and names one of `blocks`. */
export function checkedPlace(challenge: Challenge, blocks: ChallengeBlocks, terms: Terms): Place {
  const { entity, period, nonce } = challenge;
  if (entity !== terms.entity) {
    throw failed("control/challenge", `the challenge is for the entity ${entity}, not ${terms.entity}`);
  }
  if (period !== terms.period) {
    throw failed("control/challenge", `the challenge is for the period ${period}, not ${terms.period}`);
  }
  if (terms.nonce !== null && nonce !== terms.nonce) {
    const said = nonce === NO_NONCE ? "no nonce" : `the nonce ${nonce}`;
    throw failed("control/nonce", `the challenge names ${said}, the auditor drew ${terms.nonce}`);
  }
  if (blockTime(challenge, blocks) === undefined) {
    throw failed("control/block", "no record has the header of the block that the challenge names");
  }
  return challengedPlace(challenge);
}

/** The time of the block that a challenge names. */
export function blockTime({ chain, height, blockHash }: Challenge, blocks: ChallengeBlocks): number | undefined {
  return blocks.get(keyOf(chain, height, blockHash));
}

function keyOf(chain: string, height: number, hash: string): string {
  return `${chain} ${height} ${hash}`;
}

interface Block {
  readonly hash: string;
  readonly time: number;
}

function checkedBlock(record: ControlBlock, terms: Terms): Block {
  const block = blockOf(record);
  if (block.time < terms.snapshotAt - record.maxAge * DAY || block.time > terms.issuedAt) {
    throw failed("control/stale", `the block is over ${record.maxAge} days before the snapshot or after the statement`);
  }
  return block;
}

/** The hash and the time of a block, from its header. */
function blockOf({ chain, height, header }: ControlBlock): Block {
  if (!isBitcoin(chain)) {
    const { blockHash, number, time } = decodeHeader(header);
    if (number !== height) throw failed("control/block", `its header is that of block ${number}`);
    return { hash: blockHash, time };
  }
  if (header.length !== BITCOIN_HEADER_BYTES) {
    throw failed("control/block", `a Bitcoin header has ${BITCOIN_HEADER_BYTES} bytes`);
  }
  const hash = headerHash(header);
  if (!hasWork(chain, hash)) {
    throw failed("control/block", "the hash of its header is too large for a block that was mined");
  }
  return { hash, time: headerTime(header) };
}
