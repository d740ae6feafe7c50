/** What stands on the screen, as plain values: nothing here knows of a document, and nothing there decides anything. */

import type { Status, Step } from "../ground/step.ts";
import type { Verification } from "../verify.ts";
import { pointerOf, words } from "./fingerprint.ts";
import { type CoverageView, coverageView } from "./covered.ts";
import { clipped, inFours, type Lang, type Moment, moment } from "./format.ts";
import type { Anchor, Remark } from "./gather.ts";
import { isStanding, judge, type Seen, signedOf, type Tone, type Verdict } from "./judge.ts";
import { isOfNothing, type Owed, owedOf } from "./mine.ts";
import type { Phrase } from "./phrase.ts";
import { MAX_SENTENCE, stepsOf, type StepView, stepViews } from "./steps.ts";
import type { Texts } from "./texts.en.ts";

/** Lines of one list beyond which the rest is counted. */
const MAX_LISTED = 100;

export interface View {
  readonly verdict: Verdict;
  readonly remarks: readonly { readonly tone: Tone; readonly text: Phrase }[];
  readonly root: RootView;
  /** All that follows is null before a bundle is there. */
  readonly result: ResultView | null;
}

export interface ResultView {
  readonly signers: SignersView;
  readonly mine: MineView;
  readonly coverage: readonly CoverageView[];
  readonly freshness: FreshnessView;
  /** Null where the statement could not be read. */
  readonly print: { readonly digest: string; readonly fours: string; readonly pointer: string; readonly period: string } | null;
  readonly steps: readonly StepView[];
  readonly error: string | null;
  readonly scope: { readonly included: readonly string[]; readonly excluded: readonly Phrase[]; readonly more: number } | null;
}

export interface RootView {
  readonly heading: string;
  readonly about: string;
  readonly isWarning: boolean;
  readonly anchors: readonly { readonly title: Phrase; readonly fours: string; readonly words: readonly string[] }[];
}

/** A key by the name that the trust root gives it, and by its fingerprint in fours. */
export interface KeyView {
  readonly name: string;
  readonly fours: string;
}

export interface SignersView {
  readonly tone: Tone;
  readonly text: string;
  readonly roles: readonly { readonly role: string; readonly counted: string; readonly keys: readonly KeyView[] }[];
  readonly reports: readonly { readonly title: Phrase; readonly counted: string; readonly exceptions: boolean; readonly date: Phrase }[];
}

export interface MineView {
  readonly tone: Tone;
  /** Null where what was found does not count, as the verdict says. */
  readonly status: Status | null;
  readonly text: string;
  readonly owed: Owed | null;
  readonly note: Phrase;
}

export interface FreshnessView {
  readonly tone: Tone;
  readonly text: string;
  readonly times: readonly { readonly name: string; readonly moment: Moment }[];
}

export function viewOf(seen: Seen, lang: Lang, texts: Texts): View {
  const { verification, gathered } = seen;
  const steps = verification === null ? [] : stepsOf(seen, verification);
  const owed = verification === null ? null : owedOf(verification);
  return {
    verdict: judge(seen, steps, owed, lang, texts),
    remarks: gathered.remarks.map((remark) => remarkView(remark, texts)),
    root: rootView(gathered.anchor, texts),
    result: verification === null ? null : resultOf(seen, verification, steps, owed, lang, texts),
  };
}

function resultOf(
  seen: Seen,
  verification: Verification,
  steps: readonly Step[],
  owed: Owed | null,
  lang: Lang,
  texts: Texts,
): ResultView {
  const { digest, statement, error } = verification;
  const period = statement?.predicate.period;
  return {
    signers: signersView(seen, verification, lang, texts),
    mine: mineView(seen, verification, owed, lang, texts),
    coverage: verification.coverage.map((one) => coverageView(one, seen, verification, lang, texts)),
    freshness: freshnessView(seen, verification, lang, texts),
    print:
      digest === null || period === undefined
        ? null
        : { digest, fours: inFours(digest), pointer: pointerOf(period, digest), period },
    steps: stepViews(steps, lang, texts),
    error: error === null ? null : clipped(`${error.code}: ${error.message}`, MAX_SENTENCE),
    scope: scopeOf(verification, texts),
  };
}

function remarkView(remark: Remark, { notes }: Texts): { tone: Tone; text: Phrase } {
  switch (remark.kind) {
    case "unknown":
    case "notNamed":
    case "unsigned":
    case "twoBundles":
    case "twoProofs":
      return { tone: "warn", text: notes[remark.kind](clipped(remark.name, 80)) };
    case "sentAnchor":
      return { tone: "bad", text: notes.sentAnchor(clipped(remark.name, 80)) };
    case "privateKey":
      return { tone: "bad", text: notes.privateKey(clipped(remark.name, 80)) };
    case "damaged":
      return { tone: "bad", text: notes.damaged(clipped(remark.name, 80), clipped(remark.why)) };
    case "otherRoot":
      return { tone: "warn", text: notes.otherRoot(clipped(remark.origin, 80)) };
    case "otherStatement":
      return { tone: "warn", text: notes.otherStatement };
    case "keyIgnored":
      return { tone: "idle", text: notes.keyIgnored };
  }
}

function rootView(anchor: Anchor, { root }: Texts): RootView {
  const shown = (title: Phrase, fingerprint: string) => ({ title, fours: inFours(fingerprint), words: words(fingerprint) });
  switch (anchor.kind) {
    case "nobody":
      return { heading: root.heading, about: root.none, isWarning: true, anchors: [] };
    case "keys":
      return {
        heading: root.keyHeading,
        about: root.keyByHand,
        isWarning: true,
        anchors: anchor.keys.map((key) => shown([root.fingerprint], key.fingerprint)),
      };
    case "root": {
      const { document, version, fingerprint } = anchor.trust.pinned;
      const about = anchor.from === "page" ? root.embedded : root.byHand;
      const anchors = [shown(root.of(clipped(document.origin), version), fingerprint)];
      return { heading: root.heading, about, isWarning: anchor.from === "hand", anchors };
    }
  }
}

function signersView(seen: Seen, { signatories }: Verification, lang: Lang, { signers }: Texts): SignersView {
  const signed = signedOf(seen);
  const { anchor } = seen.gathered;
  if (signed !== "yes") {
    const text = signed === "nobody" ? signers.nobody : signers.unsure;
    return { tone: "warn", text, roles: [], reports: [] };
  }
  if (anchor.kind === "keys") return { tone: "good", text: signers.byKey, roles: [], reports: [] };
  const names = signatories?.root?.names ?? new Map<string, string>();
  const roles = (signatories?.roles ?? []).map((one) => ({
    role: signers[one.role],
    counted: signers.counted(one.signed, one.keys, one.threshold),
    keys: one.fingerprints.map((key) => ({ name: names.get(key) ?? "", fours: inFours(key) })),
  }));
  const reports = (signatories?.reports ?? []).map((one) => ({
    title: signers.report(clipped(one.auditor, 120), clipped(one.standard, 120)),
    counted: signers.procedures(one.procedures, one.exceptions),
    exceptions: one.exceptions > 0,
    date: signers.reportOf(moment(one.issuedAt, lang, seen.zone).utc),
  }));
  const hasAuditor = signatories?.root?.roles.has("auditor") ?? false;
  return { tone: "good", text: hasAuditor ? "" : signers.noAuditor, roles, reports };
}

function mineView(seen: Seen, verification: Verification, owed: Owed | null, lang: Lang, { mine, verdict }: Texts): MineView {
  const { statement, steps } = verification;
  const { utc, local, zone } = moment(statement?.predicate.snapshotAt ?? 0, lang, seen.zone);
  const note = mine.owedNote(local === null ? utc : `${utc} / ${local} (${zone})`);
  const step = steps.find(({ number }) => number === 10);
  const is = (tone: Tone, status: Status, text: string): MineView => ({ tone, status, text, owed: null, note });
  if (owed !== null && isOfNothing(owed)) return { ...is("warn", "NOT CHECKED", verdict.nothing), owed };
  if (owed !== null) {
    return isStanding(seen)
      ? { tone: "good", status: "VERIFIED", text: mine.included, owed, note }
      : { tone: "idle", status: null, text: mine.includedOnly, owed, note };
  }
  if (step?.status === "FAILED") return is("bad", "FAILED", mine.failed);
  if (step === undefined) return is("warn", "NOT CHECKED", mine.notReached);
  return is("warn", "NOT CHECKED", seen.gathered.proof === "other statement" ? mine.otherStatement : mine.noProof);
}

function freshnessView(seen: Seen, { statement, steps }: Verification, lang: Lang, { freshness }: Texts): FreshnessView {
  if (statement === null) return { tone: "warn", text: freshness.notReached, times: [] };
  const { snapshotAt, issuedAt, expiresAt } = statement.predicate;
  const { gathered, zone } = seen;
  const now = gathered.given?.now ?? 0;
  const at = (name: string, seconds: number) => ({ name, moment: moment(seconds, lang, zone) });
  const times = [
    at(freshness.snapshot, snapshotAt),
    at(freshness.issued, issuedAt),
    at(freshness.expires, expiresAt),
    at(freshness.checked, now),
  ];
  if (!steps.some(({ number }) => number === 15)) return { tone: "warn", text: freshness.notReached, times };
  if (now >= expiresAt) return { tone: "bad", text: freshness.expired, times };
  if (now < issuedAt) return { tone: "bad", text: freshness.notYet, times };
  return { tone: isStanding(seen) ? "good" : "idle", text: freshness.inForce, times };
}

function scopeOf({ statement }: Verification, { limits }: Texts): ResultView["scope"] {
  if (statement === null) return null;
  const { included, excluded } = statement.predicate.scope;
  return {
    included: included.slice(0, MAX_LISTED).map((product) => clipped(product)),
    excluded: excluded.slice(0, MAX_LISTED).map(({ product, reason }) => limits.reason(clipped(product), clipped(reason))),
    more: Math.max(0, included.length - MAX_LISTED) + Math.max(0, excluded.length - MAX_LISTED),
  };
}

