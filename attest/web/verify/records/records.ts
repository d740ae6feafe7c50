/**
 * The records of the evidence: what each type has for fields (protocol.md, section 4), and no other is one.
 *
 * Digests and scripts are lower-case hex, since they are compared; a field that is absent, or null, is null here.
 */

import {
  amount,
  array,
  base64,
  digestText,
  hex,
  integer,
  isObject,
  matching,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  type Reader,
  refuse,
  text,
  time,
} from "../ground/fields.ts";
import {
  assetName,
  chainId,
  count,
  evmAddress as address,
  level,
  moneyPurpose,
  purpose,
  storage,
} from "../statement/values.ts";
import { hexText, walletId } from "./values.ts";

const salt = hex(16, 16);
const nodeNames = array(text(), 0, 64);
const proof = array(hex(), 0, 140);
const MAX_SAFE_NODES = 4096;
const MAX_OWNERS = 256;
const MAX_WINDOW = 2 ** 20;
const MAX_DRAWS = 100_000;
const MAX_CONFIRMED = 20_000;

/** Two counts, the first and the last of a range. */
const range: Reader<readonly [number, number]> = (value, path) => {
  const [first, last] = array(count, 2, 2)(value, path);
  if (first === undefined || last === undefined) throw refuse(path, "not two counts");
  return [first, last];
};

const onChain = { salt, chain: chainId };
const atBlock = { ...onChain, window: optional(orNull(count)) };

const reading = {
  ...atBlock,
  wallet: walletId,
  purpose,
  storage,
  custodian: optional(orNull(text())),
  asset: assetName,
  amount,
};

const ethereumHeader = object({ type: oneOf("ethereum-header"), ...atBlock, header: hex() });
const bitcoinHeader = object({ type: oneOf("bitcoin-header"), ...atBlock, header: hex(80, 80) });
const nodes = object({
  type: oneOf("nodes"),
  ...atBlock,
  needed: integer(1),
  agreed: nodeNames,
  dropped: array(object({ name: text(), reason: text() }), 0, 64),
});
const trieNodes = object({ type: oneOf("ethereum-trie-nodes"), ...onChain, nodes: array(hex(), 1) });

const ethereumBalance = object({
  type: oneOf("ethereum-balance"),
  ...reading,
  level: oneOf("proven"),
  address,
  proof,
});
const ethereumTokenBalance = object({
  type: oneOf("ethereum-token-balance"),
  ...reading,
  level: oneOf("proven"),
  address,
  contract: address,
  slot: digestText,
  layout: oneOf("solidity", "vyper"),
  denied: optional(oneOf(true)),
  proof,
});
const ethereumTokenAnswer = object({
  type: oneOf("ethereum-token-answer"),
  ...reading,
  level: oneOf("agreed", "single"),
  address,
  contract: address,
});
const utxo = object({ txid: digestText, vout: count, script: hexText, amount, height: count });
const bitcoinUtxos = object({ type: oneOf("bitcoin-utxos"), ...reading, level, utxos: array(utxo) });

const ethereumSafe = object({
  type: oneOf("ethereum-safe"),
  ...onChain,
  wallet: walletId,
  address,
  owners: array(address, 1, MAX_OWNERS),
  threshold: integer(1),
  version: text(),
  proof: array(hex(), 0, MAX_SAFE_NODES),
});
const bitcoinUtxoSet = object({
  type: oneOf("bitcoin-utxo-set"),
  ...onChain,
  outputs: count,
  hashSerialized: digestText,
  muhash: digestText,
  confirmedBy: array(text(), 1, 64),
});
const window = object({
  type: oneOf("window"),
  ...onChain,
  nonce: matching(/^(?:[0-9a-f]{2}){16,64}$/, "a nonce of 16 to 64 bytes"),
  before: integer(0, MAX_WINDOW),
  after: integer(0, MAX_WINDOW),
  heights: array(count, 1, 32),
});
const bitcoinDescriptor = object({
  type: oneOf("bitcoin-descriptor"),
  salt,
  wallet: walletId,
  descriptor: text(10_000),
  range: optional(orNull(range)),
});
const ownWallet = object({
  type: oneOf("own-wallet"),
  ...onChain,
  wallet: walletId,
  address: optional(orNull(address)),
  scripts: optional(orNull(array(hexText, 1))),
});

const challenge = object({
  entity: text(),
  period: matching(/^2[0-9]{3}-(?:0[1-9]|1[0-2])$/, "a month"),
  chain: chainId,
  address: text(),
  height: count,
  blockHash: digestText,
  nonce: matching(/^(?:-|(?:[0-9a-f]{2}){16,64})$/, "a nonce of 16 to 64 bytes, or -"),
});
const challenged = {
  salt,
  wallet: walletId,
  challenge,
  signature: signatureText(2 ** 18),
};
const controlBlock = object({
  type: oneOf("control-block"),
  ...onChain,
  height: count,
  header: hex(),
  maxAge: integer(1, 366),
});
const control = object({
  type: oneOf("control"),
  ...challenged,
  method: oneOf(
    "bip322-simple",
    "bip322-full",
    "bip322-proof-of-funds",
    "bip137",
    "eip191",
    "eip712",
    "eip1271-safe",
  ),
});
const controlContract = object({
  type: oneOf("control-contract"),
  ...challenged,
  kind: optional(orNull(oneOf("safe", "contract", "delegated-key", "delegated-code"))),
  saidBy: optional(nodeNames),
});
const custodyConfirmation = object({
  type: oneOf("custody-confirmation"),
  salt,
  publicKey: base64(1, 1024),
  confirmation: object({
    format: oneOf("attest/custody-confirmation/v1"),
    custodian: text(),
    challenges: array(challenge, 1, MAX_CONFIRMED),
  }),
  sig: base64(1, 1024),
});
const controlSample = object({
  type: oneOf("control-sample"),
  salt,
  sample: object({
    draws: integer(1, MAX_DRAWS),
    nonce: hex(16, 64),
    readingRoot: digestText,
    readingCount: integer(1),
  }),
});

const money = object({
  type: oneOf("money"),
  salt,
  currency: assetName,
  purpose: moneyPurpose,
  amount,
  institution: text(),
  document: text(),
  sha256: digestText,
});
const declaredBalance = object({
  type: oneOf("declared-balance"),
  salt,
  asset: assetName,
  chain: orNull(chainId),
  purpose,
  custodian: text(),
  amount,
  document: text(),
  sha256: digestText,
});
const cover = object({
  type: oneOf("cover"),
  salt,
  form: text(),
  currency: assetName,
  limit: amount,
  institution: text(),
  document: text(),
  sha256: digestText,
});
const prices = object({ type: oneOf("prices"), salt, document: text(), sha256: digestText, count });
const declaration = object({
  type: oneOf("declaration"),
  salt,
  kind: text(),
  name: text(),
  unit: optional(orNull(assetName)),
  amount: optional(orNull(amount)),
  tier: optional(orNull(text())),
  since: optional(orNull(time)),
  until: optional(orNull(time)),
  signatory: optional(orNull(text())),
  document: optional(orNull(text())),
  sha256: optional(orNull(digestText)),
});

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

export type EthereumHeader = Read<typeof ethereumHeader>;
export type BitcoinHeader = Read<typeof bitcoinHeader>;
export type Nodes = Read<typeof nodes>;
export type TrieNodes = Read<typeof trieNodes>;
export type EthereumBalance = Read<typeof ethereumBalance>;
export type EthereumTokenBalance = Read<typeof ethereumTokenBalance>;
export type EthereumTokenAnswer = Read<typeof ethereumTokenAnswer>;
export type EthereumSafe = Read<typeof ethereumSafe>;
export type Utxo = Read<typeof utxo>;
export type BitcoinUtxos = Read<typeof bitcoinUtxos>;
export type BitcoinUtxoSet = Read<typeof bitcoinUtxoSet>;
export type Window = Read<typeof window>;
export type BitcoinDescriptor = Read<typeof bitcoinDescriptor>;
export type OwnWallet = Read<typeof ownWallet>;
export type Challenge = Read<typeof challenge>;
export type ControlBlock = Read<typeof controlBlock>;
export type Control = Read<typeof control>;
export type ControlContract = Read<typeof controlContract>;
export type CustodyConfirmation = Read<typeof custodyConfirmation>;
export type ControlSample = Read<typeof controlSample>;
export type Money = Read<typeof money>;
export type DeclaredBalance = Read<typeof declaredBalance>;
export type Cover = Read<typeof cover>;
export type Prices = Read<typeof prices>;
export type DeclarationRecord = Read<typeof declaration>;

/** The balance of one wallet in one asset, at the chain's pin or at a block of its window. */
export type Reading = EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | BitcoinUtxos;
/** One record, whose `type` says which. */
export type Fields = Read<(typeof READERS)[keyof typeof READERS]>;
/** A record with its leaf in the evidence tree, 64 digits of hex. */
export type AnyRecord = Fields & { readonly leaf: string };

/** The record that a JSON value is. */
export const anyRecord: Reader<Fields> = (value, path) => {
  const type = isObject(value) ? value["type"] : undefined;
  if (typeof type !== "string" || !isType(type)) throw refuse(`${path}.type`, "no type of record");
  return READERS[type](value, path);
};

export function isReading<R extends Fields>(record: R): record is R & Reading {
  switch (record.type) {
    case "ethereum-balance":
    case "ethereum-token-balance":
    case "ethereum-token-answer":
    case "bitcoin-utxos":
      return true;
    default:
      return false;
  }
}

function isType(type: string): type is keyof typeof READERS {
  return Object.hasOwn(READERS, type);
}

/** What came back for a challenge: 1 to `most` characters of ASCII without white space. */
function signatureText(most: number): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string" || value.length < 1 || value.length > most || !/^[!-~]*$/.test(value)) {
      throw refuse(path, `not 1 to ${most} characters of ASCII`);
    }
    return value;
  };
}
