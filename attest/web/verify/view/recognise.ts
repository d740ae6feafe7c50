/** What a file is, by what stands in it. Its name says nothing: names change on phones, in mails and by whoever likes. */

import { fromBase64, sha256, toHex } from "../ground/bytes.ts";
import { AttestError, malformed } from "../ground/errors.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../ground/json.ts";
import { PublicKey } from "../signing/keys.ts";
import { MAX_KEY_BYTES } from "../signing/pem.ts";
import { Trust } from "../signing/trust.ts";
import { parsePack, type Pack } from "../statement/pack.ts";
import { parseProof } from "../liabilities/proof.ts";

/** Documents that the page reads as JSON are not longer; each has a limit of its own besides. */
const MAX_DOCUMENT = 4 * 1024 * 1024;

/** What a bundle says of itself, before anything of it is believed: enough to choose among files. */
export interface BundleLabel {
  readonly digest: string;
  readonly previous: string | null;
  readonly origin: string;
  readonly period: string;
  readonly sequence: number;
  /** The names of published files by the SHA-256 that the statement gives them, hex. */
  readonly subjects: ReadonlyMap<string, readonly string[]>;
}

export type Recognised =
  /** `label` is null where the statement in it cannot be read; verification then says why. */
  | { readonly kind: "bundle"; readonly label: BundleLabel | null }
  | { readonly kind: "proof"; readonly statement: string }
  | { readonly kind: "pack"; readonly pack: Pack }
  | { readonly kind: "root"; readonly trust: Trust }
  | { readonly kind: "key"; readonly key: PublicKey }
  | { readonly kind: "damaged"; readonly what: "proof" | "pack" | "root" | "key"; readonly why: string }
  | { readonly kind: "private key" }
  /** A trust root or key that came with what is to be verified, and so says nothing of whom to trust. */
  | { readonly kind: "sent anchor" }
  | { readonly kind: "unsigned statement" }
  /** All records, as an auditor has them; no statement names this file. */
  | { readonly kind: "evidence"; readonly digest: string }
  /** Perhaps a file that a statement names by its digest. */
  | { readonly kind: "other"; readonly digest: string };

const FORMATS = {
  "attest/bundle/v1": "bundle",
  "attest/inclusion-proof/v1": "proof",
  "attest/pack/v1": "pack",
} as const;
type Format = (typeof FORMATS)[keyof typeof FORMATS];

/** A key begins its file and ends it. Within another text, such as a published record, it names nobody to be trusted. */
const PUBLIC_KEY = /^[\s\ufeff\u00ef\u00bb\u00bf]*-----BEGIN PUBLIC KEY-----/;
const KEY_ALONE = /^[\s\u00ef\u00bb\u00bf]*-----BEGIN [^-]*-----[^-]*-----END PUBLIC KEY-----\s*$/;
const PRIVATE_KEY = /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/m;

const ROOT_TYPE = "application/vnd.attest.trust-root+json";

/** Never throws what the bytes caused. */
export function recognise(bytes: Uint8Array): Recognised {
  const start = latin(bytes.subarray(0, 64 * 1024));
  if (PRIVATE_KEY.test(start)) return { kind: "private key" };
  if (PUBLIC_KEY.test(start)) return key(bytes);
  if (!/^[\s\ufeff\u00ef\u00bb\u00bf]*\{/.test(start)) return other(bytes);
  const value = bytes.length <= MAX_DOCUMENT ? parsed(bytes) : null;
  if (value === null) return unread(bytes, start);
  const format = typeof value["format"] === "string" ? formatNamed(value["format"]) : null;
  if (format !== null) return document(format, bytes, value);
  if (value["payloadType"] === ROOT_TYPE) return root(bytes);
  if ("roles" in value && "keys" in value && "origin" in value) return root(bytes);
  if (typeof value["_type"] === "string" && "predicateType" in value) return { kind: "unsigned statement" };
  return isRecord(value) ? evidence(bytes) : other(bytes);
}

/** What a link or a pack holds, which whoever wrote the statement may have made: it names nobody to be trusted. */
export function recogniseSent(bytes: Uint8Array): Recognised {
  const what = recognise(bytes);
  return what.kind === "root" || what.kind === "key" ? { kind: "sent anchor" } : what;
}

function formatNamed(name: string): Format | null {
  return Object.entries(FORMATS).find(([format]) => format === name)?.[1] ?? null;
}

/** JSON that is cut off or not strict is still known by the name of its format, and its reader says what is wrong. */
function unread(bytes: Uint8Array, start: string): Recognised {
  const text = bytes.length <= MAX_DOCUMENT ? latin(bytes) : start;
  const found = /"format"\s*:\s*"(attest\/[a-z-]+\/v1)"/.exec(text)?.[1];
  const format = found === undefined ? null : formatNamed(found);
  if (format !== null) return document(format, bytes, null);
  if (text.includes(`"payloadType"`) && text.includes(ROOT_TYPE)) return root(bytes);
  if (/"auditorReports"\s*:/.test(text.slice(0, 200)) || /"envelope"\s*:\s*\{/.test(text.slice(0, 200))) {
    return { kind: "bundle", label: null };
  }
  const end = bytes.indexOf(10);
  const line = end < 0 || end > MAX_DOCUMENT ? null : parsed(bytes.subarray(0, end));
  return line !== null && isRecord(line) ? evidence(bytes) : other(bytes);
}

function document(format: Format, bytes: Uint8Array, value: JsonObject | null): Recognised {
  switch (format) {
    case "bundle":
      return { kind: "bundle", label: value === null ? null : labelOf(value) };
    case "proof":
      return orDamaged("proof", () => ({ kind: "proof", statement: parseProof(bytes).statement }));
    case "pack":
      return orDamaged("pack", () => ({ kind: "pack", pack: parsePack(bytes) }));
  }
}

const root = (bytes: Uint8Array): Recognised => orDamaged("root", () => ({ kind: "root", trust: Trust.pin(bytes) }));
const other = (bytes: Uint8Array): Recognised => ({ kind: "other", digest: toHex(sha256(bytes)) });
const evidence = (bytes: Uint8Array): Recognised => ({ kind: "evidence", digest: toHex(sha256(bytes)) });

function key(bytes: Uint8Array): Recognised {
  return orDamaged("key", () => {
    const found = PublicKey.fromPem(bytes, "the key");
    if (bytes.length > MAX_KEY_BYTES || !KEY_ALONE.test(latin(bytes))) {
      throw malformed("key/malformed", "more than one key stands in the file");
    }
    return { kind: "key", key: found };
  });
}

function orDamaged(what: "proof" | "pack" | "root" | "key", read: () => Recognised): Recognised {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    return { kind: "damaged", what, why: error.message };
  }
}

/** A record of evidence has these two fields; a line of the public edition has neither, but an index and a path. */
function isRecord(value: JsonObject): boolean {
  return typeof value["type"] === "string" && typeof value["salt"] === "string";
}

function parsed(bytes: Uint8Array): JsonObject | null {
  try {
    const value = parseJson(bytes, "the file", MAX_DOCUMENT);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof AttestError) return null;
    throw error;
  }
}

function labelOf(bundle: JsonObject): BundleLabel | null {
  const envelope = bundle["envelope"];
  const encoded = isField(envelope) ? envelope["payload"] : undefined;
  if (typeof encoded !== "string") return null;
  let payload: Uint8Array;
  try {
    payload = fromBase64(encoded);
  } catch (error) {
    if (error instanceof AttestError) return null;
    throw error;
  }
  const statement = parsed(payload);
  const predicate = statement?.["predicate"];
  if (!isField(predicate)) return null;
  const entity = predicate["entity"];
  return {
    digest: toHex(sha256(payload)),
    previous: text(predicate["previous"]),
    origin: isField(entity) ? (text(entity["origin"]) ?? "") : "",
    period: text(predicate["period"]) ?? "",
    sequence: typeof predicate["sequence"] === "number" ? predicate["sequence"] : -1,
    subjects: subjectsOf(statement?.["subject"]),
  };
}

function subjectsOf(subjects: Json | undefined): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const subject of Array.isArray(subjects) ? (subjects as readonly Json[]).slice(0, 1000) : []) {
    const digest = isField(subject) && isField(subject["digest"]) ? text(subject["digest"]["sha256"]) : null;
    const name = isField(subject) ? text(subject["name"]) : null;
    if (digest === null || name === null) continue;
    const known = names.get(digest);
    if (known === undefined) names.set(digest, [name]);
    else known.push(name);
  }
  return names;
}

const isField = (value: Json | undefined): value is JsonObject => value !== undefined && isObject(value);
const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);

/** One character a byte: enough to find names of formats, whatever the bytes are. */
function latin(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
