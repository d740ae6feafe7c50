/** Records of wallets: their balances, the owners of Safes, descriptors, and where the exchange keeps its own coins. */

import {
  amount,
  array,
  digestText,
  hex,
  integer,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  type Reader,
  refuse,
  text,
} from "../ground/fields.ts";
import { assetName, count, evmAddress, level, purpose, storage } from "../statement/values.ts";
import { atBlock, hexText, onChain, salt, walletId } from "./values.ts";

const MAX_PROOF = 140;
const MAX_SAFE_NODES = 4096;
const MAX_OWNERS = 256;

/** Two counts, the first and the last of a range. */
const range: Reader<readonly [number, number]> = (value, path) => {
  const [first, last] = array(count, 2, 2)(value, path);
  if (first === undefined || last === undefined) throw refuse(path, "not two counts");
  return [first, last];
};

const reading = {
  ...atBlock,
  wallet: walletId,
  purpose,
  storage,
  custodian: optional(orNull(text())),
  asset: assetName,
  amount,
};

export const ethereumBalance = object({
  type: oneOf("ethereum-balance"),
  ...reading,
  level: oneOf("proven"),
  address: evmAddress,
  proof: array(hex(), 0, MAX_PROOF),
});
export const ethereumTokenBalance = object({
  type: oneOf("ethereum-token-balance"),
  ...reading,
  level: oneOf("proven"),
  address: evmAddress,
  contract: evmAddress,
  slot: digestText,
  layout: oneOf("solidity", "vyper"),
  denied: optional(oneOf(true)),
  proof: array(hex(), 0, MAX_PROOF),
});
export const ethereumTokenAnswer = object({
  type: oneOf("ethereum-token-answer"),
  ...reading,
  level: oneOf("agreed", "single"),
  address: evmAddress,
  contract: evmAddress,
});
const utxo = object({ txid: digestText, vout: count, script: hexText, amount, height: count });
export const bitcoinUtxos = object({ type: oneOf("bitcoin-utxos"), ...reading, level, utxos: array(utxo) });

export const ethereumSafe = object({
  type: oneOf("ethereum-safe"),
  ...onChain,
  wallet: walletId,
  address: evmAddress,
  owners: array(evmAddress, 1, MAX_OWNERS),
  threshold: integer(1),
  version: text(),
  proof: array(hex(), 0, MAX_SAFE_NODES),
});
export const bitcoinDescriptor = object({
  type: oneOf("bitcoin-descriptor"),
  salt,
  wallet: walletId,
  descriptor: text(10_000),
  range: optional(orNull(range)),
});
export const ownWallet = object({
  type: oneOf("own-wallet"),
  ...onChain,
  wallet: walletId,
  address: optional(orNull(evmAddress)),
  scripts: optional(orNull(array(hexText, 1))),
});

export type EthereumBalance = Read<typeof ethereumBalance>;
export type EthereumTokenBalance = Read<typeof ethereumTokenBalance>;
export type EthereumTokenAnswer = Read<typeof ethereumTokenAnswer>;
export type BitcoinUtxos = Read<typeof bitcoinUtxos>;
export type EthereumSafe = Read<typeof ethereumSafe>;
export type BitcoinDescriptor = Read<typeof bitcoinDescriptor>;
export type OwnWallet = Read<typeof ownWallet>;
