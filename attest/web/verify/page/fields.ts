/** The parts of the result that have fields to type in: what is owed, and the fingerprint. They answer while one types. */

import { amount, button, type Child, code, h, nodesOf } from "./dom.ts";
import { compareWith } from "../view/fingerprint.ts";
import { compared, type OwedRow } from "../view/mine.ts";
import { leafDetails, section, statusTag, tag } from "./render.ts";
import type { Texts } from "../view/texts.en.ts";
import type { MineView, ResultView } from "../view/view.ts";

export interface Typing {
  readonly expected: ReadonlyMap<string, string>;
  readonly pointer: () => string;
  readonly expect: (asset: string, typed: string) => void;
  readonly compare: (typed: string) => void;
}

export function mineSection(view: MineView, typing: Typing, texts: Texts): HTMLElement {
  const { mine } = texts;
  const { owed } = view;
  const answer = h("p", {}, ...(view.status === null ? [] : [statusTag(view.status, texts, view.tone), " "]), view.text);
  if (owed === null) return section("mine", mine.heading, answer);
  const row = (one: OwedRow): HTMLElement => owedRow(one, view.tone === "good", typing, texts);
  return section(
    "mine",
    mine.heading,
    answer,
    h("dl", { class: "pairs" }, h("dt", {}, mine.account), h("dd", {}, h("bdi", { class: "account" }, owed.account))),
    h("p", {}, mine.accountNote),
    h("h3", {}, mine.owedHeading),
    h("p", {}, ...nodesOf(view.note)),
    h("ul", { class: "cards" }, ...owed.rows.map(row)),
    owed.others.length === 0
      ? null
      : h(
          "details",
          { id: "others" },
          h("summary", {}, mine.others),
          h("p", {}, mine.othersNote),
          h("ul", { class: "cards" }, ...owed.others.map(row)),
          owed.more === 0 ? null : h("p", {}, mine.othersMore(owed.more)),
        ),
    leafDetails(owed, texts),
  );
}

/** `counts` says whether the statement does: else a match is no good news. */
function owedRow(row: OwedRow, counts: boolean, typing: Typing, texts: Texts): HTMLElement {
  const { mine } = texts;
  const id = `expect-${row.asset}`;
  const input = h("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", maxlength: 200 });
  const output = h("output", { for: id });
  input.value = typing.expected.get(row.asset) ?? "";
  const answer = (): void => {
    const { outcome, text } = compared(row, input.value, texts);
    output.replaceChildren();
    if (outcome === "none") return;
    const isGood = outcome === "same";
    output.append(h("span", { class: `tag ${isGood ? (counts ? "good" : "idle") : outcome === "less" ? "bad" : "warn"}` }, h("span", { "aria-hidden": "true" }, isGood ? "✓ " : "! "), ...nodesOf(text)));
  };
  answer();
  input.addEventListener("input", () => {
    answer();
    typing.expect(row.asset, input.value);
  });
  const stated: Child = row.parts === 0 ? h("span", { class: "small" }, mine.nothing) : amount(row.text);
  return h(
    "li",
    { class: "card owed" },
    h("p", { class: "row" }, h("strong", {}, h("bdi", {}, row.asset)), h("span", { class: "figure" }, stated)),
    row.parts > 1 ? h("p", { class: "small" }, mine.parts(row.parts)) : null,
    h("p", { class: "field" }, h("label", { for: id }, mine.expectOf(row.asset)), input),
    output,
  );
}

export function printSection(print: NonNullable<ResultView["print"]>, typing: Typing, texts: Texts): HTMLElement {
  const { print: words } = texts;
  const input = h("input", { id: "pointer", type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 1000 });
  const output = h("output", { for: "pointer" });
  input.value = typing.pointer();
  const answer = (): void => {
    const found = compareWith(input.value, print.period, print.digest);
    output.replaceChildren();
    if (found === "none") return;
    const tone = found === "same" ? "good" : found === "different" ? "bad" : "warn";
    output.append(tag(tone, found === "same" ? "✓" : "!", words.compared[found]));
  };
  answer();
  input.addEventListener("input", () => {
    answer();
    typing.compare(input.value);
  });
  return section(
    "print",
    words.heading,
    h("p", {}, words.note),
    h("dl", { class: "pairs" }, h("dt", {}, words.digest), h("dd", { class: "digest" }, code(print.fours)), h("dt", {}, words.pointer), h("dd", { class: "pointer" }, code(print.pointer))),
    h("p", { class: "field wide" }, h("label", { for: "pointer" }, words.compareLabel), input),
    output,
  );
}

export function adviceSection({ advice }: Texts): HTMLElement {
  return section(
    "advice",
    advice.heading,
    h("ul", {}, ...advice.points.map((text) => h("li", {}, text))),
    h("p", { class: "actions" }, button("print-page", advice.print, () => window.print())),
  );
}
