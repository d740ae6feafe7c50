/**
 * JSON at the border (protocol.md, section 1): strict and bounded on the way in, RFC 8785 on the way out.
 *
 * `JSON.parse` cannot serve: it hides duplicate fields, takes fractions, and rounds integers above 2^53 - 1.
 */

import { utf8 } from "./bytes.ts";
import { type AttestError, malformed } from "./errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const MAX_DEPTH = 32;
const MAX_FIELDS = 1 << 14;
const MANY = 1 << 14;

/** Parse strict JSON. `what` names the document in errors; only `malformed` errors leave. */
export function parseJson(bytes: Uint8Array, what: string, maxBytes: number): Json {
  if (bytes.length > maxBytes) {
    throw malformed("json/too-large", `${what} has ${bytes.length} bytes; the limit is ${maxBytes}`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("json/malformed", `${what} is not strict JSON: it is not UTF-8`);
  }
  return new Parser(text, bytes.length, what).document();
}

const STRING_PART = /[^"\\\u0000-\u001f]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const FOUR_DIGITS = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Parser {
  private at = 0;
  private commas: number;
  private containers: number;

  constructor(
    private readonly text: string,
    size: number,
    private readonly what: string,
  ) {
    this.commas = MANY + Math.floor(size / 16);
    this.containers = MANY + Math.floor(size / 64);
  }

  document(): Json {
    const value = this.value(1);
    this.skip();
    if (this.at < this.text.length) throw this.refuse("more follows its end");
    return value;
  }

  private refuse(why: string): AttestError {
    return malformed("json/malformed", `${this.what} is not strict JSON: ${why} (character ${this.at + 1})`);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private skip(): void {
    this.match(SPACE);
  }

  private value(depth: number): Json {
    this.skip();
    switch (this.text[this.at]) {
      case "{":
        return this.object(this.deeper(depth));
      case "[":
        return this.array(this.deeper(depth));
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private deeper(depth: number): number {
    if (depth > MAX_DEPTH) throw this.refuse(`nested deeper than ${MAX_DEPTH} levels`);
    if (--this.containers < 0) throw this.refuse("too many arrays and objects in so few bytes");
    return depth + 1;
  }

  private comma(): void {
    this.at += 1;
    if (--this.commas < 0) throw this.refuse("too many values in so few bytes");
  }

  private word<T extends Json>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.refuse("no value stands there");
    this.at += word.length;
    return value;
  }

  private number(): number {
    const found = this.match(NUMBER);
    if (found === "") throw this.refuse(this.at < this.text.length ? "no value stands there" : "it is cut off");
    if (!/^-?[0-9]+$/.test(found)) throw this.refuse("a number is not an integer; amounts are strings");
    const value = Number(found);
    if (found.length > 17 || !Number.isSafeInteger(value)) throw this.refuse("an integer is beyond 2^53 - 1");
    return value + 0; // -0 is 0
  }

  private string(): string {
    this.at += 1;
    let text = "";
    let escaped = false;
    for (;;) {
      text += this.match(STRING_PART);
      const next = this.text[this.at];
      if (next === undefined) throw this.refuse("it is cut off");
      this.at += 1;
      if (next === '"') break;
      if (next !== "\\") throw this.refuse("a control character in a string");
      const kind = this.text[this.at] ?? "";
      this.at += 1;
      if (kind === "u") {
        const digits = this.match(FOUR_DIGITS);
        if (digits === "") throw this.refuse("an escape is malformed");
        text += String.fromCharCode(Number.parseInt(digits, 16));
        escaped = true;
      } else {
        const character = ESCAPES[kind];
        if (character === undefined) throw this.refuse("an escape is malformed");
        text += character;
      }
    }
    if (escaped && /\p{Surrogate}/u.test(text)) throw this.refuse("a lone surrogate, which is no text");
    return text;
  }

  private array(depth: number): Json[] {
    this.at += 1;
    const items: Json[] = [];
    this.skip();
    if (this.text[this.at] === "]") {
      this.at += 1;
      return items;
    }
    for (;;) {
      items.push(this.value(depth));
      this.skip();
      const next = this.text[this.at];
      if (next === "]") {
        this.at += 1;
        return items;
      }
      if (next !== ",") throw this.refuse("an array is not closed");
      this.comma();
    }
  }

  private object(depth: number): JsonObject {
    this.at += 1;
    // Without a prototype, so that a field may be called __proto__ and nothing is inherited.
    const fields: Record<string, Json> = Object.create(null);
    let count = 0;
    this.skip();
    if (this.text[this.at] === "}") {
      this.at += 1;
      return fields;
    }
    for (;;) {
      this.skip();
      if (this.text[this.at] !== '"') throw this.refuse("a field has no name");
      const name = this.string();
      this.skip();
      if (this.text[this.at] !== ":") throw this.refuse("a field has no value");
      this.at += 1;
      if (name in fields) throw this.refuse(`field ${JSON.stringify(name.slice(0, 60))} occurs twice in one object`);
      fields[name] = this.value(depth);
      if (++count > MAX_FIELDS) throw this.refuse(`an object has more than ${MAX_FIELDS} fields`);
      this.skip();
      const next = this.text[this.at];
      if (next === "}") {
        this.at += 1;
        return fields;
      }
      if (next !== ",") throw this.refuse("an object is not closed");
      this.comma();
    }
  }
}

/** The RFC 8785 form of what `parseJson` returned. */
export function canonical(value: Json): Uint8Array {
  return utf8(spell(value));
}

function spell(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(spell).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  // Array.prototype.sort compares UTF-16 code units, which is the order of RFC 8785.
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${spell(value[name] ?? null)}`).join(",")}}`;
}
