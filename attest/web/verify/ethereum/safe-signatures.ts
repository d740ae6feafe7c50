/** What the owners of a Safe sign for a challenge, and whether enough of them did (protocol.md, section 8). */

import { concat, toHex, toNumber } from "../ground/bytes.ts";
import { failed, malformed } from "../ground/errors.ts";
import { checksumSpelling } from "./eip55.ts";
import { keccak } from "./keccak.ts";
import { addressWord, chainNumber, eip191Digest, hashOf, personalDigest, typedDigest } from "./messages.ts";
import { recoverSigner, SIGNATURE_BYTES, signatureBytes } from "./recover.ts";

/** Who owned a Safe, and how many of them must sign. */
export interface Owned {
  readonly owners: readonly string[];
  readonly threshold: number;
}

const WORD = 32;
// Safe.sol, checkNSignatures: what stands in the place of v.
const BY_CONTRACT = 0;
const APPROVED = 1;
const ETH_SIGN = 4;
const KEY_V = [27, 28];

/**
 * Check that the keys of at least `threshold` different owners of the Safe at `address` signed `text`, as the Safe is
 * asked about it under EIP-1271. An owner for whom only a contract can speak does not count.
 */
export function verifySafeMessage(chain: string, address: string, text: string, signature: string, owned: Owned): void {
  const digest = safeDigest(chain, address, eip191Digest(text));
  const { keys, others } = signersOf(digest, signatureBytes(signature), owned);
  if (keys + others < owned.threshold) {
    throw failed("control/too-few-signers", `${keys + others} owners of the Safe signed, ${owned.threshold} must`);
  }
  if (keys < owned.threshold) {
    throw failed("control/unchecked", `the keys of ${keys} owners of the Safe signed, ${owned.threshold} must`);
  }
}

/** The document that each owner signs for `message` (EIP-712; handler/CompatibilityFallbackHandler.sol). */
function safeDigest(chain: string, address: string, message: Uint8Array): Uint8Array {
  return typedDigest(
    concat(hashOf("EIP712Domain(uint256 chainId,address verifyingContract)"), chainNumber(chain), addressWord(address)),
    concat(hashOf("SafeMessage(bytes message)"), keccak(message)),
  );
}

/** How many keys of owners signed, and for how many owners only a contract can speak. */
interface Signers {
  readonly keys: number;
  readonly others: number;
}

/**
 * The signers of `signature`: parts of 65 bytes in ascending order of their owners, none of them twice (Safe.sol,
 * `checkNSignatures`). What a contract has to say stands behind the parts.
 */
function signersOf(digest: Uint8Array, signature: Uint8Array, { owners, threshold }: Owned): Signers {
  const known = new Set(owners);
  let [keys, others] = [0, 0];
  let last = 0n;
  let start = 0;
  let end = signature.length;
  for (; start + SIGNATURE_BYTES <= end; start += SIGNATURE_BYTES) {
    const part = signature.subarray(start, start + SIGNATURE_BYTES);
    const kind = part[2 * WORD] ?? 0;
    let signer: string | null;
    if (kind === BY_CONTRACT || kind === APPROVED) {
      signer = `0x${toHex(part.subarray(12, WORD))}`;
      if (keys + others >= threshold) {
        throw failed("control/unchecked", `the Safe does not look whether ${signer} signed or approved`);
      }
      others += 1;
      const data = toNumber(part.subarray(WORD, 2 * WORD));
      if (kind === BY_CONTRACT && data < BigInt(end)) end = Number(data);
    } else {
      signer = recoverOwner(digest, part, kind);
      if (signer === null) throw failed("control/no-signer", "the signature is not one that any key could make");
      keys += 1;
    }
    if (!known.has(checksumSpelling(signer))) {
      throw failed("control/not-an-owner", `${signer} signed or approved, but is no owner of the Safe`);
    }
    const place = BigInt(signer);
    if (place <= last) {
      throw failed("control/signer-order", `${signer} stands twice in the signature of the Safe, or not in its place`);
    }
    last = place;
  }
  if (start !== end) {
    throw malformed(
      "control/signature",
      `the signature of a Safe does not consist of parts of ${SIGNATURE_BYTES} bytes`,
    );
  }
  return { keys, others };
}

/** The address whose key made a part: over the digest, or over it as `eth_sign` has it, which adds 4 to v. */
function recoverOwner(digest: Uint8Array, part: Uint8Array, v: number): string | null {
  if (!KEY_V.includes(v - ETH_SIGN)) return recoverSigner(digest, part);
  return recoverSigner(personalDigest(digest), concat(part.subarray(0, 2 * WORD), Uint8Array.of(v - ETH_SIGN)));
}
