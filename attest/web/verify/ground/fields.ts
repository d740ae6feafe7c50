/**
 * What a document may contain, field by field: each `Reader` takes a JSON value and returns the value of its type,
 * or throws a `malformed` error that names the field. Unknown fields are refused, and nothing is converted.
 */

import { MAX_AMOUNT } from "./amounts.ts";
import { equal, fromBase64, fromHex } from "./bytes.ts";
import { AttestError, malformed } from "./errors.ts";
import { canonical, isObject, type Json, parseJson } from "./json.ts";
import { codePoints } from "./texts.ts";

export type Reader<T> = (value: Json, path: string) => T;
export type Read<R> = R extends Reader<infer T> ? T : never;

export function refuse(path: string, why: string): AttestError {
  return malformed("document/invalid", `${path}: ${why}`);
}

const TEXT = /^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u;

/** A string that matches `pattern`, which is anchored at both ends; `what` names such a string in errors. */
export function matching(pattern: RegExp, what: string): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string" || !pattern.test(value)) throw refuse(path, `not ${what}`);
    return value;
  };
}

/** A text for people, of 1 to `most` code points. */
export function text(most = 1000): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string" || !TEXT.test(value)) throw refuse(path, "not a text without control characters");
    const length = codePoints(value);
    if (length < 1 || length > most) throw refuse(path, `has ${length} characters, not 1 to ${most}`);
    return value;
  };
}

/** A string of whatever characters, of at most `most` code points. */
export function anyString(most = Number.MAX_SAFE_INTEGER): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string") throw refuse(path, "not a string");
    if (value.length > most && codePoints(value) > most) throw refuse(path, `has more than ${most} characters`);
    return value;
  };
}

/** An amount in base units, from 0 to 2^128 - 1. */
export const amount: Reader<bigint> = (value, path) => {
  if (typeof value !== "string" || !/^(?:0|[1-9][0-9]{0,38})$/.test(value)) throw refuse(path, "not an amount");
  const number = BigInt(value);
  if (number > MAX_AMOUNT) throw refuse(path, "an amount is below 2^128");
  return number;
};

/** Whole seconds since 1970 in UTC. */
export const time: Reader<number> = (value, path) => {
  if (typeof value !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(value)) {
    throw refuse(path, "not a time like 2026-10-31T15:00:00Z");
  }
  const milliseconds = Date.parse(value);
  // Date.parse takes 31 February for 3 March, and 24:00 for the next day; years before 1000 are refused.
  if (Number.isNaN(milliseconds) || formatTime(milliseconds / 1000) !== value || value.startsWith("0")) {
    throw refuse(path, "not a time like 2026-10-31T15:00:00Z");
  }
  return milliseconds / 1000;
};

/** RFC 3339, UTC, whole seconds. */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

export function integer(least = 0, most = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, path) => {
    if (typeof value !== "number" || value < least || value > most) {
      throw refuse(path, `not an integer from ${least} to ${most}`);
    }
    return value;
  };
}

function spelled(read: (text: string) => Uint8Array, least: number, most: number): Reader<Uint8Array> {
  return (value, path) => {
    if (typeof value !== "string") throw refuse(path, "not a string");
    let bytes: Uint8Array;
    try {
      bytes = read(value);
    } catch (error) {
      throw error instanceof AttestError ? refuse(path, error.message) : error;
    }
    if (bytes.length < least || bytes.length > most) throw refuse(path, `has ${bytes.length} bytes`);
    return bytes;
  };
}

export const hex = (least = 0, most = Number.MAX_SAFE_INTEGER): Reader<Uint8Array> => spelled(fromHex, least, most);
export const base64 = (least = 0, most = Number.MAX_SAFE_INTEGER): Reader<Uint8Array> =>
  spelled(fromBase64, least, most);
export const digest = hex(32, 32);
/** A digest that stays the text it is, 64 digits of lower-case hex: equal digests are equal strings. */
export const digestText = matching(/^[0-9a-f]{64}$/, "a digest of 64 lower-case hex digits");

export function oneOf<const T extends string | boolean>(...values: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = values.find((one) => one === value);
    if (found === undefined) throw refuse(path, `not one of ${values.join(", ")}`);
    return found;
  };
}

export function array<T>(item: Reader<T>, least = 0, most = Number.MAX_SAFE_INTEGER): Reader<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw refuse(path, "not an array");
    if (value.length < least || value.length > most) throw refuse(path, `has ${value.length} items`);
    return value.map((one: Json, i) => item(one, `${path}[${i}]`));
  };
}

/** An object whose fields may have any name that `name` takes. */
export function map<T>(name: Reader<string>, item: Reader<T>, most: number): Reader<ReadonlyMap<string, T>> {
  return (value, path) => {
    if (!isObject(value)) throw refuse(path, "not an object");
    const fields = Object.entries(value);
    if (fields.length > most) throw refuse(path, `has ${fields.length} fields`);
    return new Map(fields.map(([key, one]) => [name(key, `${path}.${key}`), item(one, `${path}.${key}`)]));
  };
}

/** The value, or null where the document has null. */
export function orNull<T>(item: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : item(value, path));
}

const OPTIONAL = Symbol("a field that may be absent");
type Optional<T> = Reader<T> & { readonly [OPTIONAL]: true };

/** A field that may be absent, which then is null here. That it may be null in the document too, `orNull` says. */
export function optional<T>(item: Reader<T>): Optional<T | null> {
  return Object.assign((value: Json, path: string): T | null => item(value, path), { [OPTIONAL]: true as const });
}

/** An object with exactly these fields. */
export function object<F extends Readonly<Record<string, Reader<unknown>>>>(
  fields: F,
): Reader<{ readonly [K in keyof F]: Read<F[K]> }> {
  const readers = Object.entries(fields);
  return (value, path) => {
    if (!isObject(value)) throw refuse(path, "not an object");
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) throw refuse(`${path}.${name.slice(0, 60)}`, "unknown field");
    }
    const read: Record<string, unknown> = {};
    for (const [name, reader] of readers) {
      const found = value[name];
      if (found === undefined) {
        if (!(OPTIONAL in reader)) throw refuse(`${path}.${name}`, "missing");
        read[name] = null;
      } else {
        read[name] = reader(found, `${path}.${name}`);
      }
    }
    return read as { readonly [K in keyof F]: Read<F[K]> };
  };
}

/** Read a document in any spelling of strict JSON. */
export function readJson<T>(reader: Reader<T>, bytes: Uint8Array, what: string, maxBytes: number): T {
  return reader(parseJson(bytes, what, maxBytes), what);
}

/** Read bytes that are hashed or signed: their RFC 8785 form and no other. */
export function readCanonical<T>(reader: Reader<T>, bytes: Uint8Array, what: string, maxBytes: number): T {
  const value = parseJson(bytes, what, maxBytes);
  const read = reader(value, what);
  requireCanonical(value, bytes, what);
  return read;
}

/** Refuse `bytes`, from which `value` was parsed, when they are not its RFC 8785 form. */
export function requireCanonical(value: Json, bytes: Uint8Array, what: string): void {
  if (!equal(canonical(value), bytes)) throw malformed("document/not-canonical", `${what} is not in RFC 8785 form`);
}
