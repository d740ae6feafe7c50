/** Whose signatures of a statement count when it was issued, and what auditors reported (verification step 6). */

import { sha256, toHex } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import type { Findings } from "../ground/step.ts";
import type { Anchors } from "./anchors.ts";
import type { Bundle } from "./bundle.ts";
import type { SignatureCount } from "./envelope.ts";
import { reportsOf, type VerifiedReport, verifyReport } from "./report.ts";
import { type Root, SIGNING_ROLES, type SigningRole, signingRoles } from "./root.ts";
import { sentences } from "./sentences.ts";
import { standing, stands } from "./standing.ts";
import { stampedKeys } from "./timestamps.ts";
import type { Trust } from "./trust.ts";

/** By how many seconds clocks that are well set may differ. */
const CLOCKS_DIFFER = 600;

/** What is needed of a statement to say whose signatures of it count. */
export interface Stated {
  readonly predicate: { readonly issuedAt: number; readonly entity: { readonly origin: string } };
}

export interface SignedRole {
  readonly role: SigningRole;
  /** How many distinct keys signed whose signatures count; they reach the threshold. */
  readonly signed: number;
  readonly threshold: number;
  /** How many keys have the role. */
  readonly keys: number;
  /** Of the keys that signed. */
  readonly fingerprints: readonly string[];
}

export interface ToldReport {
  readonly auditor: string;
  readonly standard: string;
  readonly issuedAt: number;
  readonly procedures: number;
  readonly exceptions: number;
}

/** A role that a trust root has since a time, and the version of that root. */
export interface LaterRole {
  readonly role: SigningRole;
  readonly version: number;
  readonly since: number;
}

/** Who signed, and what auditors reported. Without a trust root, `root` is null and no role is known. */
export interface Signatories {
  /** The trust root in force when the statement was issued. */
  readonly root: Root | null;
  readonly roles: readonly SignedRole[];
  /** Roles of which only a clock can tell whether enough signatures count: they are not among `roles`. */
  readonly undecided: readonly SigningRole[];
  /**
   * A role that came only after `root`, of which too few keys signed. Nothing that is read here proves that the
   * statement is older, and an old date would spare it their signatures.
   */
  readonly evaded: LaterRole | null;
  readonly reports: readonly ToldReport[];
  /** Reports that are dated after the time of verification: they do not count. */
  readonly reportsToCome: readonly ToldReport[];
}

/** Step 6: whose signatures count at the time the statement was issued, and what auditors reported. */
export function findSignatories(
  bundle: Bundle,
  statement: Stated,
  count: SignatureCount,
  anchors: Anchors,
  now: number,
  findings: Findings,
): Signatories {
  if (anchors.kind === "keys") {
    tellTimestamps(bundle, findings);
    const reports = reportsOf(bundle).length;
    if (reports > 0) findings.open(sentences.reportsNeedRoot(reports));
    return { root: null, roles: [], undecided: [], evaded: null, reports: [], reportsToCome: [] };
  }
  const { trust } = anchors;
  const { issuedAt } = statement.predicate;
  const root = rootOf(statement, trust);
  const digest = toHex(sha256(bundle.envelope.payload));
  const stamped = stampedKeys(bundle);
  const stampedOf = (payload: string): ReadonlySet<string> => stamped.get(payload) ?? new Set();

  const { roles, undecided } = signedRoles(root, trust, issuedAt, count, stampedOf(digest));
  const against = { statement: digest, trust, latest: now + CLOCKS_DIFFER, stampedOf };
  const reports = reportsOf(bundle).map((copies) => verifyReport(copies, against));
  if (reports.some(({ report }) => issuedAt - report.predicate.issuedAt > CLOCKS_DIFFER)) {
    throw failed("report/early", "an auditor report says it was issued before its statement");
  }

  findings.say(sentences.inForce(root.version));
  for (const role of undecided) findings.beyond(sentences.undecided(role));
  const evaded = evadedRole(root, trust, count);
  if (evaded !== null) findings.open(sentences.evaded(evaded.role, evaded.version, evaded.since));
  tellReports(reports, now, findings);
  tellTimestamps(bundle, findings);
  const told = (wanted: (one: VerifiedReport) => boolean): readonly ToldReport[] => reports.filter(wanted).map(tell);
  return {
    root,
    roles,
    undecided,
    evaded,
    reports: told((one) => typeof one.standing !== "string"),
    reportsToCome: told((one) => one.standing === "to come"),
  };
}

/** The trust root of its exchange that was in force when a statement was issued. */
function rootOf({ predicate }: Stated, trust: Trust): Root {
  const root = trust.at(predicate.issuedAt);
  const { origin } = root.document;
  if (predicate.entity.origin !== origin) {
    throw failed("trust/origin", `the trust root is that of ${origin}, not of ${predicate.entity.origin}`);
  }
  return root;
}

function signedRoles(
  root: Root,
  trust: Trust,
  issuedAt: number,
  count: SignatureCount,
  stamped: ReadonlySet<string>,
): Pick<Signatories, "roles" | "undecided"> {
  const roles: SignedRole[] = [];
  const undecided: SigningRole[] = [];
  for (const { role, holders } of signingRoles(root)) {
    const counted = standing(trust, { role, issuedAt }, count.signed, stamped);
    if (counted === "unknown") undecided.push(role);
    else {
      const { threshold, keys } = holders;
      roles.push({ role, signed: counted.size, threshold, keys: keys.size, fingerprints: [...counted].sort() });
    }
  }
  return { roles, undecided };
}

function evadedRole(root: Root, trust: Trust, count: SignatureCount): LaterRole | null {
  for (const role of SIGNING_ROLES) {
    const later = trust.roots.find((one) => one.version > root.version && one.roles.has(role));
    if (root.roles.has(role) || later === undefined) continue;
    const since = later.document.issuedAt;
    const isSigned = stands(trust, { role, issuedAt: since }, count.signed, new Set());
    if (!isSigned) return { role, version: later.version, since };
  }
  return null;
}

function tellReports(reports: readonly VerifiedReport[], now: number, findings: Findings): void {
  for (const one of reports) {
    const { auditor, issuedAt, procedures, exceptions } = tell(one);
    if (one.standing === "to come") findings.say(sentences.reportToCome(auditor, issuedAt, now));
    else if (one.standing === "unknown") findings.beyond(sentences.reportUndecided(auditor));
    else findings.say(sentences.reported(auditor, procedures, exceptions));
  }
}

function tellTimestamps(bundle: Bundle, findings: Findings): void {
  const { length } = bundle.timestamps;
  if (length === 0) findings.open(sentences.noTimestamp);
  else findings.beyond(sentences.timestampsNotRead(length));
}

function tell({ report }: VerifiedReport): ToldReport {
  const { auditor, standard, issuedAt, procedures } = report.predicate;
  const exceptions = procedures.filter((one) => one.exception).length;
  return { auditor, standard, issuedAt, procedures: procedures.length, exceptions };
}
