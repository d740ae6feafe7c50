/** Challenges signed with the key of an Ethereum address: as text (EIP-191) and as typed data (EIP-712). */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concat, fromHex, toHex, toNumber, unsigned, utf8 } from "../ground/bytes.ts";
import { AttestError, failed, malformed } from "../ground/errors.ts";
import { keccak } from "./keccak.ts";

/** What a challenge says besides its text, as a wallet shows it in typed data. */
export interface TypedChallenge {
  readonly entity: string;
  readonly period: string;
  readonly chain: string;
  /** 20 bytes, as the hex that a wallet shows. */
  readonly address: string;
  readonly height: number;
  readonly blockHash: string;
  readonly nonce: string;
}

export type EthereumMethod = "eip191" | "eip712";

const MAX_SIGNATURE = 2 ** 18;
const SIGNATURE_BYTES = 65;
const WORD = 32;
const V = 27;
const ORDER = secp256k1.Point.Fn.ORDER;

const DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)";
const CHALLENGE_TYPE =
  "ProofOfControl(string entity,string period,string chain,address address,uint256 blockHeight,bytes32 blockHash," +
  "string nonce)";

/**
 * How the key of `challenge.address` made `signature`, 0x and hex: over `text`, or over the fields of the challenge.
 * Throws `failed` when it did not, `malformed` for what is no signature.
 */
export function verifyEthereumMessage(challenge: TypedChallenge, text: string, signature: string): EthereumMethod {
  const bytes = signatureBytes(signature);
  const address = challenge.address.toLowerCase();
  const signer = recoverSigner(eip191Digest(text), bytes);
  if (signer === address) return "eip191";
  if (recoverSigner(eip712Digest(challenge), bytes) === address) return "eip712";
  throw signer === null
    ? failed("control/no-signer", "the signature is not one that any key could make")
    : failed("control/other-signer", `the signature is not by the key of ${challenge.address} over this challenge`);
}

/** The 32 bytes that are signed for a text (EIP-191, version 0x45). */
export function eip191Digest(text: string): Uint8Array {
  const message = utf8(text);
  return keccak(concat(utf8(`\u0019Ethereum Signed Message:\n${message.length}`), message));
}

/** The 32 bytes that are signed for a challenge as typed data (EIP-712). */
export function eip712Digest(challenge: TypedChallenge): Uint8Array {
  const chainId = BigInt(challenge.chain.slice("eip155:".length));
  const domain = concat(hashOf(DOMAIN_TYPE), hashOf("attest"), hashOf("1"), unsigned(chainId, WORD));
  const message = concat(
    hashOf(CHALLENGE_TYPE),
    hashOf(challenge.entity),
    hashOf(challenge.period),
    hashOf(challenge.chain),
    concat(new Uint8Array(12), fromHex(challenge.address.slice(2).toLowerCase())),
    unsigned(challenge.height, WORD),
    fromHex(challenge.blockHash),
    hashOf(challenge.nonce),
  );
  return keccak(concat(Uint8Array.of(0x19, 0x01), keccak(domain), keccak(message)));
}

function hashOf(text: string): Uint8Array {
  return keccak(utf8(text));
}

/** The bytes of a signature as an EVM chain has it, 0x and hex. Throws a `malformed` error. */
export function signatureBytes(signature: string): Uint8Array {
  if (signature.length > MAX_SIGNATURE || signature.length % 2 !== 0 || !/^0x[0-9a-fA-F]+$/.test(signature)) {
    throw malformed(
      "control/malformed",
      "this is not a signature of an EVM chain: 0x and pairs of hex digits belong here",
    );
  }
  return fromHex(signature.slice(2).toLowerCase());
}

/**
 * The address, in small letters, whose key made `signature`, r, s and v in 65 bytes; null where no key fits.
 * Anyone can make a second signature of one, with s in the upper half of the order: it fails (EIP-2).
 */
function recoverSigner(digest: Uint8Array, signature: Uint8Array): string | null {
  if (signature.length !== SIGNATURE_BYTES) {
    throw malformed(
      "control/signature",
      `a signature of ${signature.length} bytes instead of ${SIGNATURE_BYTES}: r, s and v`,
    );
  }
  const [r, s] = [toNumber(signature.subarray(0, WORD)), toNumber(signature.subarray(WORD, 2 * WORD))];
  const v = signature[2 * WORD] ?? 0;
  if (v !== V && v !== V + 1)
    throw malformed("control/signature", `a signature ends in v, 27 or 28, and this one in ${v}`);
  if (r === 0n || s === 0n || r >= ORDER || s >= ORDER) {
    throw malformed("control/signature", "a signature with an r or s that secp256k1 does not have");
  }
  if (s > ORDER / 2n) {
    throw failed(
      "control/malleable",
      "the signature has its s in the upper half of the order, and only the one in the lower half counts (EIP-2)",
    );
  }
  try {
    const key = new secp256k1.Signature(r, s, v - V).recoverPublicKey(digest).toBytes(false);
    return `0x${toHex(keccak(key.subarray(1)).subarray(12))}`;
  } catch (error) {
    if (error instanceof AttestError) throw error;
    return null;
  }
}
