/** Records of a chain as a whole: its blocks, the nodes that agreed, shared trie nodes, the set of unspent outputs. */

import { array, digestText, hex, integer, matching, object, oneOf, type Read, text } from "../ground/fields.ts";
import { count } from "../statement/values.ts";
import { atBlock, MAX_NODES, nodeNames, onChain } from "./values.ts";

const MAX_WINDOW = 2 ** 20;

export const ethereumHeader = object({ type: oneOf("ethereum-header"), ...atBlock, header: hex() });
export const bitcoinHeader = object({ type: oneOf("bitcoin-header"), ...atBlock, header: hex(80, 80) });
export const nodes = object({
  type: oneOf("nodes"),
  ...atBlock,
  needed: integer(1),
  agreed: nodeNames,
  dropped: array(object({ name: text(), reason: text() }), 0, MAX_NODES),
});
export const trieNodes = object({ type: oneOf("ethereum-trie-nodes"), ...onChain, nodes: array(hex(), 1) });
export const bitcoinUtxoSet = object({
  type: oneOf("bitcoin-utxo-set"),
  ...onChain,
  outputs: count,
  hashSerialized: digestText,
  muhash: digestText,
  confirmedBy: array(text(), 1, MAX_NODES),
});
export const window = object({
  type: oneOf("window"),
  ...onChain,
  nonce: matching(/^(?:[0-9a-f]{2}){16,64}$/, "a nonce of 16 to 64 bytes"),
  before: integer(0, MAX_WINDOW),
  after: integer(0, MAX_WINDOW),
  heights: array(count, 1, 32),
});

export type EthereumHeader = Read<typeof ethereumHeader>;
export type BitcoinHeader = Read<typeof bitcoinHeader>;
export type Nodes = Read<typeof nodes>;
export type Window = Read<typeof window>;
