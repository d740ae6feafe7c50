/** Base58 with a checksum, as addresses of the older kinds are spelled. */

import { equal } from "../ground/bytes.ts";
import { hash256 } from "./hashes.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const MAX_CHARACTERS = 200;
const CHECKSUM_BYTES = 4;

/** What stands before the checksum; null when `text` is none. Work grows with the square of its bounded length. */
export function fromBase58Check(text: string): Uint8Array | null {
  const bytes = fromBase58(text);
  if (bytes === null || bytes.length < CHECKSUM_BYTES) return null;
  const payload = bytes.slice(0, -CHECKSUM_BYTES);
  const checksum = hash256(payload).slice(0, CHECKSUM_BYTES);
  return equal(checksum, bytes.slice(-CHECKSUM_BYTES)) ? payload : null;
}

function fromBase58(text: string): Uint8Array | null {
  if (text.length > MAX_CHARACTERS) return null;
  let number = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const bytes: number[] = [];
  for (; number > 0n; number >>= 8n) bytes.push(Number(number & 255n));
  for (let i = 0; i < text.length && text[i] === "1"; i++) bytes.push(0);
  return Uint8Array.from(bytes.reverse());
}
