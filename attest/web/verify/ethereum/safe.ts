/**
 * The Safe, a wallet contract that several keys control: who they are, by proof (protocol.md, section 4).
 * Source: github.com/safe-global/safe-smart-account, versions 1.3.0 and 1.4.1, which keep their storage alike.
 */

import { fromHex, unsigned } from "../ground/bytes.ts";
import { type AttestError, failed } from "../ground/errors.ts";
import { provenCodeHash, provenStorageRoot, provenWord } from "./account.ts";
import { checksumSpelling } from "./eip55.ts";
import { keccak } from "./keccak.ts";
import type { Nodes } from "./nodes.ts";

const MAX_OWNERS = 256n;
/** The Keccak-256 of what the proxy factories of Safe 1.3.0 and 1.4.1 deploy. */
const PROXIES = new Set([
  "b89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000",
  "d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",
]);
/** The `codeHash` of the deployed singletons in the npm package @safe-global/safe-deployments, by release. */
const SINGLETONS = new Map([
  ["bba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e", "1.3.0"],
  ["21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f", "1.3.0+L2"],
  ["1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4", "1.4.1"],
  ["b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff", "1.4.1+L2"],
]);
const OWNERS_SLOT = 2n;
const SINGLETON = unsigned(0n, 32);
const OWNER_COUNT = unsigned(3n, 32);
const THRESHOLD = unsigned(4n, 32);
/** base/FallbackManager.sol: the contract that answers for the Safe, which its proof shows too. */
const HANDLER = fromHex("6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5");
const ADDRESSES = 2n ** 160n;
/** What the list of owners begins and ends with. */
const SENTINEL = 1n;

export interface Safe {
  readonly version: string;
  /** In the order of the Safe's list, in the spelling of EIP-55. */
  readonly owners: readonly string[];
  readonly threshold: bigint;
}

/** The Safe that the nodes show at an address; null when the code there, or that of its singleton, is of none. */
export function provenSafe(stateRoot: Uint8Array, address: string, nodes: Nodes): Safe | null {
  if (!PROXIES.has(provenCodeHash(stateRoot, address, nodes))) return null;
  const storageRoot = provenStorageRoot(stateRoot, address, nodes);
  const word = (slot: Uint8Array): bigint => provenWord(storageRoot, slot, nodes);
  const version = SINGLETONS.get(provenCodeHash(stateRoot, addressIn(word(SINGLETON)), nodes));
  if (version === undefined) return null;
  const count = word(OWNER_COUNT);
  const threshold = word(THRESHOLD);
  word(HANDLER);
  if (threshold < 1n || threshold > count || count > MAX_OWNERS) throw corrupt(address);
  return { version, owners: ownersOf(word, count, address), threshold };
}

/** The owners in the list, each of which names the one that follows. */
function ownersOf(word: (slot: Uint8Array) => bigint, count: bigint, address: string): readonly string[] {
  const following = (owner: bigint): bigint =>
    word(keccak(Uint8Array.of(...unsigned(owner, 32), ...unsigned(OWNERS_SLOT, 32)))) % ADDRESSES;
  const owners: bigint[] = [];
  let next = following(SENTINEL);
  while (next !== SENTINEL && owners.length < count) {
    owners.push(next);
    next = following(next);
  }
  if (next !== SENTINEL || BigInt(owners.length) !== count || owners.includes(0n)) throw corrupt(address);
  return owners.map(addressIn);
}

/** The address in a word, as the EVM cuts it out. */
function addressIn(word: bigint): string {
  return checksumSpelling(`0x${(word % ADDRESSES).toString(16).padStart(40, "0")}`);
}

function corrupt(address: string): AttestError {
  return failed("control/safe", `the Safe at ${address} is corrupt: its list of owners is none`);
}
