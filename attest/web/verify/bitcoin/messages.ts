/** Messages signed with the keys of a Bitcoin or Litecoin address (protocol.md, section 8). */

import { fromBase64, utf8 } from "../ground/bytes.ts";
import { AttestError, malformed } from "../ground/errors.ts";
import { addressScript } from "./address.ts";
import { BIP137_BYTES, checkBip137 } from "./bip137.ts";
import { checkBip322, type Unchecked, type Variant } from "./bip322.ts";
import { network } from "./networks.ts";

export type BitcoinMethod = "bip322-simple" | "bip322-full" | "bip322-proof-of-funds" | "bip137";

/** How a message was signed; `unchecked` is what this verifier does not check to its end, null when it did. */
export interface SignedMessage {
  readonly method: BitcoinMethod;
  readonly unchecked: Unchecked | null;
}

const MAX_SIGNATURE = 2 ** 18;
const METHODS: Readonly<Record<Variant, BitcoinMethod>> = {
  smp: "bip322-simple",
  ful: "bip322-full",
  pof: "bip322-proof-of-funds",
};

/**
 * Check that the keys of `address` signed exactly `message`. `signature` is base64 behind smp, ful or pof, of which a
 * simple signature may go without its prefix; for a P2PKH address it may be the base64 of BIP-137.
 *
 * Throws `failed` for a signature that does not show it, `malformed` for what is no signature, or no address.
 */
export function verifyMessage(chain: string, address: string, message: string, signature: string): SignedMessage {
  const script = addressScript(chain, address);
  if (signature.length > MAX_SIGNATURE) throw notASignature();
  const variant = variantOf(signature);
  const payload = payloadOf(variant === null ? signature : signature.slice(variant.length));
  if (variant === null && payload.length === BIP137_BYTES) {
    // A message begins with the name of its coin, and one of a test network as one of the main network does.
    checkBip137(network(chain).name.split(" ")[0] ?? "", script, utf8(message), payload);
    return { method: "bip137", unchecked: null };
  }
  const kind = variant ?? "smp";
  return { method: METHODS[kind], unchecked: checkBip322(script, utf8(message), kind, payload) };
}

function variantOf(signature: string): Variant | null {
  const prefix = signature.slice(0, 3);
  return prefix === "smp" || prefix === "ful" || prefix === "pof" ? prefix : null;
}

function payloadOf(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (error) {
    throw error instanceof AttestError ? notASignature() : error;
  }
}

function notASignature(): AttestError {
  return malformed(
    "control/malformed",
    "this is not a signature: not base64 with padding, with or without smp, ful or pof before it",
  );
}
