/** The kinds of scripts that have addresses, and what a script pushes. */

import { concat, equal } from "../ground/bytes.ts";

export type ScriptKind = "p2pkh" | "p2sh" | "p2wpkh" | "p2wsh" | "p2tr";

const HASH_BYTES = 20;
const OP_PUSHDATA1 = 0x4c;
const OP_PUSHDATA4 = 0x4e;
const OP_1 = 0x51;
const OP_16 = 0x60;

/** OP_DUP OP_HASH160 <hash of the key> OP_EQUALVERIFY OP_CHECKSIG. */
export function p2pkh(hash: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x76, 0xa9), push(hash), Uint8Array.of(0x88, 0xac));
}

/** OP_HASH160 <hash of the script> OP_EQUAL. */
export function p2sh(hash: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0xa9), push(hash), Uint8Array.of(0x87));
}

/** The script of a witness program: its version, and the program (BIP-141). */
export function witnessScript(version: 0 | 1, program: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(version === 0 ? 0 : OP_1), push(program));
}

/** What kind a script is that an address stands for, and the hash or key in it; null of any other script. */
export function kindOf(script: Uint8Array): { readonly kind: ScriptKind; readonly payload: Uint8Array } | null {
  for (const [kind, start, length, build] of KINDS) {
    const payload = script.slice(start, start + length);
    if (payload.length === length && equal(script, build(payload))) return { kind, payload };
  }
  return null;
}

const KINDS: readonly (readonly [ScriptKind, number, number, (payload: Uint8Array) => Uint8Array])[] = [
  ["p2pkh", 3, HASH_BYTES, p2pkh],
  ["p2sh", 2, HASH_BYTES, p2sh],
  ["p2wpkh", 2, HASH_BYTES, (hash) => witnessScript(0, hash)],
  ["p2wsh", 2, 32, (hash) => witnessScript(0, hash)],
  ["p2tr", 2, 32, (key) => witnessScript(1, key)],
];

/** At most 75 bytes, pushed by one command. */
export function push(bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(bytes.length), bytes);
}

/** What a script pushes last, and whether all it does is to push; null when a push in it is cut off. */
export function pushes(script: Uint8Array): { readonly last: Uint8Array; readonly only: boolean } | null {
  let last = new Uint8Array();
  let only = true;
  for (let at = 0; at < script.length; ) {
    const command = script[at] ?? 0;
    at += 1;
    let length = command < OP_PUSHDATA1 ? command : 0;
    if (command >= OP_PUSHDATA1 && command <= OP_PUSHDATA4) {
      const digits = 2 ** (command - OP_PUSHDATA1);
      if (at + digits > script.length) return null;
      for (let i = digits - 1; i >= 0; i--) length = length * 256 + (script[at + i] ?? 0);
      at += digits;
    }
    if (length > script.length - at) return null;
    if (command > OP_16) only = false;
    last = script.slice(at, at + length);
    at += length;
  }
  return { last, only };
}
