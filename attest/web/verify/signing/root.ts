/** One trust root: whose signatures count from when to when, and how many are needed (protocol.md, section 7). */

import { sha256, toHex } from "../ground/bytes.ts";
import { type AttestError, failed, malformed } from "../ground/errors.ts";
import {
  anyString,
  array,
  integer,
  map,
  matching,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  readCanonical,
  type Reader,
  refuse,
  time,
} from "../ground/fields.ts";
import { isObject, parseJson } from "../ground/json.ts";
import { origin } from "../statement/values.ts";
import { type Envelope, envelope, MAX_SIGNATURES } from "./envelope.ts";
import { PublicKey } from "./keys.ts";

const TRUST_ROOT_TYPE = "application/vnd.attest.trust-root+json";
const MAX_ROOT_BYTES = 64 * 1024;
const MAX_ROOT_FILE_BYTES = 128 * 1024;
const MAX_KEYS = 32;
const MAX_PEM = 1024;
const WHAT = "the trust root";

const ROLE_NAMES = ["root", "exchange", "auditor"] as const;
/** The roles whose keys sign statements and reports. */
export const SIGNING_ROLES = ["exchange", "auditor"] as const;

export type RoleName = (typeof ROLE_NAMES)[number];
export type SigningRole = (typeof SIGNING_ROLES)[number];

const keyName = matching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "the id of a key");

const rootKey = object({ scheme: oneOf("ed25519", "ecdsa-p256-sha256"), public: anyString(MAX_PEM) });
const keyMap = map(keyName, rootKey, MAX_KEYS);

const keys: Reader<ReadonlyMap<string, Read<typeof rootKey>>> = (value, path) => {
  const found = keyMap(value, path);
  if (found.size === 0) throw refuse(path, "has no key");
  return found;
};

const role = object({ keyids: array(keyName, 1, MAX_SIGNATURES), threshold: integer(1, MAX_SIGNATURES) });

const trustRoot = object({
  version: integer(1),
  issuedAt: time,
  expiresAt: time,
  origin,
  keys,
  roles: object({ root: role, exchange: role, auditor: optional(orNull(role)) }),
});

/** The signed document. Its key ids are names for people; nothing is counted by them. */
export type TrustRoot = Read<typeof trustRoot>;

/** The keys of one role by fingerprint, and its threshold. */
export interface Holders {
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly threshold: number;
}

/** A trust root that does not contradict itself. Who signed it is another question. */
export interface Root {
  /** 1 for the first root of an exchange, then one more each time. */
  readonly version: number;
  /** SHA-256 of the payload, hex. */
  readonly fingerprint: string;
  readonly document: TrustRoot;
  readonly roles: ReadonlyMap<RoleName, Holders>;
  /** The id of each key, by its fingerprint. */
  readonly names: ReadonlyMap<string, string>;
}

/** The envelope in a file that is a trust root. */
export function parseRootFile(file: Uint8Array): Envelope {
  const value = parseJson(file, WHAT, MAX_ROOT_FILE_BYTES);
  if (isObject(value) && !("payload" in value) && "roles" in value) {
    throw malformed("trust/unsigned", "nobody has signed this trust root yet");
  }
  return envelope(value, WHAT);
}

/** The signing roles that a root has, with their keys. */
export function signingRoles(root: Root): readonly { readonly role: SigningRole; readonly holders: Holders }[] {
  return SIGNING_ROLES.flatMap((role) => {
    const holders = root.roles.get(role);
    return holders === undefined ? [] : [{ role, holders }];
  });
}

/** The trust root in `signed`; nobody's signature is verified. */
export function parseRoot(signed: Envelope): Root {
  if (signed.payloadType !== TRUST_ROOT_TYPE) {
    throw failed("trust/type", `the payload type is not ${TRUST_ROOT_TYPE}: this is no trust root`);
  }
  const document = readCanonical(trustRoot, signed.payload, WHAT, MAX_ROOT_BYTES);
  const byName = new Map([...document.keys].map(([name, key]) => [name, publicKey(name, key)]));
  const names = namesOf(byName);
  const roles = new Map<RoleName, Holders>();
  for (const name of ROLE_NAMES) {
    const stated = document.roles[name];
    if (stated !== null) roles.set(name, holders(name, stated, byName));
  }
  checkRoles(roles, names);
  must(document.issuedAt < document.expiresAt, "it expires before it was issued");
  return { version: document.version, fingerprint: toHex(sha256(signed.payload)), document, roles, names };
}

function publicKey(name: string, key: Read<typeof rootKey>): PublicKey {
  const found = PublicKey.fromPem(key.public, `the key ${name} of the trust root`);
  must(found.toPem() === key.public, `the key ${name} is not PEM as everybody writes it`);
  must(found.scheme === key.scheme, `the key ${name} is not of the scheme ${key.scheme}`);
  return found;
}

function namesOf(byName: ReadonlyMap<string, PublicKey>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, { fingerprint }] of byName) {
    const other = names.get(fingerprint);
    must(other === undefined, `${name} and ${other ?? ""} are one key under two names`);
    names.set(fingerprint, name);
  }
  return names;
}

function holders(name: RoleName, stated: Read<typeof role>, byName: ReadonlyMap<string, PublicKey>): Holders {
  must(new Set(stated.keyids).size === stated.keyids.length, `the role ${name} lists a key twice`);
  const found = new Map<string, PublicKey>();
  for (const keyid of stated.keyids) {
    const key = byName.get(keyid);
    if (key === undefined) throw contradiction(`the role ${name} lists ${keyid}, which is not among the keys`);
    found.set(key.fingerprint, key);
  }
  must(found.size >= stated.threshold, `the role ${name} has fewer keys than its threshold`);
  return { keys: found, threshold: stated.threshold };
}

function checkRoles(roles: ReadonlyMap<RoleName, Holders>, names: ReadonlyMap<string, string>): void {
  const exchange = roles.get("exchange");
  const auditor = roles.get("auditor");
  const used = [...roles.values()];
  for (const [fingerprint, name] of names) {
    const isBoth = exchange?.keys.has(fingerprint) === true && auditor?.keys.has(fingerprint) === true;
    must(!isBoth, `${name} is a key of both the exchange and the auditor`);
    must(used.some((one) => one.keys.has(fingerprint)), `the key ${name} has no role`);
  }
}

function must(condition: boolean, otherwise: string): void {
  if (!condition) throw contradiction(otherwise);
}

function contradiction(what: string): AttestError {
  return failed("trust/contradiction", `the trust root contradicts itself: ${what}`);
}
