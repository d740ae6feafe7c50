/** What an auditor did about a statement and found, in the auditor's own signed words (protocol.md, section 7). */

import { sha256, toHex } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import { array, digestText, object, oneOf, type Read, readCanonical, text, time } from "../ground/fields.ts";
import { PAYLOAD_TYPE } from "../statement/statement.ts";
import type { Bundle } from "./bundle.ts";
import { type Envelope, verifySignatures } from "./envelope.ts";
import { type Standing, standing } from "./standing.ts";
import type { Trust } from "./trust.ts";

const MAX_REPORT_BYTES = 256 * 1024;
const LONG = 10_000;

/** One thing that was done, and what came of it; `exception` says that it is not as it should be. */
const procedure = object({ procedure: text(LONG), finding: text(LONG), exception: oneOf(true, false) });

/** An in-toto Statement v1 about a proof-of-reserves statement. */
const report = object({
  _type: oneOf("https://in-toto.io/Statement/v1"),
  subject: array(object({ name: oneOf("statement.json"), digest: object({ sha256: digestText }) }), 1, 1),
  predicateType: oneOf("urn:attest-por:auditor-report:v1"),
  predicate: object({ auditor: text(), standard: text(), procedures: array(procedure, 1, 200), issuedAt: time }),
});

export type Report = Read<typeof report>;

/** A report whose signatures hold. One that is to come is dated after its verification, so that it does not count. */
export interface VerifiedReport {
  readonly report: Report;
  readonly standing: Standing | "to come";
}

/** What a report is verified against. */
export interface Against {
  /** SHA-256 of the statement's bytes, hex. */
  readonly statement: string;
  readonly trust: Trust;
  /** The last second of which a report does not say a time to come. */
  readonly latest: number;
  /** Fingerprints of the keys whose signatures of the payload with this digest a timestamp names. */
  readonly stampedOf: (payload: string) => ReadonlySet<string>;
}

/** One payload, and the envelopes around it: copies, which all sign the one report. */
export interface Copies {
  readonly payload: Uint8Array;
  readonly envelopes: readonly Envelope[];
}

/** The envelopes by report, in their order. */
export function reportsOf(bundle: Bundle): readonly Copies[] {
  const found = new Map<string, { payload: Uint8Array; envelopes: Envelope[] }>();
  for (const envelope of bundle.auditorReports) {
    const digest = toHex(sha256(envelope.payload));
    const copies = found.get(digest) ?? { payload: envelope.payload, envelopes: [] };
    copies.envelopes.push(envelope);
    found.set(digest, copies);
  }
  return [...found.values()];
}

/** The report of an auditor's key about the statement. Each copy must hold; a key that signed several counts once. */
export function verifyReport({ payload, envelopes }: Copies, against: Against): VerifiedReport {
  if (envelopes.some(({ payloadType }) => payloadType !== PAYLOAD_TYPE)) {
    throw failed("report/type", `the payload type of an auditor report is not ${PAYLOAD_TYPE}`);
  }
  const keys = against.trust.keysOf("auditor");
  const signed = new Set(envelopes.flatMap((envelope) => [...verifySignatures(envelope, keys).signed]));
  const found = parseReport(payload, against.statement);
  const { issuedAt } = found.predicate;
  if (issuedAt > against.latest && signed.size > 0) return { report: found, standing: "to come" };
  const asked = { role: "auditor", issuedAt, threshold: 1 } as const;
  const stamped = against.stampedOf(toHex(sha256(payload)));
  return { report: found, standing: standing(against.trust, asked, signed, stamped) };
}

function parseReport(payload: Uint8Array, statement: string): Report {
  const found = readCanonical(report, payload, "the auditor report", MAX_REPORT_BYTES);
  if (found.subject[0]?.digest.sha256 !== statement) {
    throw failed("report/statement", "an auditor report is about another statement");
  }
  return found;
}
