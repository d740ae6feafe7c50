/**
 * How an attestation is verified in a browser: the steps of protocol.md, section 9, in their order and with their
 * numbers. Bytes and the time come in, a value goes out; nothing here knows of a page, a file or a network.
 *
 * Each step is a function of the folder that has its noun: signing, statement, records, liabilities, evidence, control.
 * Nothing about how to check comes from what is being checked: keys, threshold, time and files are the caller's.
 * Steps 12 and 14 need nodes and policies, which a page does not have; what only a timestamp can decide is not checked.
 */

import { checkControl } from "./control/recheck.ts";
import { refuseTwoDescriptions } from "./control/wallets.ts";
import { type Rechecked, recheckEvidence } from "./evidence/recheck.ts";
import { sha256, toHex } from "./ground/bytes.ts";
import { AttestError } from "./ground/errors.ts";
import { Findings, type Step } from "./ground/step.ts";
import { type Holding, parseProof, verifyInclusion } from "./liabilities/proof.ts";
import { readBesideBundle } from "./records/editions.ts";
import { sentences } from "./sentences.ts";
import { type Anchors, checkThresholds, countSignatures, followChain, keysOf } from "./signing/anchors.ts";
import { parseBundle } from "./signing/bundle.ts";
import type { PublicKey } from "./signing/keys.ts";
import { checkFollows } from "./signing/previous.ts";
import { findSignatories, type Signatories } from "./signing/signatories.ts";
import { checkArithmetic } from "./statement/arithmetic.ts";
import { type Coverage, coverageOf } from "./statement/coverage.ts";
import { checkTypes, parseStatement, type Statement } from "./statement/statement.ts";

export type { Anchors } from "./signing/anchors.ts";

/** What the verifier alone knows: the auditor's nonces, as hex, and the keys of custodians by name. */
export interface Known {
  readonly nonce: string | null;
  readonly windowNonce: string | null;
  readonly custodians: ReadonlyMap<string, PublicKey>;
}

/** An attestation, what came with it, and whom and what the verifier goes by. */
export interface Given {
  readonly bundle: Uint8Array;
  readonly anchors: Anchors;
  /** Trust roots after the pinned one that the verifier has besides those in the bundle: files, each one envelope. */
  readonly laterRoots: readonly Uint8Array[];
  readonly proof: Uint8Array | null;
  /** The bundle of the statement before. */
  readonly previous: Uint8Array | null;
  /** Files published beside the bundle, by the names that the statement gives them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Seconds since 1970 in UTC. */
  readonly now: number;
  readonly known: Known;
}

/** Every step that was run, and what was found before a step failed. What a later step would find is null or empty. */
export interface Verification {
  readonly steps: readonly Step[];
  /** What ended the run; null when all sixteen steps were run. */
  readonly error: AttestError | null;
  /** SHA-256 of the statement's bytes, hex. */
  readonly digest: string | null;
  readonly statement: Statement | null;
  readonly signatories: Signatories | null;
  readonly coverage: readonly Coverage[];
  readonly account: string | null;
  readonly holdings: readonly Holding[];
  readonly rechecked: Rechecked | null;
}

type Found = { -readonly [K in keyof Verification]: Verification[K] };

/** Run every step until one fails. Never throws what the input caused. */
export function verify(given: Given): Verification {
  const steps: Step[] = [];
  const found: Found = {
    steps,
    error: null,
    digest: null,
    statement: null,
    signatories: null,
    coverage: [],
    account: null,
    holdings: [],
    rechecked: null,
  };
  try {
    runSteps(given, found, (number, run) => runStep(steps, number, run));
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    found.error = error;
  }
  return found;
}

type RunStep = <T>(number: number, run: (findings: Findings) => T) => T;

function runStep<T>(steps: Step[], number: number, run: (findings: Findings) => T): T {
  const findings = new Findings();
  try {
    const value = run(findings);
    steps.push({ number, status: findings.status, said: findings.said, beyond: findings.isBeyond });
    return value;
  } catch (error) {
    if (error instanceof AttestError) {
      const status = error.outcome === "unchecked" ? "NOT CHECKED" : "FAILED";
      steps.push({ number, status, said: [], beyond: false });
    }
    throw error;
  }
}

function runSteps(given: Given, found: Found, step: RunStep): void {
  const { now, known } = given;

  const { bundle, proof } = step(0, (findings) => {
    const read = parseBundle(given.bundle);
    findings.say(sentences.bundleOf(given.bundle.length));
    return { bundle: read, proof: given.proof === null ? null : parseProof(given.proof) };
  });
  const { payloadType, payload } = bundle.envelope;

  const anchors = step(1, (findings) => followChain(given.anchors, bundle, given.laterRoots, now, findings));
  const count = step(2, (findings) => countSignatures(anchors, bundle, findings));
  step(3, (findings) => checkThresholds(anchors, count, findings));
  step(4, () => checkTypes(payloadType, payload));
  const statement = step(5, () => parseStatement(payload));
  const digest = sha256(payload);
  found.digest = toHex(digest);
  found.statement = statement;

  found.signatories = step(6, (findings) => findSignatories(bundle, statement, count, anchors, now, findings));
  step(7, (findings) => checkFollows(statement, given.previous, findings));
  step(8, (findings) => checkArithmetic(statement, findings));
  found.coverage = coverageOf(statement);
  const records = step(9, (findings) => readBesideBundle(statement, given.files, findings));
  step(10, (findings) => {
    if (proof === null) {
      findings.open(sentences.noProof);
      return;
    }
    found.holdings = verifyInclusion(proof, digest, statement.predicate.liabilities.trees);
    found.account = proof.account;
    findings.say(sentences.accountIncluded(found.holdings.length));
  });
  found.rechecked = step(11, (findings) => recheckEvidence(statement, records, known.windowNonce, findings));
  step(12, (findings) => findings.open(sentences.noNodeAsked));
  step(13, (findings) => {
    checkControl(statement, records, known, keysOf(anchors, "root", "exchange"), findings);
    refuseTwoDescriptions(records);
  });
  step(14, (findings) => findings.beyond(sentences.policiesNotEvaluated));
  step(15, (findings) => checkFreshness(statement, now, findings));
}

/** Step 15: whether the statement is in force at the time of verification. */
function checkFreshness({ predicate: { issuedAt, expiresAt } }: Statement, now: number, findings: Findings): void {
  if (now >= expiresAt) findings.unmet(sentences.expired(expiresAt));
  else if (now < issuedAt) findings.unmet(sentences.notYetIssued(issuedAt));
  else findings.say(sentences.inForce(issuedAt, expiresAt));
}
