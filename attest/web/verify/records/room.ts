/** How much memory the records of one evidence may take, counted alike by everyone (protocol.md, section 9). */

import { unavailable } from "../ground/errors.ts";
import { isObject, type Json } from "../ground/json.ts";
import { codePoints } from "../ground/texts.ts";

const MAX_WEIGHT = 640 * 1024 * 1024;
const FIELD = 16;
const VALUE = 48;
const WIDE = 4;
const NOT_ASCII = /[^\u0000-\u007f]/;
/** Fields whose hex stays text here, and counts as the bytes that it stands for. */
const HEX = new Set([
  "blockHash",
  "hashSerialized",
  "muhash",
  "readingRoot",
  "script",
  "scripts",
  "sha256",
  "slot",
  "txid",
]);

export class Room {
  private left = MAX_WEIGHT;

  /** Make room for a record: `json` is what its line says, `read` what was read of it. */
  take(what: string, json: Json, read: unknown): void {
    this.left -= weigh(json, read, "");
    if (this.left < 0) {
      throw unavailable("evidence/too-large", `${what}: the records up to here take more than 640 MiB of memory`);
    }
  }
}

/** The weight of a value: what is absent weighs nothing, and what is null weighs as a value. */
function weigh(json: Json, read: unknown, name: string): number {
  if (Array.isArray(json)) {
    const items: readonly unknown[] = Array.isArray(read) ? read : [];
    return json.reduce((sum: number, item: Json, i) => sum + FIELD + weigh(item, items[i], name), VALUE);
  }
  if (isObject(json)) {
    const fields = new Map<string, unknown>(typeof read === "object" && read !== null ? Object.entries(read) : []);
    return Object.entries(json).reduce(
      (sum, [field, item]) => sum + FIELD + weigh(item, fields.get(field), field),
      2 * VALUE,
    );
  }
  if (read instanceof Uint8Array) return VALUE + read.length;
  if (typeof read !== "string") return VALUE;
  if (HEX.has(name)) return VALUE + read.length / 2;
  return VALUE + (NOT_ASCII.test(read) ? WIDE * codePoints(read) : read.length);
}
