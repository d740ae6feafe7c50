/**
 * PEM as `attest` reads it: the first block of a file, with text before and after it, white space in it and headers.
 * What a trust root carries must besides be spelled as `spellPem` does.
 */

import { fromBase64, toBase64 } from "../ground/bytes.ts";
import { AttestError } from "../ground/errors.ts";

export const MAX_KEY_BYTES = 16 * 1024;
const TAG = "PUBLIC KEY";

/** The bytes of the first block, or null where that is no whole block of a public key. */
export function readPem(file: Uint8Array): Uint8Array | null {
  const text = oneCharacterAByte(file.subarray(0, MAX_KEY_BYTES));
  const tag = between(text, 0, "-----BEGIN ", "-----");
  if (tag === null) return null;
  const bodyAt = skipSpace(text, tag.next);
  const bodyEnd = find(text, bodyAt, "-----END ");
  const end = bodyEnd === null ? null : between(text, bodyAt, "-----END ", "-----");
  if (bodyEnd === null || end === null || tag.found !== TAG || end.found !== TAG) return null;
  const body = text.slice(bodyAt, bodyEnd - "-----END ".length);
  const headersEnd = find(body, 0, "\n\n") ?? find(body, 0, "\r\n\r\n");
  if (headersEnd !== null && !areHeaders(body.slice(0, headersEnd))) return null;
  return decode(body.slice(headersEnd ?? 0));
}

/** The block as everybody writes it. */
export function spellPem(der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${TAG}-----`, ...lines, `-----END ${TAG}-----`, ""].join("\n");
}

interface Found {
  readonly found: string;
  readonly next: number;
}

function between(text: string, from: number, opening: string, closing: string): Found | null {
  const start = find(text, from, opening);
  const next = start === null ? null : find(text, start, closing);
  return start === null || next === null ? null : { found: text.slice(start, next - closing.length), next };
}

/**
 * Where the first `marker` ends. A character that breaks off a marker does not begin another: of six hyphens the last
 * five are not seen. No key is written so, and whoever takes it is not agreed with by everybody.
 */
function find(text: string, from: number, marker: string): number | null {
  let matched = 0;
  for (let at = from; at < text.length; at++) {
    matched = text[at] === marker[matched] ? matched + 1 : 0;
    if (matched === marker.length) return at + 1;
  }
  return null;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (" \t\n\r".includes(text[at] ?? "-")) at += 1;
  return at;
}

/** Whether every line is a name and a value. The text ends in an empty line, which separates headers from the key. */
function areHeaders(text: string): boolean {
  const lines = text.replace(/\r?\n\r?\n$/, "").split("\n");
  return isUtf8(text) && lines.every((line) => line.includes(":"));
}

function decode(text: string): Uint8Array | null {
  try {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const characters = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return fromBase64(characters.replace(/\p{White_Space}/gu, ""));
  } catch (error) {
    if (error instanceof AttestError || error instanceof TypeError) return null;
    throw error;
  }
}

function isUtf8(text: string): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text, (one) => one.charCodeAt(0)));
    return true;
  } catch {
    return false;
  }
}

function oneCharacterAByte(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
