/** Challenges signed with the key of an Ethereum address: as text (EIP-191) and as typed data (EIP-712). */

import { concat, fromHex, unsigned, utf8 } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import { addressBytes } from "./account.ts";
import { keccak } from "./keccak.ts";
import { recoverSigner, signatureBytes } from "./recover.ts";

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

const WORD = 32;

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
  return personalDigest(utf8(text));
}

/** The 32 bytes that `personal_sign` and `eth_sign` sign for a message. */
export function personalDigest(message: Uint8Array): Uint8Array {
  return keccak(concat(utf8(`\u0019Ethereum Signed Message:\n${message.length}`), message));
}

/** The 32 bytes that are signed for a challenge as typed data (EIP-712). */
function eip712Digest(challenge: TypedChallenge): Uint8Array {
  const domain = concat(hashOf(DOMAIN_TYPE), hashOf("attest"), hashOf("1"), chainNumber(challenge.chain));
  const message = concat(
    hashOf(CHALLENGE_TYPE),
    hashOf(challenge.entity),
    hashOf(challenge.period),
    hashOf(challenge.chain),
    addressWord(challenge.address),
    unsigned(challenge.height, WORD),
    fromHex(challenge.blockHash),
    hashOf(challenge.nonce),
  );
  return typedDigest(domain, message);
}

/** What is signed for a struct in a domain, each encoded behind the hash of its type (EIP-712). */
export function typedDigest(domain: Uint8Array, message: Uint8Array): Uint8Array {
  return keccak(concat(Uint8Array.of(0x19, 0x01), keccak(domain), keccak(message)));
}

/** The number of a chain in its CAIP-2 name, as a word. */
export function chainNumber(chain: string): Uint8Array {
  return unsigned(BigInt(chain.slice("eip155:".length)), WORD);
}

/** An address as a word. */
export function addressWord(address: string): Uint8Array {
  return concat(new Uint8Array(12), addressBytes(address));
}

/** How a text, or the name of a type, is encoded. */
export function hashOf(text: string): Uint8Array {
  return keccak(utf8(text));
}
