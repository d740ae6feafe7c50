/** Trie nodes under the Keccak-256 by which their parents name them. */

import { failed } from "../ground/errors.ts";
import { keccakHex } from "./keccak.ts";
import type { Rlp } from "./rlp.ts";

const MAX_NODE_BYTES = 1024; // a branch has at most 532; the bound keeps RLP from nesting deep

/** The nodes that all records of a chain share; each is hashed once, however many readings go through it. */
export class SharedNodes {
  readonly nodes = new Map<string, Uint8Array>();
  /** Where a shared node leads that consumes nothing of the key, as `skipRow` in trie.ts found; by its hash. */
  readonly rows = new Map<string, Rlp>();

  add(nodes: readonly Uint8Array[]): void {
    for (const [hash, node] of byHash(nodes)) this.nodes.set(hash, node);
  }
}

/** The nodes of one record, and those that it shares with others. */
export class Nodes {
  private readonly own: ReadonlyMap<string, Uint8Array>;

  constructor(
    proof: readonly Uint8Array[],
    private readonly others: SharedNodes,
  ) {
    this.own = byHash(proof);
  }

  get(hash: string): Uint8Array | undefined {
    return this.own.get(hash) ?? this.others.nodes.get(hash);
  }

  shared(hash: string): Uint8Array | undefined {
    return this.others.nodes.get(hash);
  }

  get rows(): Map<string, Rlp> {
    return this.others.rows;
  }
}

function byHash(nodes: readonly Uint8Array[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const node of nodes) {
    if (node.length > MAX_NODE_BYTES) {
      throw failed("ethereum/proof", `a trie node has more than ${MAX_NODE_BYTES} bytes`);
    }
    found.set(keccakHex(node), node);
  }
  return found;
}
