/** What trie nodes show of an account: its balance, and the root of its storage (EIP-1186). */

import { fromHex, toHex, toNumber } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import { keccak, keccakHex } from "./keccak.ts";
import type { Nodes } from "./nodes.ts";
import { decodeList, decodeRlp, isBytes } from "./rlp.ts";
import { trieValue } from "./trie.ts";

const FIELDS = 4; // nonce, balance, storage root, hash of the code

interface Account {
  readonly balance: Uint8Array;
  readonly storageRoot: Uint8Array;
  readonly codeHash: Uint8Array;
}

/** The balance in wei; 0 only where the nodes show that there is no account. */
export function provenBalance(stateRoot: Uint8Array, address: string, nodes: Nodes): bigint {
  const found = account(stateRoot, address, nodes);
  return found === null ? 0n : toNumber(found.balance);
}

/** The root of a contract's storage trie. Throws where there is no such account. */
export function provenStorageRoot(stateRoot: Uint8Array, contract: string, nodes: Nodes): Uint8Array {
  const found = account(stateRoot, contract, nodes);
  if (found === null) throw failed("ethereum/proof", `there is no contract at ${contract}`);
  return found.storageRoot;
}

/** The Keccak-256 of the code at an address, as hex: of no bytes where there is no code. */
export function provenCodeHash(stateRoot: Uint8Array, address: string, nodes: Nodes): string {
  const found = account(stateRoot, address, nodes);
  return found === null ? keccakHex(new Uint8Array(0)) : toHex(found.codeHash);
}

/** What stands in a storage slot of 32 bytes; 0 where nothing does. */
export function provenWord(storageRoot: Uint8Array, slot: Uint8Array, nodes: Nodes): bigint {
  const value = trieValue(storageRoot, keccak(slot), nodes);
  if (value.length === 0) return 0n;
  const stored = decodeRlp(value, "a storage value");
  if (!isBytes(stored)) throw failed("ethereum/rlp", "a storage value is not bytes");
  return toNumber(stored);
}

export function addressBytes(address: string): Uint8Array {
  return fromHex(address.slice(2).toLowerCase());
}

function account(stateRoot: Uint8Array, address: string, nodes: Nodes): Account | null {
  const value = trieValue(stateRoot, keccak(addressBytes(address)), nodes);
  if (value.length === 0) return null;
  const fields = decodeList(value, "an account");
  const [nonce, balance, storageRoot, codeHash] = fields;
  const isSound = fields.length === FIELDS && isBytes(nonce);
  if (!isSound || !isBytes(balance) || !isBytes(storageRoot) || !isBytes(codeHash)) {
    throw failed("ethereum/rlp", "an account does not have four fields");
  }
  return { balance, storageRoot, codeHash };
}
