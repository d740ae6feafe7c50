/** The DSSE envelope: exact bytes, their type, and any number of signatures (protocol.md, section 7). */

import { concat, utf8 } from "../ground/bytes.ts";
import { type AttestError, failed } from "../ground/errors.ts";
import { anyString, array, base64, object, type Read, text } from "../ground/fields.ts";
import { type PublicKey, SIGNATURE_BYTES } from "./keys.ts";

export const MAX_SIGNATURES = 16;
const MAX_KEYID = 128;
const MAX_SIGNATURE_BYTES = 1024;

/** A hint for finding a key; nothing is decided by it. */
export const keyid = anyString(MAX_KEYID);

const signature = object({ keyid, sig: base64(1, MAX_SIGNATURE_BYTES) });

type Signature = Read<typeof signature>;

export const envelope = object({
  payloadType: text(),
  payload: base64(),
  signatures: array(signature, 1, MAX_SIGNATURES),
});

/** Signed bytes. Read `payload` only after `verifySignatures`. */
export type Envelope = Read<typeof envelope>;

/** Which distinct trusted keys signed, by fingerprint, and how many signatures are of keys that nobody named. */
export interface SignatureCount {
  readonly signed: ReadonlySet<string>;
  readonly unknown: number;
}

/** PAE of DSSE v1: what is signed, so that a payload cannot be taken for one of another type. */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/**
 * Which of the trusted `keys` signed the envelope's payload.
 *
 * A signature that names a trusted key and is not that key's fails the whole envelope, and so do two of one key; one
 * that names no trusted key is counted as unknown.
 */
export function verifySignatures(envelope: Envelope, keys: Iterable<PublicKey>): SignatureCount {
  const message = pae(envelope.payloadType, envelope.payload);
  const trusted = new Map([...keys].map((key) => [key.fingerprint, key]));
  const signed = new Set<string>();
  let unknown = 0;
  for (const signature of envelope.signatures) {
    const key = trusted.get(signature.keyid);
    if (key === undefined) {
      unknown += 1;
      continue;
    }
    checkSignature(key, message, signature);
    if (signed.has(key.fingerprint)) {
      throw failed("signature/twice", `key ${key.fingerprint.slice(0, 16)}… signed twice`);
    }
    signed.add(key.fingerprint);
  }
  return { signed, unknown };
}

function checkSignature(key: PublicKey, message: Uint8Array, signature: Signature): void {
  if (key.scheme === "ecdsa-p256-sha256" && signature.sig.length !== SIGNATURE_BYTES) {
    throw failed("signature/length", "an ECDSA P-256 signature has 64 bytes, r and s");
  }
  if (!holds(key, message, signature)) throw notSignedBy(key);
}

export function notSignedBy({ fingerprint }: PublicKey): AttestError {
  return failed(
    "signature/invalid",
    `the signature under key ${fingerprint.slice(0, 16)}… is not that key's over this payload`,
  );
}

/** Signatures that were verified: those of a trust root are by the keys of two versions, and most are in both. */
const VERIFIED = new WeakMap<Signature, boolean>();

/** A signature stands in one envelope and names its key, so that what was found of it once is so for ever. */
function holds(key: PublicKey, message: Uint8Array, signature: Signature): boolean {
  const found = VERIFIED.get(signature) ?? key.verify(message, signature.sig);
  VERIFIED.set(signature, found);
  return found;
}
