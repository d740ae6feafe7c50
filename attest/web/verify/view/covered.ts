/** What is held for what is owed, asset by asset: figures, bar, levels of evidence, and how much was not checked. */

import { amountText } from "../ground/amounts.ts";
import { type Rest, restsOn } from "../evidence/recheck.ts";
import type { Coverage } from "../statement/coverage.ts";
import type { Verification } from "../verify.ts";
import { type Lang, percentText, shareText } from "./format.ts";
import { isStanding, isWhole, listed, type Seen, type Tone } from "./judge.ts";
import { unknownNetworks } from "./networks.ts";
import { type Phrase, quoted } from "./phrase.ts";
import type { Texts } from "./texts.en.ts";

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

/** Hundredths of a percent of what is owed at which a bar ends. */
export const BAR_END = 12_000;

const WHYS = ["unavailable", "dump", "beyond"] as const satisfies readonly (keyof Rest)[];

export function coverageView(
  one: Coverage,
  seen: Seen,
  { rechecked, statement }: Verification,
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
  const strange = statement === null ? [] : unknownNetworks(statement, asset);
  if (strange.length > 0) notes.push(coverage.network(listed(strange.map(quoted), texts)));
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

