/** Bytes and their spellings on the wire (protocol.md, section 1). Every reader takes one spelling and no other. */

import { sha256 } from "@noble/hashes/sha2.js";
import { malformed } from "./errors.ts";

export { sha256 };

// Without repeated groups: over megabytes of them the stack of a regular expression overflows.
const NOT_HEX = /[^0-9a-f]/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const ENCODER = new TextEncoder();
const DIGITS = "0123456789abcdef";

/** Whether `text` is lower-case hex, two digits a byte. */
export function isHex(text: string): boolean {
  return text.length % 2 === 0 && !NOT_HEX.test(text);
}

export function fromHex(text: string): Uint8Array {
  if (!isHex(text)) throw malformed("hex/malformed", `${JSON.stringify(text.slice(0, 80))} is not lower-case hex`);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += DIGITS.charAt(byte >> 4) + DIGITS.charAt(byte & 15);
  return text;
}

/** Standard base64 with padding, and only the spelling that encodes to itself. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !BASE64.test(text)) throw malformed("base64/malformed", "not base64 with padding");
  const decoded = atob(text);
  if (btoa(decoded) !== text) throw malformed("base64/malformed", "not base64 with padding");
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x2000) text += String.fromCharCode(...bytes.subarray(i, i + 0x2000));
  return btoa(text);
}

/** UTF-8 of a text without lone surrogates. */
export function utf8(text: string): Uint8Array {
  return ENCODER.encode(text);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** Negative, zero or positive as `one` stands before, at or after `other` in the order of bytes. */
export function compare(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    const difference = (one[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** The unsigned big-endian number in `bytes`. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/** `value`, which is not negative and fits, as `length` bytes, unsigned big-endian. */
export function unsigned(value: bigint | number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return bytes;
}

export const u32 = (value: number): Uint8Array => unsigned(value, 4);
export const u128 = (value: bigint): Uint8Array => unsigned(value, 16);

const TAGS = new Map<string, Uint8Array>();

/** The tagged hash of BIP-340: H(H(tag) ‖ H(tag) ‖ message). */
export function tagged(tag: string, message: Uint8Array): Uint8Array {
  let twice = TAGS.get(tag);
  if (twice === undefined) {
    const once = sha256(utf8(tag));
    twice = concat(once, once);
    TAGS.set(tag, twice);
  }
  return sha256(concat(twice, message));
}
