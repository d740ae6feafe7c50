/** What people compare to see that they have the same file: a digest as words, and the short pointer to a statement. */

import { equal, fromHex, sha256, toHex } from "../ground/bytes.ts";
import { WORDS } from "./words.ts";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** 32 bytes, given as hex, as 24 words of BIP-39, of which the last carries a checksum. */
export function words(hex: string): readonly string[] {
  const bytes = fromHex(hex);
  const checked = [...bytes, ...sha256(bytes).subarray(0, 1)];
  return bitsInGroups(checked, 11).map((index) => WORDS[index] ?? "");
}

/** Groups of bits, the last filled with zeros. */
function bitsInGroups(bytes: readonly number[], size: number): number[] {
  const groups: number[] = [];
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= size) {
      bits -= size;
      groups.push(held >> bits);
      held &= (1 << bits) - 1;
    }
  }
  if (bits > 0) groups.push(held << (size - bits));
  return groups;
}

/** RFC 4648 without padding. */
export function base32(bytes: Uint8Array): string {
  return bitsInGroups([...bytes], 5)
    .map((index) => BASE32.charAt(index))
    .join("");
}

/** The 32 bytes that 52 letters spell, or null. */
function fromBase32(text: string): Uint8Array | null {
  const bytes = new Uint8Array(32);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    held = (held << 5) | BASE32.indexOf(letter);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return base32(bytes) === text ? bytes : null;
}

/** `ATTEST1:2026-10:<base32 of the statement's digest>`: short enough for paper, a QR code or a telephone. */
export function pointerOf(period: string, digestHex: string): string {
  return `ATTEST1:${period}:${base32(fromHex(digestHex))}`;
}

export interface Pointer {
  /** Null where only a digest was given. */
  readonly period: string | null;
  readonly digest: string;
}

const POINTER = /^ATTEST1:(2[0-9]{3}-(?:0[1-9]|1[0-2])):([A-Z2-7]{52})$/;

/** A pointer, or a digest in hex, as someone typed, pasted or read it from paper; null where it is neither. */
export function readPointer(text: string): Pointer | null {
  const bare = text.slice(0, 1000).normalize("NFKC").replace(/[\s\u200b\ufeff]/g, "");
  const [, period, letters] = POINTER.exec(bare.toUpperCase()) ?? [];
  if (period !== undefined && letters !== undefined) {
    const bytes = fromBase32(letters);
    return bytes === null ? null : { period, digest: toHex(bytes) };
  }
  return /^[0-9a-fA-F]{64}$/.test(bare) ? { period: null, digest: bare.toLowerCase() } : null;
}

/** Whether a text is meant as a pointer, readable or not. */
export function isPointer(text: string): boolean {
  return text.length <= 1000 && /^\s*ATTEST1\s*:/i.test(text.normalize("NFKC"));
}

export type Compared = "none" | "unreadable" | "same" | "different" | "other month";

/** What comparing a typed pointer with the statement at hand shows. */
export function compareWith(typed: string, period: string, digestHex: string): Compared {
  if (typed.trim() === "") return "none";
  const pointer = readPointer(typed);
  if (pointer === null) return "unreadable";
  if (pointer.period !== null && pointer.period !== period) return "other month";
  return equal(fromHex(pointer.digest), fromHex(digestHex)) ? "same" : "different";
}
