/**
 * One record of the evidence, whose `type` says which fields it has (protocol.md, section 4).
 *
 * Digests and scripts stay lower-case hex, because they are compared; a field that is absent, or null, is null here.
 */

import { type Read, type Reader, refuse } from "../ground/fields.ts";
import { isObject } from "../ground/json.ts";
import { bitcoinHeader, bitcoinUtxoSet, ethereumHeader, nodes, trieNodes, window } from "./chain.ts";
import { control, controlBlock, controlContract, controlSample, custodyConfirmation } from "./control.ts";
import { cover, declaration, declaredBalance, money, prices } from "./documents.ts";
import {
  bitcoinDescriptor,
  bitcoinUtxos,
  ethereumBalance,
  ethereumSafe,
  ethereumTokenAnswer,
  ethereumTokenBalance,
  ownWallet,
} from "./wallets.ts";

const READERS = {
  "ethereum-header": ethereumHeader,
  "bitcoin-header": bitcoinHeader,
  nodes,
  "ethereum-trie-nodes": trieNodes,
  "ethereum-balance": ethereumBalance,
  "ethereum-token-balance": ethereumTokenBalance,
  "ethereum-token-answer": ethereumTokenAnswer,
  "ethereum-safe": ethereumSafe,
  "bitcoin-utxos": bitcoinUtxos,
  "bitcoin-utxo-set": bitcoinUtxoSet,
  window,
  "bitcoin-descriptor": bitcoinDescriptor,
  "own-wallet": ownWallet,
  "control-block": controlBlock,
  control,
  "control-contract": controlContract,
  "custody-confirmation": custodyConfirmation,
  "control-sample": controlSample,
  money,
  "declared-balance": declaredBalance,
  cover,
  prices,
  declaration,
};

/** The fields of one record. */
export type RecordFields = Read<(typeof READERS)[keyof typeof READERS]>;
/** A record with its leaf in the evidence tree, 64 digits of hex. */
export type AnyRecord = RecordFields & { readonly leaf: string };
/** The available records by their index among all. */
export type Records = ReadonlyMap<number, AnyRecord>;

/** The record that a JSON value is. */
export const recordFields: Reader<RecordFields> = (value, path) => {
  const type = isObject(value) ? value["type"] : undefined;
  if (typeof type !== "string" || !isType(type)) throw refuse(`${path}.type`, "no type of record");
  return READERS[type](value, path);
};

function isType(type: string): type is keyof typeof READERS {
  return Object.hasOwn(READERS, type);
}
