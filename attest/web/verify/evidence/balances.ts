/** A balance recomputed from its own evidence. */

import { provenBalance, provenStorageRoot, provenWord } from "../ethereum/account.ts";
import { Nodes } from "../ethereum/nodes.ts";
import { balanceSlot, DENY_BIT } from "../ethereum/token.ts";
import { sumOf } from "../ground/amounts.ts";
import { AttestError, failed } from "../ground/errors.ts";
import { isOfToken, type Reading } from "../records/readings.ts";
import { isBitcoin } from "../records/values.ts";
import type { BitcoinUtxos, EthereumTokenBalance } from "../records/wallets.ts";
import { type Block, blockKey, type Blocks } from "./chains.ts";

const SEVERAL = 2;
const BITCOIN_DECIMALS = 8;
const ETHEREUM_DECIMALS = 18;

/** See that a reading's evidence shows its amount. `decimals` are those of assets. */
export function checkReading(reading: Reading, blocks: Blocks, decimals: ReadonlyMap<string, number>): void {
  const block = blocks.get(blockKey(reading.chain, reading.window));
  if (block === undefined || block.header === null) {
    throw failed("recheck/header", `there is no header for ${reading.chain}`);
  }
  if (reading.level === "agreed" && (block.nodes === null || block.nodes.needed < SEVERAL)) {
    throw failed("recheck/level", "its level is agreed, and no record says that two nodes or more agreed");
  }
  const shown = recompute(reading, block, block.header.stateRoot);
  if (shown !== reading.amount) {
    throw failed("recheck/amount", `the evidence shows ${shown}, the record says ${reading.amount}`);
  }
  const own = isBitcoin(reading.chain) ? BITCOIN_DECIMALS : ETHEREUM_DECIMALS;
  if (!isOfToken(reading) && decimals.get(reading.asset) !== own) {
    throw failed("recheck/decimals", `${reading.asset} has other decimals than the coin of ${reading.chain}`);
  }
}

function recompute(reading: Reading, block: Block, stateRoot: Uint8Array | null): bigint {
  if (reading.type === "bitcoin-utxos") {
    if (stateRoot !== null) throw misplaced(reading);
    checkOutputs(reading, block);
    return sumOf(reading.utxos.map((utxo) => utxo.amount));
  }
  if (stateRoot === null) throw misplaced(reading);
  switch (reading.type) {
    case "ethereum-token-answer":
      return reading.amount; // there is nothing but the nodes' word
    case "ethereum-balance":
      return provenBalance(stateRoot, reading.address, new Nodes(reading.proof, block.trie));
    case "ethereum-token-balance":
      return tokenBalance(reading, block, stateRoot);
  }
}

function tokenBalance(reading: EthereumTokenBalance, block: Block, stateRoot: Uint8Array): bigint {
  const nodes = new Nodes(reading.proof, block.trie);
  // The root of a contract's storage, which many readings share, is proven by the first of them.
  const storageRoot =
    block.storageRoots.get(reading.contract) ?? provenStorageRoot(stateRoot, reading.contract, nodes);
  block.storageRoots.set(reading.contract, storageRoot);
  const word = provenWord(storageRoot, balanceSlot(reading.slot, reading.layout, reading.address), nodes);
  if (reading.denied === null) return word;
  if (word < DENY_BIT) {
    throw failed("recheck/denied", "it says that its holder is denied transfers, and its proof does not");
  }
  return word - DENY_BIT;
}

function checkOutputs(reading: BitcoinUtxos, block: Block): void {
  if (reading.utxos.some((utxo) => utxo.height > block.pin.height)) {
    throw failed("recheck/height", "an output is younger than the block that it was read at");
  }
  if (reading.level === "proven" && !block.hasUtxoSet) {
    throw failed("recheck/level", "its level is proven, and no record names the set of unspent outputs");
  }
}

function misplaced(reading: Reading): AttestError {
  return failed("recheck/chain", `a reading of the type ${reading.type} cannot stand on ${reading.chain}`);
}
