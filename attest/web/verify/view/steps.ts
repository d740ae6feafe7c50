/** The sixteen steps as they are shown. */

import type { Status, Step } from "../ground/step.ts";
import type { Verification } from "../verify.ts";
import { clipped, type Lang } from "./format.ts";
import type { Seen } from "./judge.ts";
import { en, type Texts } from "./texts.en.ts";
import { ja } from "./texts.ja.ts";

/** Sentences of one step beyond which the rest is counted, and characters of one sentence. */
const MAX_SENTENCES = 12;
export const MAX_SENTENCE = 600;

export interface StepView {
  readonly number: number;
  readonly title: string;
  readonly status: Status;
  readonly said: readonly string[];
  readonly isBeyond: boolean;
  readonly isRun: boolean;
}

/** The steps as they are shown: where nobody is trusted, those about signatures were not checked. */
export function stepsOf({ gathered }: Seen, { steps }: Verification): readonly Step[] {
  if (gathered.anchor.kind !== "nobody") return steps;
  const said = [{ en: en.steps.noRoot, ja: ja.steps.noRoot }];
  return steps.map((step) =>
    [1, 2, 3, 6].includes(step.number) && step.status !== "FAILED"
      ? { ...step, status: "NOT CHECKED", said, beyond: false }
      : step,
  );
}

export function stepViews(steps: readonly Step[], lang: Lang, texts: Texts): readonly StepView[] {
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

