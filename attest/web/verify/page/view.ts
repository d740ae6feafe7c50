/** What stands on the screen, as plain values: nothing here knows of a document, and nothing there decides anything. */

import { type Rest, restsOn } from "../evidence/recheck.ts";
import type { Status, Step } from "../ground/step.ts";
import type { Coverage } from "../statement/coverage.ts";
import type { Verification } from "../verify.ts";
import { pointerOf, words } from "./fingerprint.ts";
import { amountText, clipped, inFours, type Lang, type Moment, moment, percentText, periodText, shareText } from "./format.ts";
import type { Anchor, Remark } from "./gather.ts";
import { isWhole, judge, type Seen, signedOf, type Tone, type Verdict } from "./judge.ts";
import { type Owed, owedOf } from "./mine.ts";
import type { Phrase } from "./phrase.ts";
import { en, type Texts } from "./texts.en.ts";
import { ja } from "./texts.ja.ts";

/** Sentences of one step, and lines of one list, beyond which the rest is counted. */
const MAX_SENTENCES = 12;
const MAX_SENTENCE = 600;
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
  readonly status: Status;
  readonly text: string;
  readonly owed: Owed | null;
  readonly note: Phrase;
}

export interface CoverageView {
  readonly asset: string;
  readonly percent: string;
  readonly isMet: boolean;
  readonly tone: Tone;
  readonly verdict: string;
  readonly owed: string;
  readonly held: string;
  /** Of the bar, which ends at 120 %: parts in hundredths of a percent of what is owed. */
  readonly bar: readonly { readonly level: string; readonly from: number; readonly width: number }[];
  /** `level` names the colour of the part in the bar. */
  readonly levels: readonly { readonly level: string | null; readonly text: string }[];
  readonly notes: readonly Phrase[];
}

export interface FreshnessView {
  readonly tone: Tone;
  readonly text: string;
  readonly times: readonly { readonly name: string; readonly moment: Moment }[];
}

export interface StepView {
  readonly number: number;
  readonly title: string;
  readonly status: Status;
  readonly said: readonly string[];
  readonly isBeyond: boolean;
  readonly isRun: boolean;
}

export function viewOf(seen: Seen, lang: Lang, texts: Texts): View {
  const { verification, gathered } = seen;
  const steps = verification === null ? [] : stepsOf(seen, verification);
  const owed = verification === null ? null : owedOf(verification);
  return {
    verdict: judge(seen, steps, owed, lang, texts),
    remarks: gathered.remarks.map((remark) => remarkView(remark, lang, texts)),
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

/** The steps as they are shown: where nobody is trusted, those about signatures were not checked. */
function stepsOf({ gathered }: Seen, { steps }: Verification): readonly Step[] {
  if (gathered.anchor.kind !== "nobody") return steps;
  const said = [{ en: en.steps.noRoot, ja: ja.steps.noRoot }];
  return steps.map((step) =>
    [1, 2, 3, 6].includes(step.number) && step.status !== "FAILED"
      ? { ...step, status: "NOT CHECKED", said, beyond: false }
      : step,
  );
}

function stepViews(steps: readonly Step[], lang: Lang, texts: Texts): readonly StepView[] {
  return texts.steps.titles.map((title, number) => {
    const step = steps.find((one) => one.number === number);
    const status = step?.status ?? "NOT CHECKED";
    const isBeyond = step?.beyond ?? false;
    return { number, title, status, said: saidBy(step, lang, texts), isBeyond, isRun: step !== undefined };
  });
}

function saidBy(step: Step | undefined, lang: Lang, { steps }: Texts): readonly string[] {
  if (step === undefined) return [steps.notRun];
  const said = step.said.slice(0, MAX_SENTENCES).map((one) => sentence(one[lang], lang));
  const rest = step.said.length - said.length;
  return rest > 0 ? [...said, steps.more(rest)] : said;
}

/** What a step says as a sentence: with a capital and a full stop. */
function sentence(text: string, lang: Lang): string {
  const shown = clipped(text, MAX_SENTENCE);
  if (lang === "ja") return /[。…]$/.test(shown) ? shown : `${shown}。`;
  const capital = /^[a-z]/.test(shown) ? shown.charAt(0).toUpperCase() + shown.slice(1) : shown;
  return /[.…]$/.test(capital) ? capital : `${capital}.`;
}

function remarkView(remark: Remark, lang: Lang, { notes }: Texts): { tone: Tone; text: Phrase } {
  switch (remark.kind) {
    case "unknown":
    case "notNamed":
    case "unsigned":
    case "twoBundles":
    case "twoProofs":
      return { tone: "warn", text: notes[remark.kind](clipped(remark.name, 80)) };
    case "privateKey":
      return { tone: "bad", text: notes.privateKey(clipped(remark.name, 80)) };
    case "damaged":
      return { tone: "bad", text: notes.damaged(clipped(remark.name, 80), clipped(remark.why)) };
    case "fork":
      return { tone: "bad", text: notes.fork(periodText(remark.period, lang)) };
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

/** Whether the statement itself counts: else nothing that was found in it is shown in green. */
function isStanding(seen: Seen): boolean {
  return signedOf(seen) === "yes" && seen.verification?.error === null;
}

function mineView(seen: Seen, verification: Verification, owed: Owed | null, lang: Lang, { mine }: Texts): MineView {
  const { statement, steps } = verification;
  const { utc, local, zone } = moment(statement?.predicate.snapshotAt ?? 0, lang, seen.zone);
  const note = mine.owedNote(local === null ? utc : `${utc} / ${local} (${zone})`);
  const step = steps.find(({ number }) => number === 10);
  const is = (tone: Tone, status: Status, text: string): MineView => ({ tone, status, text, owed: null, note });
  if (owed !== null) {
    const isGood = isStanding(seen);
    return { tone: isGood ? "good" : "idle", status: "VERIFIED", text: isGood ? mine.included : mine.includedOnly, owed, note };
  }
  if (step?.status === "FAILED") return is("bad", "FAILED", mine.failed);
  if (step === undefined) return is("warn", "NOT CHECKED", mine.notReached);
  return is("warn", "NOT CHECKED", seen.gathered.proof === "other statement" ? mine.otherStatement : mine.noProof);
}

/** Hundredths of a percent of what is owed at which a bar ends. */
export const BAR_END = 12_000;

const WHYS = ["unavailable", "dump", "beyond"] as const satisfies readonly (keyof Rest)[];

function coverageView(
  one: Coverage,
  seen: Seen,
  { rechecked }: Verification,
  lang: Lang,
  texts: Texts,
): CoverageView {
  const { coverage, met, metNotChecked, status } = texts;
  const { asset, decimals } = one;
  const rest = rechecked === null ? null : restsOn(rechecked, asset);
  const open = rest === null ? [] : WHYS.filter((why) => rest[why] > 0n);
  const isChecked = isWhole(rechecked, one);
  const isDeclared = one.levels.some(({ level }) => level === "declared");
  const amount = (value: bigint): string => amountText(value, decimals);
  const levels = one.levels.map(({ level, amount: part }) => {
    const share = one.levels.length === 1 ? "" : shareText(part, one.held, lang);
    return { level, text: `${coverage.levels[level]}${share === "" ? "" : ` (${share})`}` };
  });
  const denied = one.levels.reduce((total, level) => total + level.denied, 0n);
  const notes: Phrase[] = [];
  if (one.hasLowest) notes.push(coverage.lowest(amount(one.counted), asset));
  if (denied > 0n) notes.push(coverage.denied(amount(denied), asset));
  for (const why of open) notes.push(coverage.unchecked[why](amount(rest?.[why] ?? 0n), asset));
  if (rest?.lowest === true) notes.push([coverage.lowestOpen]);
  if (rest === null) notes.push([coverage.notReached]);
  else if (isChecked && one.levels.some(({ level }) => level !== "declared")) notes.push([coverage.allChecked]);
  if (isDeclared) notes.push([coverage.declaredOnly]);
  return {
    asset,
    percent: one.hundredths === null ? coverage.nothingOwed : percentText(one.hundredths, lang),
    isMet: one.met,
    tone: !one.met ? "bad" : !isStanding(seen) ? "idle" : isChecked ? "good" : "warn",
    verdict: !one.met ? status["NOT MET"] : isChecked ? met : metNotChecked,
    owed: amount(one.owed),
    held: amount(one.held),
    bar: barOf(one),
    levels: one.held === 0n ? [{ level: null, text: coverage.nothingHeld }] : levels,
    notes,
  };
}

function barOf({ owed, levels }: Coverage): CoverageView["bar"] {
  let from = 0;
  return levels.flatMap(({ level, amount }) => {
    const share = owed === 0n ? (amount > 0n ? BigInt(BAR_END) : 0n) : (amount * 10_000n) / owed;
    const width = Math.min(Number(share > BigInt(BAR_END) ? BigInt(BAR_END) : share), BAR_END - from);
    const part = { level, from, width };
    from += width;
    return width > 0 ? [part] : [];
  });
}

function freshnessView({ gathered, zone }: Seen, { statement, steps }: Verification, lang: Lang, { freshness }: Texts): FreshnessView {
  if (statement === null) return { tone: "warn", text: freshness.notReached, times: [] };
  const { snapshotAt, issuedAt, expiresAt } = statement.predicate;
  const now = gathered.given?.now ?? 0;
  const at = (name: string, seconds: number) => ({ name, moment: moment(seconds, lang, zone) });
  const times = [at(freshness.snapshot, snapshotAt), at(freshness.issued, issuedAt), at(freshness.expires, expiresAt)];
  if (!steps.some(({ number }) => number === 15)) return { tone: "warn", text: freshness.notReached, times };
  if (now >= expiresAt) return { tone: "bad", text: freshness.expired, times };
  return now < issuedAt ? { tone: "bad", text: freshness.notYet, times } : { tone: "good", text: freshness.inForce, times };
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

