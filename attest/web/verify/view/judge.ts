/**
 * The headline. One sentence says what matters most, and everything else that is not as it should be stands under it:
 * people read the green line beside the red one.
 */

import { type Rechecked, restsOn } from "../evidence/recheck.ts";
import type { Status, Step } from "../ground/step.ts";
import type { Coverage } from "../statement/coverage.ts";
import type { Verification } from "../verify.ts";
import { compareWith } from "./fingerprint.ts";
import { clipped, type Lang, moment, percentText, periodText } from "./format.ts";
import type { Gathered } from "./gather.ts";
import { compared, isOfNothing, type Owed, type OwedRow } from "./mine.ts";
import { unknownNetworks } from "./networks.ts";
import { type Phrase, quoted } from "./phrase.ts";
import type { Texts } from "./texts.en.ts";

/** What the page knows: the files, what came of them, and what the reader typed. */
export interface Seen {
  readonly gathered: Gathered;
  /** Null while there is no bundle. */
  readonly verification: Verification | null;
  /** What the reader expects, as typed, by asset. */
  readonly expected: ReadonlyMap<string, string>;
  /** A pointer or digest to compare with, as typed. */
  readonly pointer: string;
  readonly zone: string;
}

export type Tone = "good" | "bad" | "warn" | "idle";

/** What would help most. */
export type Act = "bundle" | "proof" | "root";

export interface Verdict {
  readonly tone: Tone;
  /** Null before anything was checked. */
  readonly status: Status | null;
  readonly title: Phrase;
  readonly lines: readonly Line[];
  readonly act: Act | null;
}

export interface Line {
  /** Shown as a word before the line, where the line is a finding of its own. */
  readonly status: Status | null;
  readonly text: Phrase;
}

/** One thing that keeps the headline from being VERIFIED, the gravest first. */
interface Issue {
  readonly tone: Tone;
  readonly status: Status;
  readonly title: Phrase;
  readonly why: readonly Phrase[];
  readonly act: Act | null;
  /** Whether its title says already that the balance is included. */
  readonly saysIncluded?: true;
}

/** At most so many assets are named in one sentence. */
const MAX_NAMED = 5;
/** A name is the exchange's own words, which shall not fill the verdict. */
const MAX_NAME = 80;

/** It stands in quotation marks, which it shall not end. */
const QUOTES = /[\u201c-\u201f\u00ab\u00bb\u300c-\u300f\uff62\uff63"]/g;

/** Whose signatures hold: `unsure` where a step about them failed or could not be run to its end. */
export type Signed = "yes" | "nobody" | "unsure";

export function signedOf({ gathered, verification }: Seen): Signed {
  if (gathered.anchor.kind === "nobody") return "nobody";
  const found = verification?.signatories ?? null;
  const statusOf = (number: number): Status | undefined =>
    verification?.steps.find((step) => step.number === number)?.status;
  const counted = statusOf(2) === "VERIFIED" && statusOf(3) === "VERIFIED" && found !== null;
  if (!counted || found.undecided.length > 0 || found.evaded !== null) return "unsure";
  if (gathered.anchor.kind === "keys") return "yes";
  const enough = found.roles.some(({ role }) => role === "exchange") && found.roles.every((one) => one.signed >= one.threshold);
  return statusOf(1) === "VERIFIED" && enough ? "yes" : "unsure";
}

/** Whether the statement itself counts: else nothing that was found in it is shown in green. */
export function isStanding(seen: Seen): boolean {
  const { gathered, verification } = seen;
  const isInForce = verification?.steps.some(({ number, status }) => number === 15 && status === "VERIFIED") === true;
  return signedOf(seen) === "yes" && isInForce && !gathered.isForked && !isOtherThanCompared(seen);
}

/** The verdict; `steps` are those that are shown, `owed` what the verified proof says. */
export function judge(seen: Seen, steps: readonly Step[], owed: Owed | null, lang: Lang, texts: Texts): Verdict {
  const { verification } = seen;
  if (verification === null) return before(seen.gathered, texts);
  const issues = issuesOf(seen, verification, steps, owed, lang, texts);
  const [first, ...others] = issues;
  const also = others.map(({ status, title }): Line => ({ status, text: title }));
  const lines = [...also, ...told(verification, first ?? null, seen, steps, lang, texts)];
  if (first === undefined) {
    const title = isBare(verification) ? texts.verdict.verifiedBare : texts.verdict.verified;
    return { tone: "good", status: "VERIFIED", title: [title], lines, act: null };
  }
  const why = first.why.map((text): Line => ({ status: null, text }));
  return { tone: first.tone, status: first.status, title: first.title, lines: [...why, ...lines], act: first.act };
}

function before({ proof }: Gathered, { verdict }: Texts): Verdict {
  const start = proof === "none" || proof === "damaged";
  return {
    tone: "idle",
    status: null,
    title: [start ? verdict.start : verdict.needBundle],
    lines: [{ status: null, text: start ? verdict.startLine : verdict.needBundleLine }],
    act: start ? null : "bundle",
  };
}

function issuesOf(
  seen: Seen,
  verification: Verification,
  steps: readonly Step[],
  owed: Owed | null,
  lang: Lang,
  texts: Texts,
): readonly Issue[] {
  return [
    ...ended(seen, verification, lang, texts),
    ...unsigned(seen, verification, texts),
    ...forked(seen, verification, lang, texts),
    ...otherThanCompared(seen, texts),
    ...unexpected(seen, owed, texts),
    ...below(verification, owed, lang, texts),
    ...unmet(steps, texts),
    ...stale(seen, verification, lang, texts),
    ...unproven(seen, verification, texts),
    ...empty(owed, texts),
  ];
}

/** Why the run ended before its last step. */
function ended(seen: Seen, { error, steps }: Verification, lang: Lang, texts: Texts): Issue[] {
  const { verdict, failed, failedLine } = texts;
  const last = steps.at(-1);
  if (error === null || last === undefined) return [];
  if (last.status !== "FAILED") {
    const why = [verdict.stoppedAt(last.number)];
    return [{ tone: "warn", status: "NOT CHECKED", title: [verdict.stopped], why, act: null }];
  }
  if (error.code === "trust/expired" || error.code === "trust/not-yet") {
    const why = [verdict.clockLine(spelled(seen.gathered.given?.now ?? 0, lang, seen.zone))];
    return [{ tone: "bad", status: "FAILED", title: [verdict.rootDates], why, act: null }];
  }
  const title = verdict.failed(failed[last.number] ?? "");
  const why = [failedLine, ...(steps.length > 6 ? [[verdict.before]] : [])];
  return [{ tone: "bad", status: "FAILED", title: [title], why, act: null }];
}

function unsigned(seen: Seen, { error }: Verification, { verdict }: Texts): Issue[] {
  const signed = signedOf(seen);
  if (signed === "nobody") {
    return [{ tone: "warn", status: "NOT CHECKED", title: [verdict.noRoot], why: [verdict.noRootLine], act: "root" }];
  }
  // Where the run ended, that is said already.
  if (signed === "yes" || error !== null) return [];
  return [{ tone: "warn", status: "NOT CHECKED", title: [verdict.unsure], why: [verdict.unsureLine], act: null }];
}

/** Two statements where there should be one, which the signatures on both show. */
function forked(seen: Seen, { statement }: Verification, lang: Lang, { verdict }: Texts): Issue[] {
  if (statement === null || !seen.gathered.isForked || signedOf(seen) !== "yes") return [];
  const title = verdict.forked(periodText(statement.predicate.period, lang));
  return [{ tone: "bad", status: "FAILED", title, why: [verdict.forkedLine], act: null }];
}

function isOtherThanCompared({ pointer, verification }: Seen): boolean {
  const { statement, digest } = verification ?? { statement: null, digest: null };
  if (statement === null || digest === null) return false;
  return compareWith(pointer, statement.predicate.period, digest) === "different";
}

function otherThanCompared(seen: Seen, { verdict }: Texts): Issue[] {
  if (!isOtherThanCompared(seen)) return [];
  return [{ tone: "bad", status: "FAILED", title: [verdict.different], why: [verdict.differentLine], act: null }];
}

function unexpected({ expected }: Seen, owed: Owed | null, texts: Texts): Issue[] {
  if (owed === null) return [];
  const rows = [...owed.rows, ...owed.others];
  const of = (wanted: "less" | "more"): OwedRow[] =>
    rows.filter((row) => compared(row, expected.get(row.asset) ?? "", texts).outcome === wanted);
  const less = of("less");
  const more = of("more");
  if (less.length === 0 && more.length === 0) return [];
  const assets = listed((less.length > 0 ? less : more).map((row) => [{ quoted: row.asset }]), texts);
  const title = less.length > 0 ? texts.verdict.expectLess(assets) : texts.verdict.expectMore(assets);
  return [{ tone: less.length > 0 ? "bad" : "warn", status: "NOT MET", title, why: [], act: null, saysIncluded: true }];
}

function below({ coverage }: Verification, owed: Owed | null, lang: Lang, texts: Texts): Issue[] {
  const short = coverage.filter((one) => !one.met);
  if (short.length === 0) return [];
  const assets = listed(short.map((one) => withPercent(one, lang)), texts);
  const title = owed === null ? texts.verdict.below(assets) : texts.verdict.includedBelow(assets);
  return [{ tone: "bad", status: "NOT MET", title, why: [], act: null }];
}

/** Steps that are not met; what the last says, has sentences of its own. */
function unmet(steps: readonly Step[], texts: Texts): Issue[] {
  return steps
    .filter(({ number, status }) => status === "NOT MET" && number !== 15)
    .map(({ number }) => {
      const title = texts.verdict.unmet(texts.steps.titles[number] ?? "");
      return { tone: "warn", status: "NOT MET", title, why: [], act: null };
    });
}

function stale({ gathered, zone }: Seen, { statement }: Verification, lang: Lang, { verdict }: Texts): Issue[] {
  const now = gathered.given?.now;
  if (statement === null || now === undefined) return [];
  const { issuedAt, expiresAt } = statement.predicate;
  if (now >= expiresAt) {
    const title = verdict.expired(spelled(expiresAt, lang, zone));
    return [{ tone: "warn", status: "NOT MET", title, why: [verdict.expiredLine], act: null }];
  }
  if (now >= issuedAt) return [];
  return [{ tone: "warn", status: "NOT MET", title: verdict.notYet(spelled(issuedAt, lang, zone)), why: [verdict.notYetLine], act: null }];
}

function spelled(seconds: number, lang: Lang, zone: string): string {
  const { utc, local } = moment(seconds, lang, zone);
  return local ?? utc;
}

/** Who is owed nothing has no place in the totals: a proof of nothing shows that nobody is counted. */
function empty(owed: Owed | null, { verdict }: Texts): Issue[] {
  if (owed === null || !isOfNothing(owed)) return [];
  return [{ tone: "warn", status: "NOT CHECKED", title: [verdict.nothing], why: [verdict.nothingLine], act: null }];
}

function unproven({ gathered }: Seen, { error }: Verification, { verdict, notes }: Texts): Issue[] {
  const issue = (title: string, why: Phrase): Issue[] => {
    return [{ tone: "warn", status: "NOT CHECKED", title: [title], why: [why], act: "proof" }];
  };
  if (error !== null) return [];
  switch (gathered.proof) {
    case "given":
      return [];
    case "none":
      return issue(verdict.noProof, verdict.noProofLine);
    case "other statement":
      return issue(verdict.proofOther, notes.otherStatement);
    case "damaged":
      return issue(verdict.proofDamaged, verdict.proofDamagedLine);
  }
}

/** Whose statement it is, what holds, and how far that reaches. */
function told(
  verification: Verification,
  first: Issue | null,
  seen: Seen,
  steps: readonly Step[],
  lang: Lang,
  { verdict, ...texts }: Texts,
): readonly Line[] {
  const { coverage, holdings, statement, error, rechecked } = verification;
  if (statement === null) return [];
  const { entity, period } = statement.predicate;
  const lines: Phrase[] = [verdict.about(clipped(entity.name, MAX_NAME).replace(QUOTES, "'"), entity.origin, periodText(period, lang))];
  if (error === null) {
    const isMet = coverage.every((one) => one.met);
    const isTyped = [...seen.expected.values()].some((typed) => typed.trim() !== "");
    const unchecked = coverage.filter((one) => !isWhole(rechecked, one)).map((one): Phrase => [{ quoted: one.asset }]);
    const open = steps.filter((step) => step.status === "NOT CHECKED").length;
    if (first === null) lines.push(verdict.signed);
    if (signedOf(seen) === "yes" && isByHand(seen)) lines.push(verdict.byHand);
    const owed = holdings.filter(({ amount }) => amount > 0n).map(({ asset }) => quoted(asset));
    if (first !== null && first.saysIncluded !== true && owed.length > 0 && isMet) lines.push(verdict.includedLine);
    if (first !== null && isMet) lines.push(verdict.metLine);
    const others = statement.predicate.assets.length - owed.length;
    if (owed.length > 0 && others > 0) lines.push(verdict.includedIn(listed(owed, texts), others));
    if (holdings.length > 0 && !isTyped) lines.push(verdict.compareLine);
    if (isBare(verification)) lines.push(verdict.bareLine);
    else if (unchecked.length > 0) lines.push(verdict.restLine(listed(unchecked, texts)));
    const strange = unknownNetworks(statement).map(quoted);
    if (strange.length > 0) lines.push(verdict.networkLine(listed(strange, texts)));
    if (open > 0) lines.push(verdict.openLine(open));
  }
  return lines.map((text) => ({ status: null, text }));
}

/** Whether no record of the evidence was there, so that the reserves are what the statement says of them. */
const isBare = ({ rechecked }: Verification): boolean => rechecked?.recordsAvailable === 0;

const isByHand = ({ gathered: { anchor } }: Seen): boolean =>
  anchor.kind === "keys" || (anchor.kind === "root" && anchor.from === "hand");

const withPercent = (one: Coverage, lang: Lang): Phrase => [
  { quoted: one.asset },
  ...(one.hundredths === null ? [] : [` (${percentText(one.hundredths, lang)})`]),
];

/** Whether step 11 checked all that a coverage rests on. */
export function isWhole(rechecked: Rechecked | null, { asset }: Coverage): boolean {
  const rest = rechecked === null ? null : restsOn(rechecked, asset);
  return rest !== null && rest.unavailable === 0n && rest.dump === 0n && rest.beyond === 0n && !rest.lowest;
}

/** Some of the names, and how many more there are. */
export function listed(names: readonly Phrase[], texts: Pick<Texts, "andMore" | "listAnd">): Phrase {
  const shown = names.slice(0, MAX_NAMED);
  const rest = names.length - shown.length;
  const all = rest > 0 ? [...shown, [texts.andMore(rest)]] : shown;
  return all.flatMap((name, i) => (i === 0 ? name : [texts.listAnd, ...name]));
}
