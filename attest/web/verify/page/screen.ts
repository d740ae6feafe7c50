/** What stands on the screen, and when it is made anew. Where the reader was, the focus stays, and what was open is open. */

import { amountText } from "../ground/amounts.ts";
import type { Verification } from "../verify.ts";
import { button, type Child, h } from "./dom.ts";
import { adviceSection, mineSection, printSection, type Typing } from "./fields.ts";
import { type FilesHandlers, filesNodes, remarkNodes } from "./files.ts";
import { clipped, type Lang, zoneHere } from "../view/format.ts";
import type { Gathered, Item } from "../view/gather.ts";
import { MAX_FILES, type Problem } from "./inputs.ts";
import type { Act } from "../view/judge.ts";
import { type Phrase, plain } from "../view/phrase.ts";
import { coverageSection, freshnessSection, limitsSection, rootBlock, signersSection, stepsSection, verdictNodes } from "./render.ts";
import { en, type Texts } from "../view/texts.en.ts";
import { ja } from "../view/texts.ja.ts";
import { type View, viewOf } from "../view/view.ts";

export const TEXTS: Readonly<Record<Lang, Texts>> = { en, ja };

/** What was given and typed, and what came of it. */
export interface State {
  lang: Lang;
  items: readonly Item[];
  gathered: Gathered;
  verification: Verification | null;
  problems: readonly Problem[];
  /** What the reader expects, as typed, by asset. */
  readonly expected: Map<string, string>;
  pointer: string;
  pasted: string;
  isWorking: boolean;
  /** A fault of the page itself. */
  fault: string | null;
  readonly hasEmbedded: boolean;
  /** Why the trust root in the page is none. */
  readonly embeddedWhy: string | null;
}

export interface Handlers extends FilesHandlers {
  readonly lang: (lang: Lang) => void;
  readonly picked: (files: readonly File[]) => void;
}

interface Remarked {
  readonly tone: string;
  readonly text: Phrase;
}

const fill = (element: Element, ...children: readonly Child[]): void =>
  element.replaceChildren(...children.filter((child) => child !== null));

export class Screen {
  private readonly heading = h("h1");
  private readonly languages = h("div", { class: "languages", role: "group", "aria-label": "Language / 言語" });
  private readonly lead = h("p", { class: "lead" });
  private readonly verdict = h("div", { id: "verdict", class: "verdict", role: "status", "aria-live": "polite", "aria-atomic": "true" });
  private readonly remarks = h("div", { id: "remarks", "aria-live": "polite" });
  private readonly files = h("div", { id: "files" });
  private readonly result = h("div", { id: "result" });
  private readonly foot = h("footer", { class: "small" });
  private readonly drop = h("p", { class: "drop", "aria-hidden": "true" });
  private readonly picker = h("input", { type: "file", multiple: true, hidden: true, id: "picker", tabindex: -1 });
  private readonly zone = zoneHere();
  private spoken = "";

  constructor(
    private readonly state: State,
    private readonly handlers: Handlers,
    private readonly typing: Typing,
  ) {
    this.picker.addEventListener("change", () => {
      const files = [...(this.picker.files ?? [])];
      this.picker.value = "";
      if (files.length > 0) handlers.picked(files);
    });
    document.body.append(
      h("header", { class: "top" }, this.heading, this.languages),
      h("main", {}, this.lead, this.verdict, this.remarks, this.files, this.result, this.picker),
      this.foot,
      this.drop,
    );
    addEventListener("beforeprint", openForPrint);
  }

  pick(): void {
    this.picker.click();
  }

  show(): void {
    const { lang, problems, verification } = this.state;
    const texts = TEXTS[lang];
    const view = this.view();
    const open = new Set([...document.querySelectorAll("details[open]")].map(({ id }) => id));
    const focused = document.activeElement?.id ?? "";
    document.documentElement.lang = lang;
    fill(this.heading, texts.title);
    fill(this.lead, texts.lead);
    this.lead.hidden = verification !== null;
    fill(this.languages, this.choice("ja", "日本語"), this.choice("en", "English"));
    this.showVerdict(view);
    fill(this.remarks, ...remarkNodes([...this.ownRemarks(texts), ...problems.map((one) => problemRemark(one, texts)), ...view.remarks]));
    fill(this.files, this.filesBlock(texts, view));
    fill(this.result, ...this.resultNodes(view, texts));
    fill(this.foot, texts.foot);
    fill(this.drop, texts.inputs.drop);
    for (const details of document.querySelectorAll("details")) if (open.has(details.id)) details.open = true;
    keepFocus(focused);
  }

  /** The verdict is read out when it changes, and only then. */
  showVerdict(view = this.view()): void {
    const { lang, isWorking } = this.state;
    const texts = TEXTS[lang];
    const { verdict } = view;
    const word = verdict.status === null ? "" : texts.status[verdict.status];
    const lines = verdict.lines.map(({ status, text }) => `${status ?? ""} ${plain(text)}`);
    const spoken = [lang, isWorking, word, plain(verdict.title), ...lines].join("\n");
    if (spoken === this.spoken) return;
    this.spoken = spoken;
    document.title = word === "" || isWorking ? texts.title : texts.titleOf(word);
    this.verdict.className = `verdict ${isWorking ? "idle" : verdict.tone}`;
    if (isWorking) fill(this.verdict, h("h2", { id: "verdict-heading", tabindex: -1 }, texts.verdict.working));
    else fill(this.verdict, ...verdictNodes(verdict, texts, (act, label) => this.actButton(act, label)));
  }

  private view(): View {
    const { gathered, verification, expected, pointer, lang } = this.state;
    return viewOf({ gathered, verification, expected, pointer, zone: this.zone }, lang, TEXTS[lang]);
  }

  private choice(lang: Lang, label: string): HTMLElement {
    const pressed = String(this.state.lang === lang);
    return button(`lang-${lang}`, label, () => this.handlers.lang(lang), { lang, "aria-pressed": pressed });
  }

  private actButton(act: Act, label: string): HTMLElement {
    return button(`act-${act}`, label, this.handlers.pick, { class: "primary" });
  }

  private ownRemarks(texts: Texts): readonly Remarked[] {
    const { embeddedWhy, fault } = this.state;
    const bad = (text: Phrase): Remarked => ({ tone: "bad", text });
    return [
      ...(embeddedWhy === null ? [] : [bad(texts.notes.embeddedDamaged(clipped(embeddedWhy)))]),
      ...(fault === null ? [] : [bad(texts.fault(clipped(fault)))]),
    ];
  }

  /** Open until there is a result; then the files give way to it. */
  private filesBlock(texts: Texts, view: View): HTMLElement {
    const { gathered, items } = this.state;
    const nodes = filesNodes(this.state, this.handlers, texts);
    if (view.result !== null) {
      const summary = h("summary", {}, h("h2", {}, texts.inputs.given(items.length)));
      return h("details", { id: "files-given", class: "files-given" }, summary, ...nodes);
    }
    const root = gathered.anchor.kind === "nobody" ? null : rootBlock(view.root, texts);
    return h("section", { "aria-labelledby": "files-heading" }, h("h2", { id: "files-heading" }, texts.inputs.heading), ...nodes, root);
  }

  private resultNodes({ result, root }: View, texts: Texts): readonly Child[] {
    if (result === null) return [limitsSection({ scope: null }, texts)];
    return [
      signersSection(result.signers, root, texts),
      mineSection(result.mine, this.typing, texts),
      coverageSection(result.coverage, texts),
      freshnessSection(result.freshness, texts),
      result.print === null ? null : printSection(result.print, this.typing, texts),
      stepsSection(result, this.state.lang, texts),
      limitsSection(result, texts),
      adviceSection(texts),
    ];
  }
}

/** Whoever uses a keyboard goes on where they were, or at the verdict where that is gone or folded away. */
function keepFocus(id: string): void {
  if (id === "" || document.activeElement?.id === id) return;
  document.getElementById(id)?.focus({ preventScroll: true });
  if (document.activeElement?.id !== id) document.getElementById("verdict-heading")?.focus({ preventScroll: true });
}

function problemRemark(problem: Problem, texts: Texts): Remarked {
  return { tone: "bad", text: problemText(problem, texts) };
}

function problemText(problem: Problem, { notes, mebibytes, bytes }: Texts): Phrase {
  switch (problem.kind) {
    case "tooLarge": {
      const size = bytes(amountText(BigInt(problem.size), 0));
      return notes.tooLarge(clipped(problem.name, 80), size, mebibytes(problem.limit / 1024 / 1024));
    }
    case "tooMany":
      return notes.tooMany(MAX_FILES);
    case "unreadable":
      return notes.unreadable(clipped(problem.name, 80));
    case "damagedLink":
      return notes.damagedLink;
    case "oldBrowser":
      return notes.oldBrowser;
  }
}

/** On paper everything is open, but for what only takes files. */
function openForPrint(): void {
  const closed = [...document.querySelectorAll("details")].filter(({ open, id }) => !open && id !== "files-given" && id !== "pasting");
  for (const details of closed) details.open = true;
  const fold = (): void => {
    for (const details of closed) details.open = false;
  };
  addEventListener("afterprint", fold, { once: true });
}
