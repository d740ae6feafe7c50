/**
 * Messages signed as BIP-322 (2.0) says, by the one key of an address: the message becomes a transaction that pays to
 * the address's script, and a signature is a second one that spends it.
 *
 * What a script of several keys or conditions takes is not decided here, and neither is a proof of funds: then the
 * answer is what the signature is, for the page to say. What no script could take is refused all the same.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, equal, sha256, tagged } from "../ground/bytes.ts";
import { type AttestError, failed, malformed } from "../ground/errors.ts";
import { derToCompact } from "./der.ts";
import { hash160, hash256 } from "./hashes.ts";
import { kindOf, p2pkh, push, pushes } from "./script.ts";
import { isKeySpend, splitAnnex } from "./taproot.ts";
import {
  type Input,
  littleEndian,
  NO_AMOUNT,
  parseTransaction,
  parseWitness,
  serialize,
  sized,
  type Transaction,
  type Witness,
} from "./transaction.ts";

export type Variant = "smp" | "ful" | "pof";
/** What a signature is that this verifier does not check to its end. */
export type Unchecked = "proof-of-funds" | "script";

/** A version, sequence, lock time or output number of 0. */
const ZERO = new Uint8Array(4);
const SIGHASH_ALL = 1;
/** An output of nothing, to OP_RETURN. */
const NOTHING = concat(NO_AMOUNT, Uint8Array.of(1, 0x6a));
const PSBT = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
const MAX_SCRIPT_BYTES = 10_000;
const CONTROL_BYTES = 33;
const HASH_BYTES = 32;
const MAX_DEPTH = 128;
const TAPSCRIPT = 0xc0;
const VERSIONS = [0, 2].map((version) => littleEndian(version, 4));

/**
 * Check that `payload` spends the scriptPubKey `script` for `message`: null when the key of the address made it.
 * Throws a `malformed` error when it is no signature of its variant, `failed` when it is not valid.
 */
export function checkBip322(
  script: Uint8Array,
  message: Uint8Array,
  variant: Variant,
  payload: Uint8Array,
): Unchecked | null {
  if (variant === "pof") {
    if (!equal(payload.subarray(0, PSBT.length), PSBT)) {
      throw malformed("control/malformed", "this is no signature of BIP-322: a proof of funds is a PSBT");
    }
    return "proof-of-funds";
  }
  const outpoint = concat(hash256(serialize(toSpend(script, message))), ZERO);
  const transaction = variant === "ful" ? parseTransaction(payload) : toSign(outpoint, parseWitness(payload));
  const [input, ...more] = transaction.inputs;
  const [output, ...others] = transaction.outputs;
  if (input === undefined || !equal(input.outpoint, outpoint)) throw invalid("it is of another message or address");
  if (more.length > 0) throw invalid("it spends other outputs too, which is a proof of funds");
  if (output === undefined || others.length > 0 || !equal(output, NOTHING)) throw invalid("it pays something");
  const unchecked = checkSpend(transaction, input, script);
  if (!VERSIONS.some((version) => equal(version, transaction.version))) {
    throw failed(
      "control/inconclusive",
      "the signature is neither valid nor invalid, for its version has no meaning yet",
    );
  }
  return unchecked;
}

/** The transaction that pays nothing to the script, and that nobody could send: its one input spends nothing. */
function toSpend(script: Uint8Array, message: Uint8Array): Transaction {
  const outpoint = concat(new Uint8Array(32), Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  const scriptSig = concat(Uint8Array.of(0, 32), tagged("BIP0322-signed-message", message));
  return {
    version: ZERO,
    inputs: [{ outpoint, scriptSig, sequence: ZERO, witness: [] }],
    outputs: [concat(NO_AMOUNT, sized(script))],
    lockTime: ZERO,
  };
}

/** The transaction of a simple signature, of which only the witness is written. */
function toSign(outpoint: Uint8Array, witness: Witness): Transaction {
  const input = { outpoint, scriptSig: new Uint8Array(), sequence: ZERO, witness };
  return { version: ZERO, inputs: [input], outputs: [NOTHING], lockTime: ZERO };
}

function checkSpend(transaction: Transaction, input: Input, script: Uint8Array): Unchecked | null {
  const found = kindOf(script);
  if (found === null) throw invalid("its address is of no known kind");
  switch (found.kind) {
    case "p2pkh":
      return checkKeyHash(transaction, input, found.payload);
    case "p2sh":
      return checkScriptHash(transaction, input, found.payload);
    case "p2wpkh":
      refuseScriptSig(input);
      return checkWitnessKeyHash(transaction, input, found.payload);
    case "p2wsh":
      refuseScriptSig(input);
      return checkWitnessScriptHash(input, found.payload);
    case "p2tr":
      refuseScriptSig(input);
      return checkTaproot(transaction, input, script);
  }
}

function refuseScriptSig(input: Input): void {
  if (input.scriptSig.length > 0) throw invalid("it has a script where a witness alone belongs");
}

function checkKeyHash(transaction: Transaction, input: Input, hash: Uint8Array): Unchecked | null {
  const script = input.scriptSig;
  if (input.witness.length > 0) throw invalid("it has a witness, which this kind of address does not take");
  const signature = script.slice(1, 1 + (script[0] ?? 0));
  const key = script.slice(2 + signature.length);
  if (equal(script, concat(push(signature), push(key)))) {
    const code = p2pkh(hash);
    const signed = serialize({ ...transaction, inputs: [{ ...input, scriptSig: code }] });
    checkSignature(signature, key, hash, () => hash256(concat(signed, littleEndian(SIGHASH_ALL, 4))));
    return null;
  }
  const found = pushes(script);
  if (found === null || found.only || script.length > MAX_SCRIPT_BYTES) {
    throw invalid("a signature and a key belong into it, and nothing else");
  }
  return "script";
}

function checkScriptHash(transaction: Transaction, input: Input, hash: Uint8Array): Unchecked | null {
  const found = pushes(input.scriptSig);
  if (found === null || !found.only || !equal(hash160(found.last), hash)) {
    throw invalid("it does not reveal the script of the address");
  }
  const wrapped = kindOf(found.last);
  if (wrapped?.kind !== "p2wpkh") return "script";
  if (!equal(input.scriptSig, push(found.last))) throw invalid("more than the script of the address stands in it");
  return checkWitnessKeyHash(transaction, input, wrapped.payload);
}

function checkWitnessScriptHash(input: Input, hash: Uint8Array): Unchecked {
  const revealed = input.witness.at(-1);
  if (revealed === undefined || !equal(sha256(revealed), hash)) {
    throw invalid("it does not reveal the script of the address");
  }
  return "script";
}

function checkWitnessKeyHash(transaction: Transaction, input: Input, hash: Uint8Array): null {
  const [signature, key, ...more] = input.witness;
  if (signature === undefined || key === undefined || more.length > 0) {
    throw invalid("a signature and a key belong into it, and nothing else");
  }
  checkSignature(signature, key, hash, () =>
    hash256(
      concat(
        transaction.version,
        hash256(input.outpoint),
        hash256(input.sequence),
        input.outpoint,
        sized(p2pkh(hash)),
        NO_AMOUNT,
        input.sequence,
        hash256(concat(...transaction.outputs)),
        transaction.lockTime,
        littleEndian(SIGHASH_ALL, 4),
      ),
    ),
  );
  return null;
}

function checkTaproot(transaction: Transaction, input: Input, script: Uint8Array): Unchecked | null {
  const { stack, annex } = splitAnnex(input.witness);
  const [signature, ...more] = stack;
  if (signature === undefined) throw invalid("it is empty");
  if (more.length > 0) return checkScriptPath(stack);
  if (!isKeySpend(transaction, input, script, signature, annex)) throw invalid("it is not by the key of the address");
  return null;
}

/** Refuse what reveals no script: how long its proof of the script is, and of which version, says as much (BIP-341). */
function checkScriptPath(stack: Witness): Unchecked {
  const control = stack.at(-1) ?? new Uint8Array();
  const path = control.length - CONTROL_BYTES;
  if (path < 0 || path % HASH_BYTES !== 0 || path > MAX_DEPTH * HASH_BYTES) {
    throw invalid("it does not reveal a script of the address");
  }
  if (((control[0] ?? 0) & 0xfe) !== TAPSCRIPT) {
    throw failed(
      "control/inconclusive",
      "the signature is neither valid nor invalid, for its kind of script has no meaning yet",
    );
  }
  return "script";
}

/** Check that the key with this hash made `signature`, of which the last byte says that it signs all. */
function checkSignature(signature: Uint8Array, key: Uint8Array, hash: Uint8Array, digest: () => Uint8Array): void {
  if (!equal(hash160(key), hash)) throw invalid("it is by another key than that of the address");
  const compact = derToCompact(signature.slice(0, -1));
  if (compact === null || signature.at(-1) !== SIGHASH_ALL) throw invalid("it is not encoded as it must be");
  const isPlain = (key.length === 33 && (key[0] === 2 || key[0] === 3)) || (key.length === 65 && key[0] === 4);
  if (!isPlain || !verifies(compact, digest(), key)) throw invalid("it is of another message or by another key");
}

function verifies(signature: Uint8Array, digest: Uint8Array, key: Uint8Array): boolean {
  try {
    return secp256k1.verify(signature, digest, key, { prehash: false, lowS: true });
  } catch {
    return false; // what is no key, or has an r or s that no signature has
  }
}

function invalid(why: string): AttestError {
  return failed("control/invalid", `the signature does not show that the address's keys signed the message: ${why}`);
}
