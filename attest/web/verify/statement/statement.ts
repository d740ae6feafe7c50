/** The statement: one month's liabilities, reserves and money, bound together (protocol.md, section 5). */

import { failed } from "../ground/errors.ts";
import {
  array,
  digestText,
  integer,
  matching,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  readCanonical,
  text,
  time,
} from "../ground/fields.ts";
import { isObject, parseJson } from "../ground/json.ts";
import { cover, declaration, price } from "./declarations.ts";
import { heldLine, liabilities, moneyLine, reserveLine, statedAsset, statedPin } from "./lines.ts";
import { policyResults } from "./policies.ts";
import { count, MANY, origin, period } from "./values.ts";

export type { Conditions, Cover, Declaration, Price } from "./declarations.ts";
export type {
  AssetToken,
  HeldLine,
  MoneyLine,
  ReserveLine,
  StatedAsset,
  StatedPin,
  StatedTree,
} from "./lines.ts";
export type { PolicyResults } from "./policies.ts";
export type { Control, Level, Purpose, Storage } from "./values.ts";

export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "urn:attest-por:proof-of-reserves:v1";
const MAX_PAYLOAD_BYTES = 512 * 1024;
const WHAT = "the statement";

/** A file that the statement speaks of; it stands beside the bundle. */
const subject = object({
  name: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "the name of a file"),
  digest: object({ sha256: digestText }),
});

/** The exchange: its name, a domain that it controls, its legal entity identifier (ISO 17442). */
const entity = object({
  name: text(),
  origin,
  lei: optional(orNull(matching(/^[0-9A-Z]{18}[0-9]{2}$/, "a legal entity identifier"))),
});

const scope = object({
  included: array(text(), 1, 1000),
  excluded: array(object({ product: text(), reason: text() }), 0, 1000),
});

const predicate = object({
  entity,
  period,
  sequence: count,
  previous: orNull(digestText),
  snapshotAt: time,
  issuedAt: time,
  expiresAt: time,
  scope,
  assets: array(statedAsset, 1, MANY),
  chains: array(statedPin, 0, MANY),
  liabilities,
  reserves: array(reserveLine, 0, MANY),
  money: array(moneyLine, 0, MANY),
  held: optional(array(heldLine, 1, MANY)),
  cover: array(cover, 0, MANY),
  declarations: array(declaration, 0, MANY),
  prices: array(price, 0, MANY),
  policies: array(policyResults, 0, 100),
  evidence: object({ root: digestText, count: integer(1) }),
  tool: object({ name: text(), version: text() }),
});

const statement = object({
  _type: oneOf(STATEMENT_TYPE),
  subject: array(subject, 1, 1000),
  predicateType: oneOf(PREDICATE_TYPE),
  predicate,
});

/** The statement as it stands in the document; optional fields that are absent are null. */
export type Statement = Read<typeof statement>;
export type Predicate = Statement["predicate"];
export type Subject = Statement["subject"][number];

/** Step 4: that the payload is a statement of this kind, before anything else in it is believed. */
export function checkTypes(payloadType: string, payload: Uint8Array): void {
  if (payloadType !== PAYLOAD_TYPE) throw failed("statement/type", `the payload type is not ${PAYLOAD_TYPE}`);
  const value = parseJson(payload, WHAT, MAX_PAYLOAD_BYTES);
  if (!isObject(value) || value["_type"] !== STATEMENT_TYPE || value["predicateType"] !== PREDICATE_TYPE) {
    throw failed("statement/type", `the signed payload is not a ${PREDICATE_TYPE}`);
  }
}

/** Step 5: the statement in its one spelling. */
export function parseStatement(payload: Uint8Array): Statement {
  return readCanonical(statement, payload, WHAT, MAX_PAYLOAD_BYTES);
}
