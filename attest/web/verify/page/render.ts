/** The result as elements. Every value was decided in the view; here it only gets its place. */

import type { Status } from "../ground/step.ts";
import { BAR_END, type CoverageView } from "../view/covered.ts";
import { amount, type Child, code, h, nodesOf, svg } from "./dom.ts";
import type { Lang, Moment } from "../view/format.ts";
import { inFours } from "../view/format.ts";
import type { Act, Tone, Verdict } from "../view/judge.ts";
import type { Owed } from "../view/mine.ts";
import type { Texts } from "../view/texts.en.ts";
import type { FreshnessView, ResultView, RootView, SignersView } from "../view/view.ts";

/** A sign beside the word, never instead of it. */
const SIGNS: Readonly<Record<Status, string>> = { VERIFIED: "✓", FAILED: "✗", "NOT CHECKED": "–", "NOT MET": "!" };
const TONES: Readonly<Record<Status, Tone>> = { VERIFIED: "good", FAILED: "bad", "NOT CHECKED": "warn", "NOT MET": "bad" };

export function tag(tone: Tone, sign: string, word: string): HTMLElement {
  return h("span", { class: `tag ${tone}` }, h("span", { "aria-hidden": "true" }, `${sign} `), word);
}

export function statusTag(status: Status, texts: Texts, tone = TONES[status]): HTMLElement {
  return tag(tone, SIGNS[status], texts.status[status]);
}

const signOf = (tone: Tone): string => (tone === "good" ? "✓" : tone === "bad" ? "!" : "–");

export function section(id: string, heading: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { "aria-labelledby": `${id}-heading`, id }, h("h2", { id: `${id}-heading` }, heading), ...children);
}

const paragraph = (text: string, attributes = {}): Child => (text === "" ? null : h("p", attributes, text));

/** `act` makes what would help most. */
export function verdictNodes(verdict: Verdict, texts: Texts, act: (act: Act, label: string) => HTMLElement): readonly Child[] {
  const { add } = { add: { bundle: texts.verdict.addBundle, proof: texts.verdict.addProof, root: texts.verdict.addRoot } };
  return [
    verdict.status === null ? null : h("p", { class: "word" }, statusTag(verdict.status, texts)),
    h("h2", { id: "verdict-heading", tabindex: -1 }, ...nodesOf(verdict.title)),
    ...verdict.lines.map((line) =>
      h("p", {}, ...(line.status === null ? [] : [statusTag(line.status, texts), " "]), ...nodesOf(line.text)),
    ),
    verdict.tone === "bad" ? h("p", {}, h("a", { href: "#advice" }, texts.advice.heading)) : null,
    verdict.act === null ? null : h("p", { class: "actions" }, act(verdict.act, add[verdict.act])),
  ];
}

export function signersSection(signers: SignersView, root: RootView, texts: Texts): HTMLElement {
  return section(
    "signers",
    texts.signers.heading,
    ...signers.roles.map(({ role, counted, keys }) =>
      h(
        "div",
        {},
        h("p", { class: "row" }, h("strong", {}, role), h("span", {}, tag("good", "✓", counted))),
        keys.length === 0
          ? null
          : h(
              "details",
              { id: `keys-${role}` },
              h("summary", {}, texts.signers.keys),
              h("ul", { class: "keys" }, ...keys.map(({ name, fours }) => h("li", {}, h("bdi", {}, name), " ", code(fours)))),
            ),
      ),
    ),
    signers.text === "" ? null : h("p", {}, ...(signers.tone === "good" ? [] : [tag("warn", "–", texts.status["NOT CHECKED"]), " "]), signers.text),
    ...reports(signers, texts),
    rootBlock(root, texts),
  );
}

function reports({ reports: all }: SignersView, { signers }: Texts): readonly Child[] {
  if (all.length === 0) return [];
  const items = all.map(({ title, counted, exceptions, date }) =>
    h("li", {}, h("p", {}, ...nodesOf(title)), h("p", {}, tag(exceptions ? "warn" : "idle", exceptions ? "!" : "", counted), " ", ...nodesOf(date))),
  );
  return [h("h3", {}, signers.reports), h("ul", { class: "plain" }, ...items), h("p", { class: "small" }, signers.reportNote)];
}

/** Whom the reader trusts, by fingerprint and words, and what that rests on. */
export function rootBlock(root: RootView, { root: texts }: Texts): HTMLElement {
  return h(
    "div",
    { class: `card${root.isWarning ? " warned" : ""}` },
    h("h3", {}, root.heading),
    ...root.anchors.flatMap(({ title, fours, words }, i) => [
      h("p", {}, ...nodesOf(title)),
      h("p", { class: "digest" }, code(fours)),
      h(
        "details",
        { id: `words-${i}` },
        h("summary", {}, texts.words),
        h("ol", { class: "words", lang: "en", translate: "no" }, ...words.map((word) => h("li", {}, word))),
        h("p", { class: "small" }, texts.wordsNote),
      ),
    ]),
    h("p", {}, root.about),
  );
}

/** The data that was hashed, so that everybody sees that it is theirs. */
export function leafDetails(owed: Owed, { mine }: Texts): HTMLElement {
  const pair = (name: string, value: Child): readonly Child[] => [h("dt", {}, name), h("dd", {}, value)];
  return h(
    "details",
    { id: "leaf" },
    h("summary", {}, mine.leaf),
    h("p", { class: "small" }, mine.leafNote),
    h("dl", { class: "pairs" }, ...pair(mine.leafAccount, code(inFours(owed.accountHash)))),
    ...owed.rows.flatMap((row) => [
      h("h4", {}, h("bdi", {}, row.asset)),
      ...row.leaves.map((leaf) =>
        h(
          "dl",
          { class: "pairs" },
          ...pair(mine.leafIndex, code(leaf.index)),
          ...pair(mine.leafSalt, code(inFours(leaf.salt))),
          ...pair(mine.leafAmount, code(leaf.amount)),
          ...pair(mine.leafHash, code(inFours(leaf.hash))),
        ),
      ),
    ]),
  );
}

export function coverageSection(all: readonly CoverageView[], texts: Texts): HTMLElement {
  const { coverage } = texts;
  const isReached = all.length > 0;
  return section(
    "coverage",
    coverage.heading,
    h("p", {}, coverage.note),
    isReached ? null : h("p", {}, texts.freshness.notReached),
    h("ul", { class: "cards" }, ...all.map((one) => h("li", { class: "card" }, ...coverageCard(one, texts)))),
    isReached ? h("p", { class: "small" }, coverage.legend) : null,
  );
}

function coverageCard(one: CoverageView, { coverage }: Texts): readonly Child[] {
  return [
    h(
      "h3",
      { class: "row" },
      h("bdi", {}, one.asset),
      h("span", { class: "percent" }, one.percent, " ", tag(one.tone, signOf(one.tone), one.verdict)),
    ),
    bar(one),
    h(
      "dl",
      { class: "pairs" },
      h("dt", {}, coverage.owed),
      h("dd", {}, amount(one.owed)),
      h("dt", {}, coverage.held),
      h("dd", {}, amount(one.held)),
    ),
    h(
      "ul",
      { class: "levels" },
      ...one.levels.map(({ level, text }) => h("li", {}, level === null ? null : h("span", { class: `swatch ${level}`, "aria-hidden": "true" }), text)),
    ),
    ...one.notes.map((note) => h("p", { class: "small" }, ...nodesOf(note))),
  ];
}

/** What the bar shows is said in words beside it. */
function bar({ bar: parts }: CoverageView): Element {
  return svg(
    "svg",
    { class: "bar", viewBox: `0 0 ${BAR_END} 100`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: "ground", x: 0, y: 15, width: BAR_END, height: 70 }),
    ...parts.map(({ level, from, width }) => svg("rect", { class: level, x: from, y: 15, width, height: 70 })),
    svg("rect", { class: "mark", x: 10_000 - 30, y: 0, width: 60, height: 100 }),
  );
}

function momentNodes({ utc, local, zone }: Moment, { freshness }: Texts): readonly Child[] {
  return [h("span", {}, utc), ...(local === null ? [] : [h("br"), ...nodesOf(freshness.local(local, zone))])];
}

export function freshnessSection(view: FreshnessView, texts: Texts): HTMLElement {
  const { freshness } = texts;
  return section(
    "freshness",
    freshness.heading,
    h("p", {}, tag(view.tone, signOf(view.tone), view.text), " ", view.tone === "warn" ? "" : h("span", { class: "small" }, freshness.clock)),
    h("dl", { class: "pairs" }, ...view.times.flatMap(({ name, moment }) => [h("dt", {}, name), h("dd", {}, ...momentNodes(moment, texts))])),
  );
}

/** A text in which names of commands stand between backticks. */
function ticked(text: string): readonly Child[] {
  return text.split("`").map((part, i) => (i % 2 === 0 ? part : code(part)));
}

export function stepsSection({ steps, error }: ResultView, lang: Lang, texts: Texts): HTMLElement {
  const last = steps.filter(({ isRun }) => isRun).at(-1)?.number;
  const items = steps.map((step) =>
    h(
      "li",
      { class: "step" },
      h(
        "div",
        { class: "row" },
        h("span", {}, h("span", { class: "number" }, String(step.number)), " ", step.title),
        statusTag(step.status, texts),
      ),
      ...step.said.map((text) => h("p", { class: "small", dir: "auto" }, ...ticked(text))),
      step.isBeyond && !step.said.some((text) => text.includes("`attest verify`")) ? h("p", { class: "small" }, ...ticked(texts.steps.beyond)) : null,
      error === null || step.number !== last
        ? null
        : h("p", { class: "small error" }, `${texts.steps.error}${lang === "ja" ? "：" : ": "}`, h("code", { lang: "en", dir: "ltr" }, error)),
    ),
  );
  return section("steps", texts.steps.heading, h("p", {}, texts.steps.note), h("ol", { class: "steps" }, ...items));
}

export function limitsSection({ scope }: Pick<ResultView, "scope">, texts: Texts): HTMLElement {
  const { limits } = texts;
  const bullets = (items: readonly Child[]): HTMLElement => h("ul", {}, ...items);
  return section(
    "limits",
    limits.heading,
    bullets(limits.points.map((text) => h("li", {}, text))),
    ...(scope === null
      ? []
      : [
          h("h3", {}, limits.excluded),
          scope.excluded.length === 0
            ? paragraph(limits.excludedNone)
            : bullets(scope.excluded.map((phrase) => h("li", {}, ...nodesOf(phrase)))),
          h("h3", {}, limits.included),
          bullets(scope.included.map((text) => h("li", {}, h("bdi", {}, text)))),
          scope.more > 0 ? paragraph(texts.andMore(scope.more)) : null,
        ]),
  );
}
