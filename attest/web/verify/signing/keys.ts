/** Keys that sign: Ed25519 or ECDSA P-256, named by the SHA-256 of their SubjectPublicKeyInfo. */

import { p256 } from "@noble/curves/nist.js";
import { concat, equal, fromHex, sha256, toHex, utf8 } from "../ground/bytes.ts";
import { malformed } from "../ground/errors.ts";
import { decodeKey, verifyEd25519, WeakKey } from "./ed25519.ts";
import { readPem, spellPem } from "./pem.ts";

export type Scheme = "ed25519" | "ecdsa-p256-sha256";

type Verify = (message: Uint8Array, signature: Uint8Array) => boolean;

/** All of a SubjectPublicKeyInfo but the key itself, and how long that is. */
const ED25519 = { prefix: fromHex("302a300506032b6570032100"), length: 32 };
const P256_WHOLE = { prefix: fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), length: 65 };
const P256_HALF = { prefix: fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200"), length: 33 };
/** The beginning of a SubjectPublicKeyInfo whose algorithm is neither of the two. */
const OTHER_ALGORITHM =
  /^30(?:[0-7].|81..|82....)(?!300506032b6570|301306072a8648ce3d020106082a8648ce3d030107)30(?:[0-7].|81..|82....)06/;
/** Of either scheme: R and S, or r and s. */
export const SIGNATURE_BYTES = 64;

/** A public key that someone decided to trust. The key, never a message, says which scheme is used. */
export class PublicKey {
  private constructor(
    readonly scheme: Scheme,
    /** SHA-256 of the SubjectPublicKeyInfo in DER, hex. */
    readonly fingerprint: string,
    private readonly spki: Uint8Array,
    private readonly holds: Verify,
  ) {}

  /** Parse a PEM SubjectPublicKeyInfo; `what` names it in errors. */
  static fromPem(pem: Uint8Array | string, what: string): PublicKey {
    const der = readPem(typeof pem === "string" ? utf8(pem) : pem);
    const key = der === null ? null : PublicKey.read(der, what);
    if (key === null) throw malformed("key/malformed", `${what} is not a PEM public key`);
    return key;
  }

  /** Parse a SubjectPublicKeyInfo in DER, in its one spelling. */
  static fromSpki(der: Uint8Array, what: string): PublicKey {
    const key = PublicKey.read(der, what);
    if (key === null || !equal(key.spki, der)) {
      throw malformed("key/malformed", `${what} is not a SubjectPublicKeyInfo in DER`);
    }
    return key;
  }

  /** Whether `signature`, 64 bytes for either scheme, is this key's over `message`. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return this.holds(message, signature);
  }

  /** The PEM SubjectPublicKeyInfo. */
  toPem(): string {
    return spellPem(this.spki);
  }

  private static read(der: Uint8Array, what: string): PublicKey | null {
    const ed25519 = after(der, ED25519);
    if (ed25519 !== null) {
      const point = decodeKey(ed25519);
      if (point instanceof WeakKey) throw malformed("key/weak", `${what} ${point.flaw}`);
      return PublicKey.of("ed25519", der, (message, signature) => verifyEd25519(ed25519, point, message, signature));
    }
    const encoded = after(der, P256_WHOLE) ?? after(der, P256_HALF);
    if (encoded !== null) {
      const point = wholeP256(encoded);
      if (point === null) return null;
      const spki = concat(P256_WHOLE.prefix, point);
      return PublicKey.of("ecdsa-p256-sha256", spki, (message, signature) => verifyP256(point, message, signature));
    }
    if (OTHER_ALGORITHM.test(toHex(der.subarray(0, 32)))) {
      throw malformed("key/scheme", `${what} is neither an Ed25519 nor an ECDSA P-256 key`);
    }
    return null;
  }

  private static of(scheme: Scheme, spki: Uint8Array, holds: Verify): PublicKey {
    return new PublicKey(scheme, toHex(sha256(spki)), Uint8Array.from(spki), holds);
  }
}

interface Form {
  readonly prefix: Uint8Array;
  readonly length: number;
}

function after(der: Uint8Array, { prefix, length }: Form): Uint8Array | null {
  const isOfForm = der.length === prefix.length + length && equal(der.subarray(0, prefix.length), prefix);
  return isOfForm ? Uint8Array.from(der.subarray(prefix.length)) : null;
}

/** The 65 bytes of a point of P-256 that is given whole, or by x and the parity of y, or in both ways at once. */
function wholeP256(encoded: Uint8Array): Uint8Array | null {
  const form = encoded[0] ?? 0;
  const last = encoded[64] ?? 0;
  const isBoth = encoded.length === 65 && (form === 6 || form === 7);
  if (isBoth && (form & 1) !== (last & 1)) return null;
  try {
    const plain = isBoth ? concat(Uint8Array.of(4), encoded.subarray(1)) : encoded;
    return p256.Point.fromBytes(plain).toBytes(false);
  } catch {
    return null;
  }
}

/** r ‖ s with both from 1 to n - 1; of s and n - s either is taken. */
function verifyP256(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  try {
    return p256.verify(signature, message, point, { lowS: false, prehash: true, format: "compact" });
  } catch {
    return false;
  }
}
