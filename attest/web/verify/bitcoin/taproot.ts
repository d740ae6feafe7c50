/** What the key of a taproot address signs (BIP-341), and whether it did (BIP-340). */

import { schnorr } from "@noble/curves/secp256k1.js";
import { concat, sha256, tagged } from "../ground/bytes.ts";
import { type Input, littleEndian, NO_AMOUNT, sized, type Transaction, type Witness } from "./transaction.ts";

const ANNEX = 0x50;
const DEFAULT = 0;
const ALL = 1;
const SIGNATURE_BYTES = 64;

/** The witness of a taproot input without its annex, and the annex. */
export function splitAnnex(witness: Witness): { readonly stack: Witness; readonly annex: Uint8Array | null } {
  const last = witness.at(-1);
  return witness.length >= 2 && last !== undefined && last[0] === ANNEX
    ? { stack: witness.slice(0, -1), annex: last }
    : { stack: witness, annex: null };
}

/**
 * Whether the key in the taproot `script` made `signature` over all of a transaction of one input, which spends an
 * output of no value. A byte behind the 64 of the signature may say SIGHASH_ALL, which without it is meant too.
 */
export function isKeySpend(
  transaction: Transaction,
  input: Input,
  script: Uint8Array,
  signature: Uint8Array,
  annex: Uint8Array | null,
): boolean {
  const isLong = signature.length === SIGNATURE_BYTES + 1;
  if (signature.length !== SIGNATURE_BYTES && !(isLong && signature[SIGNATURE_BYTES] === ALL)) return false;
  const message = tagged(
    "TapSighash",
    concat(
      Uint8Array.of(0, isLong ? ALL : DEFAULT),
      transaction.version,
      transaction.lockTime,
      sha256(input.outpoint),
      sha256(NO_AMOUNT),
      sha256(sized(script)),
      sha256(input.sequence),
      sha256(concat(...transaction.outputs)),
      Uint8Array.of(annex === null ? 0 : 1),
      littleEndian(0, 4),
      annex === null ? new Uint8Array() : sha256(sized(annex)),
    ),
  );
  return schnorr.verify(signature.subarray(0, SIGNATURE_BYTES), message, script.subarray(2));
}
