/** Records of who controls addresses: challenges, what came back for them, and the sample that was drawn. */

import {
  array,
  base64,
  digestText,
  hex,
  integer,
  matching,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  type Reader,
  refuse,
  text,
} from "../ground/fields.ts";
import { chainId, count, period } from "../statement/values.ts";
import { nodeNames, onChain, salt, walletId } from "./values.ts";

const MAX_DRAWS = 100_000;
const MAX_CONFIRMED = 20_000;
const MAX_SIGNATURE = 2 ** 18;

/** What came back for a challenge: characters of ASCII without white space. */
const signature: Reader<string> = (value, path) => {
  const isSound = typeof value === "string" && value.length <= MAX_SIGNATURE && /^[!-~]+$/.test(value);
  if (!isSound) throw refuse(path, `not 1 to ${MAX_SIGNATURE} characters of ASCII`);
  return value;
};

const challenge = object({
  entity: text(),
  period,
  chain: chainId,
  address: text(),
  height: count,
  blockHash: digestText,
  nonce: matching(/^(?:-|(?:[0-9a-f]{2}){16,64})$/, "a nonce of 16 to 64 bytes, or -"),
});
const challenged = { salt, wallet: walletId, challenge, signature };
export const controlBlock = object({
  type: oneOf("control-block"),
  ...onChain,
  height: count,
  header: hex(),
  maxAge: integer(1, 366),
});
export const control = object({
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
export const controlContract = object({
  type: oneOf("control-contract"),
  ...challenged,
  kind: optional(orNull(oneOf("safe", "contract", "delegated-key", "delegated-code"))),
  saidBy: optional(nodeNames),
});
export const custodyConfirmation = object({
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
export const controlSample = object({
  type: oneOf("control-sample"),
  salt,
  sample: object({
    draws: integer(1, MAX_DRAWS),
    nonce: hex(16, 64),
    readingRoot: digestText,
    readingCount: integer(1),
  }),
});

export type Challenge = Read<typeof challenge>;
export type ControlBlock = Read<typeof controlBlock>;
export type Control = Read<typeof control>;
export type ControlContract = Read<typeof controlContract>;
export type CustodyConfirmation = Read<typeof custodyConfirmation>;
export type ControlSample = Read<typeof controlSample>;
