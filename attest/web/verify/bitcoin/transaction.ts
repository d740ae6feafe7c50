/** Bitcoin's transactions as bytes: those of which a signature of BIP-322 is made, and nothing more of them. */

import { concat, equal, toNumber, unsigned } from "../ground/bytes.ts";
import { type AttestError, malformed } from "../ground/errors.ts";

export interface Input {
  /** The transaction and the number of the output that it spends: 36 bytes. */
  readonly outpoint: Uint8Array;
  readonly scriptSig: Uint8Array;
  readonly sequence: Uint8Array;
  readonly witness: Witness;
}

export interface Transaction {
  /** The version and the lock time are the four bytes that they are hashed as. */
  readonly version: Uint8Array;
  readonly inputs: readonly Input[];
  /** Each an amount of eight bytes, and a script behind its length. */
  readonly outputs: readonly Uint8Array[];
  readonly lockTime: Uint8Array;
}

/** The stack that satisfies an input, its bottom first. */
export type Witness = readonly Uint8Array[];

const OUTPOINT_BYTES = 36;
const MAX_SIZE = 0x02000000;
/** The amount of an output of no value. */
export const NO_AMOUNT = new Uint8Array(8);
const SEGWIT = Uint8Array.of(0, 1);

/** `length` bytes of a number, the least first. */
export function littleEndian(value: number, length: number): Uint8Array {
  return unsigned(value, length).reverse();
}

/** Bytes behind their length. */
export function sized(bytes: Uint8Array): Uint8Array {
  return concat(compactSize(bytes.length), bytes);
}

function compactSize(size: number): Uint8Array {
  if (size < 0xfd) return Uint8Array.of(size);
  return size <= 0xffff
    ? concat(Uint8Array.of(0xfd), littleEndian(size, 2))
    : concat(Uint8Array.of(0xfe), littleEndian(size, 4));
}

/** The witness that `bytes` are, to the last of them. Throws a `malformed` error. */
export function parseWitness(bytes: Uint8Array): Witness {
  const reader = new Reader(bytes);
  const witness = reader.witness();
  reader.end();
  return witness;
}

/** The transaction that `bytes` are, in the one encoding that a node writes. Throws a `malformed` error. */
export function parseTransaction(bytes: Uint8Array): Transaction {
  const reader = new Reader(bytes);
  const version = reader.take(4);
  const hasWitness = equal(bytes.subarray(4, 6), SEGWIT);
  if (hasWitness) reader.take(SEGWIT.length);
  const bare = reader.list(() => ({
    outpoint: reader.take(OUTPOINT_BYTES),
    scriptSig: reader.sized(),
    sequence: reader.take(4),
  }));
  const outputs = reader.list(() => concat(reader.take(8), sized(reader.sized())));
  const inputs = bare.map((input) => ({ ...input, witness: hasWitness ? reader.witness() : [] }));
  if (hasWitness && inputs.every(({ witness }) => witness.length === 0)) {
    throw refuse("it announces a witness, and has none");
  }
  const lockTime = reader.take(4);
  reader.end();
  if (inputs.length === 0 || outputs.length === 0) throw refuse("it spends nothing, or pays nothing");
  return { version, inputs, outputs, lockTime };
}

/** A transaction without its witnesses, of which the double SHA-256 is its id. */
export function serialize({ version, inputs, outputs, lockTime }: Transaction): Uint8Array {
  return concat(
    version,
    compactSize(inputs.length),
    ...inputs.map(({ outpoint, scriptSig, sequence }) => concat(outpoint, sized(scriptSig), sequence)),
    compactSize(outputs.length),
    ...outputs,
    lockTime,
  );
}

function refuse(why: string): AttestError {
  return malformed("control/malformed", `this is no signature of BIP-322: ${why}`);
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw refuse("it is cut off");
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  /** A length or a count, in its shortest encoding. */
  size(): number {
    const first = Number(toNumber(this.take(1)));
    if (first < 0xfd) return first;
    if (first === 0xff) throw refuse("a length in it is too large");
    const size = Number(toNumber(this.take(first === 0xfd ? 2 : 4).reverse()));
    if (size > MAX_SIZE) throw refuse("a length in it is too large");
    if (size < (first === 0xfd ? 0xfd : 0x10000)) throw refuse("a length in it is not in its shortest encoding");
    return size;
  }

  sized(): Uint8Array {
    return this.take(this.size());
  }

  list<T>(item: () => T): T[] {
    const items: T[] = [];
    // What is cut off ends this loop long before a count that promises too much does.
    for (let left = this.size(); left > 0; left--) items.push(item());
    return items;
  }

  witness(): Witness {
    return this.list(() => this.sized());
  }

  end(): void {
    if (this.at < this.bytes.length) throw refuse("more follows its end");
  }
}
