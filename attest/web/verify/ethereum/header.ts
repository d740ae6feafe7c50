/** What a block header of an EVM chain says: its RLP hashes to the block hash (Yellow Paper, 4.4). */

import { toNumber } from "../ground/bytes.ts";
import { AttestError, failed } from "../ground/errors.ts";
import { keccakHex } from "./keccak.ts";
import { decodeList, isBytes, type Rlp } from "./rlp.ts";

const MAX_BYTES = 4096;
const FIELDS = 15; // before the optional ones that later forks append
const STATE_ROOT = 3;
const NUMBER = 8;
const TIMESTAMP = 11;
const MAX_NUMBER = 2n ** 32n;
const MAX_TIME = 2n ** 36n;

export interface EthereumHead {
  readonly blockHash: string;
  readonly stateRoot: Uint8Array;
  readonly number: number;
  /** Seconds since 1970. */
  readonly time: number;
}

/** The header behind its RLP; what forks append to its fields does not matter. Throws `ethereum/header`. */
export function decodeHeader(header: Uint8Array): EthereumHead {
  const fields = listOf(header);
  const stateRoot = fields[STATE_ROOT];
  const number = fields[NUMBER];
  const timestamp = fields[TIMESTAMP];
  const isSound = fields.length >= FIELDS && fields.every(isBytes);
  if (!isSound || !isBytes(stateRoot) || !isBytes(number) || !isBytes(timestamp)) {
    throw refuse(`it is not a list of ${FIELDS} or more fields of bytes`);
  }
  const height = toNumber(number);
  const time = toNumber(timestamp);
  if (stateRoot.length !== 32 || height >= MAX_NUMBER || time >= MAX_TIME) {
    throw refuse("its state root, number or time has another length");
  }
  return { blockHash: keccakHex(header), stateRoot, number: Number(height), time: Number(time) };
}

function listOf(header: Uint8Array): readonly Rlp[] {
  if (header.length > MAX_BYTES) throw refuse(`it has more than ${MAX_BYTES} bytes`);
  try {
    return decodeList(header, "it");
  } catch (error) {
    throw error instanceof AttestError ? refuse(error.message) : error;
  }
}

function refuse(why: string): AttestError {
  return failed("ethereum/header", `the block header has a form that this page does not know: ${why}`);
}
