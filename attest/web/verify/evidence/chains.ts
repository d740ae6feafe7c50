/** What the records say of each chain as a whole: its header, the nodes that agreed, the trie nodes that it shares. */

import { hasWork, headerHash, headerTime } from "../bitcoin/header.ts";
import { decodeHeader } from "../ethereum/header.ts";
import { SharedNodes } from "../ethereum/nodes.ts";
import { failed } from "../ground/errors.ts";
import type { BitcoinHeader, EthereumHeader, Nodes } from "../records/chain.ts";
import type { AnyRecord } from "../records/record.ts";
import { isBitcoin } from "../records/values.ts";

/** The block of a chain at which balances are read. */
export interface Pin {
  readonly chain: string;
  readonly height: number;
  readonly blockHash: string;
  readonly time: number;
}

/** What balances need of a header. */
export interface Head {
  /** Null on Bitcoin, whose headers have none. */
  readonly stateRoot: Uint8Array | null;
}

/** One chain at its pin, or at a block of its window; all of its blocks share the trie nodes. */
export interface Block {
  readonly pin: Pin;
  readonly trie: SharedNodes;
  /** The roots of contracts' storage that were proven, by the contract as it is spelled. */
  readonly storageRoots: Map<string, Uint8Array>;
  header: Head | null;
  nodes: Nodes | null;
  hasUtxoSet: boolean;
}

export type Blocks = ReadonlyMap<string, Block>;

/** The place of a block among `Blocks`; the pin has no height of a window. */
export function blockKey(chain: string, window: number | null): string {
  return window === null ? chain : `${chain} ${window}`;
}

export function newBlock(pin: Pin, trie = new SharedNodes()): Block {
  return { pin, trie, storageRoots: new Map(), header: null, nodes: null, hasUtxoSet: false };
}

/** Keep what a record says of a chain as a whole in `blocks`. */
export function note(record: AnyRecord, blocks: Blocks): void {
  switch (record.type) {
    case "ethereum-header":
    case "bitcoin-header": {
      const block = blockOf(record, record.window, blocks);
      once(block.header !== null);
      block.header = checkedHeader(record, block.pin);
      return;
    }
    case "nodes": {
      const block = blockOf(record, record.window, blocks);
      once(block.nodes !== null);
      checkNodes(record);
      block.nodes = record;
      return;
    }
    case "bitcoin-utxo-set": {
      const block = blockOf(record, null, blocks);
      once(block.hasUtxoSet);
      block.hasUtxoSet = true;
      return;
    }
    case "ethereum-trie-nodes":
      blockOf(record, null, blocks).trie.add(record.nodes);
  }
}

/**
 * The block that a record is of, on a chain of its own kind: else proofs of a chain that anyone can make would show
 * coins of one that asks for work.
 */
function blockOf(record: AnyRecord & { readonly chain: string }, window: number | null, blocks: Blocks): Block {
  const block = blocks.get(blockKey(record.chain, window));
  if (block === undefined) throw failed("recheck/chain", `the statement pins no block of ${record.chain}`);
  if (record.type.startsWith(isBitcoin(record.chain) ? "ethereum-" : "bitcoin-")) {
    throw failed("recheck/chain", `a record of the type ${record.type} cannot stand on ${record.chain}`);
  }
  return block;
}

function once(isSecond: boolean): void {
  if (isSecond) throw failed("recheck/twice", "a block has one record of this type, and this is the second");
}

function checkNodes(record: Nodes): void {
  const named = new Set([...record.agreed, ...record.dropped.map((node) => node.name)]);
  if (named.size !== record.agreed.length + record.dropped.length || named.size >= 2 * record.needed) {
    throw failed("recheck/nodes", "a node is named twice, or two groups of nodes could agree");
  }
  if (record.agreed.length < record.needed) throw failed("recheck/nodes", "fewer nodes agreed than had to");
}

function checkedHeader(record: EthereumHeader | BitcoinHeader, pin: Pin): Head {
  if (record.type === "ethereum-header") {
    const head = decodeHeader(record.header);
    if (head.blockHash === pin.blockHash && head.number === pin.height && head.time === pin.time) return head;
  } else if (headerHash(record.header) === pin.blockHash && headerTime(record.header) === pin.time) {
    // The header does not carry its height: the hash alone names the block.
    if (!hasWork(record.chain, pin.blockHash)) {
      throw failed("recheck/work", "the hash of its header is too large for a block that was mined");
    }
    return { stateRoot: null };
  }
  throw failed("recheck/header", "the header is not that of the pinned block");
}
