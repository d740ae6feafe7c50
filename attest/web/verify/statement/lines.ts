/** What a statement says of assets, blocks, trees, and of what is held (protocol.md, section 5). */

import { isSoundlySpelled } from "../ethereum/eip55.ts";
import {
  amount,
  array,
  digestText,
  integer,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  refuse,
  text,
  time,
} from "../ground/fields.ts";
import {
  assetName,
  chainId,
  checked,
  control,
  count,
  evmAddress,
  level,
  MANY,
  moneyPurpose,
  purpose,
  storage,
} from "./values.ts";

const MAX_DECIMALS = 36;

const token = checked(object({ chain: chainId, contract: evmAddress }), ({ contract }, path) => {
  if (!isSoundlySpelled(contract)) throw refuse(path, `${contract} has a wrong EIP-55 checksum`);
});

/** Where an asset lists `tokens`, its token balances are of these contracts and of no other. */
export const statedAsset = object({
  asset: assetName,
  decimals: integer(0, MAX_DECIMALS),
  tokens: optional(array(token, 1, 1000)),
});

/** The one block of a chain at which every balance is read. `reason` says why it lies far from the snapshot. */
export const statedPin = object({
  chain: chainId,
  height: count,
  blockHash: digestText,
  time,
  reason: optional(text()),
});

/** What is stated of the tree of one asset's liabilities. */
const statedTree = object({
  asset: assetName,
  size: count,
  root: digestText,
  total: amount,
  negativeAccounts: count,
  negativeTotal: amount,
});

export const liabilities = object({
  scheme: oneOf("merkle-sum-sha256/v1"),
  trees: array(statedTree, 1, MANY),
});

/** The balances of `wallets` wallets that share every other field but the amount; of it, `denied` cannot move. */
export const reserveLine = object({
  asset: assetName,
  chain: chainId,
  purpose,
  storage,
  evidence: level,
  control,
  amount,
  wallets: integer(1),
  denied: optional(
    checked(amount, (value, path) => {
      if (value === 0n) throw refuse(path, "0 is said by leaving it out");
    }),
  ),
});

/** Fiat money in minor units. */
export const moneyLine = object({
  currency: assetName,
  purpose: moneyPurpose,
  amount,
  evidenceLeaf: digestText,
});

/** What only a custodian or bank says that it holds of a coin; it counts in no coverage. */
export const heldLine = object({
  asset: assetName,
  chain: orNull(chainId),
  purpose,
  custodian: text(),
  amount,
  evidenceLeaf: digestText,
});

export type AssetToken = Read<typeof token>;
export type StatedAsset = Read<typeof statedAsset>;
export type StatedPin = Read<typeof statedPin>;
export type StatedTree = Read<typeof statedTree>;
export type ReserveLine = Read<typeof reserveLine>;
export type MoneyLine = Read<typeof moneyLine>;
export type HeldLine = Read<typeof heldLine>;
