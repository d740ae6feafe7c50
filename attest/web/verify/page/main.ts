/** The page: what was given and typed, and what is on the screen for it. Nothing is stored, and nothing is sent. */

import { AttestError } from "../ground/errors.ts";
import { utf8 } from "../ground/bytes.ts";
import { Trust } from "../signing/trust.ts";
import { type Verification, verify } from "../verify.ts";
import { button, type Child, h } from "./dom.ts";
import { adviceSection, mineSection, printSection, type Typing } from "./fields.ts";
import { filesNodes, remarkNodes } from "./files.ts";
import { isPointer } from "./fingerprint.ts";
import { amountText, clipped, type Lang, zoneHere } from "./format.ts";
import { gather, type Gathered, type Item } from "./gather.ts";
import { listen, MAX_FILES, type Problem, readFiles, readFragment, readText, type Received, type Taken } from "./inputs.ts";
import { type Act, type Seen } from "./judge.ts";
import { type Phrase, plain } from "./phrase.ts";
import { recognise } from "./recognise.ts";
import { coverageSection, freshnessSection, limitsSection, rootBlock, signersSection, stepsSection, verdictNodes } from "./render.ts";
import { en, type Texts } from "./texts.en.ts";
import { ja } from "./texts.ja.ts";
import { type View, viewOf } from "./view.ts";

const TEXTS: Readonly<Record<Lang, Texts>> = { en, ja };

/** From so many bytes on, checking takes long enough to say so first. */
const LONG = 1024 * 1024;

interface State {
  lang: Lang;
  items: readonly Item[];
  /** The trust root that the reader pins instead of the one in the page. */
  chosen: number | null;
  gathered: Gathered;
  verification: Verification | null;
  problems: readonly Problem[];
  readonly expected: Map<string, string>;
  pointer: string;
  pasted: string;
  isWorking: boolean;
  fault: string | null;
}

/** The trust root that the page came with; a damaged one is none, and is told. */
interface Embedded {
  readonly trust: Trust | null;
  readonly why: string | null;
}

function embeddedRoot(): Embedded {
  const text = document.getElementById("trust-root")?.textContent?.trim() ?? "";
  if (text === "") return { trust: null, why: null };
  try {
    return { trust: Trust.pin(utf8(text)), why: null };
  } catch (error) {
    if (error instanceof AttestError) return { trust: null, why: error.message };
    throw error;
  }
}

const embedded = embeddedRoot();
const zone = zoneHere();
let nextId = 1;

const clock = (): number => Math.floor(Date.now() / 1000);

const state: State = {
  lang: firstLang(navigator.languages),
  items: [],
  chosen: null,
  gathered: gather([], embedded.trust, null, clock()),
  verification: null,
  problems: [],
  expected: new Map(),
  pointer: "",
  pasted: "",
  isWorking: false,
  fault: null,
};

function firstLang(languages: readonly string[]): Lang {
  const known = languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one === "ja" || one === "en");
  return known === "ja" ? "ja" : "en";
}

// What happens

/** Two things that were given at once are taken one after the other. */
let queue: Promise<void> = Promise.resolve();

function receive(receiving: () => Promise<Received>): void {
  queue = queue.then(async () => {
    const { taken, problems } = await receiving();
    state.problems = problems;
    for (const one of taken) take(one);
    await check();
    document.getElementById("verdict")?.scrollIntoView({ block: "start" });
  });
}

/** A pack is the files in it. A file that is there already counts as given last. */
function take({ name, bytes }: Taken): void {
  const what = recognise(bytes);
  if (what.kind === "pack") {
    take({ name, bytes: what.pack.bundle });
    take({ name, bytes: what.pack.proof });
    return;
  }
  const isSame = (item: Item): boolean => item.bytes.length === bytes.length && item.bytes.every((byte, i) => byte === bytes[i]);
  state.items = [...state.items.filter((item) => !isSame(item)), { id: nextId++, name, bytes, what }];
}

async function check(): Promise<void> {
  const total = state.items.reduce((sum, item) => sum + item.bytes.length, 0);
  if (total > LONG) {
    state.isWorking = true;
    show();
    await new Promise((resolve) => setTimeout(resolve, 50));
    state.isWorking = false;
  }
  state.gathered = gather(state.items, embedded.trust, state.chosen, clock());
  const { given } = state.gathered;
  state.fault = null;
  try {
    state.verification = given === null ? null : verify(given);
  } catch (error) {
    // Nothing that the files caused leaves the verifier. What does is a fault of this page, and no verdict.
    state.verification = null;
    state.fault = String(error);
  }
  show();
}

const handlers = {
  pick: (): void => picker.click(),
  clear: (): void => {
    Object.assign(state, { items: [], chosen: null, problems: [], pointer: "", pasted: "" });
    state.expected.clear();
    void check();
  },
  remove: (id: number): void => {
    state.items = state.items.filter((item) => item.id !== id);
    state.problems = [];
    void check();
  },
  use: (id: number): void => {
    state.chosen = id;
    void check();
  },
  read: (text: string): void => {
    state.pasted = "";
    heard(text);
  },
};

const typing: Typing = {
  get expected() {
    return state.expected;
  },
  get pointer() {
    return state.pointer;
  },
  expect: (asset, typed) => {
    if (typed.trim() === "") state.expected.delete(asset);
    else state.expected.set(asset, typed);
    showVerdict(viewNow());
  },
  compare: (typed) => {
    state.pointer = typed;
    showVerdict(viewNow());
  },
};

function heard(text: string): void {
  const { inputs } = TEXTS[state.lang];
  if (isPointer(text)) {
    state.pointer = text.trim();
    show();
    document.getElementById(state.verification === null ? "verdict" : "print")?.scrollIntoView({ block: "start" });
  } else if (text.trim() !== "") receive(() => readText(text, inputs.pasted, inputs.link));
}

// What is on the screen

const picker = h("input", { type: "file", multiple: true, hidden: true, id: "picker", tabindex: -1 });
picker.addEventListener("change", () => {
  const files = [...(picker.files ?? [])];
  picker.value = "";
  if (files.length > 0) receive(() => readFiles(files, held()));
});

const held = (): number => state.items.reduce((sum, item) => sum + item.bytes.length, 0);

const place = {
  heading: h("h1"),
  languages: h("div", { class: "languages", role: "group" }),
  lead: h("p", { class: "lead" }),
  verdict: h("div", { id: "verdict", class: "verdict", role: "status", "aria-live": "polite", "aria-atomic": "true" }),
  remarks: h("div", { id: "remarks", "aria-live": "polite" }),
  files: h("div", { id: "files" }),
  result: h("div", { id: "result" }),
  foot: h("footer", { class: "small" }),
  drop: h("p", { class: "drop", "aria-hidden": "true" }),
};

function seenNow(): Seen {
  const { gathered, verification, expected, pointer } = state;
  return { gathered, verification, expected, pointer, zone };
}

const viewNow = (): View => viewOf(seenNow(), state.lang, TEXTS[state.lang]);

function show(): void {
  const texts = TEXTS[state.lang];
  const view = viewNow();
  const open = new Set([...document.querySelectorAll("details[open]")].map(({ id }) => id));
  const focused = document.activeElement?.id ?? "";
  document.documentElement.lang = state.lang;
  showHead(texts);
  showVerdict(view);
  fill(place.remarks, ...remarkNodes([...problemRemarks(texts), ...view.remarks]));
  fill(place.files, filesBlock(texts, view));
  fill(place.result, ...resultNodes(view, texts));
  fill(place.foot, texts.foot);
  fill(place.drop, texts.inputs.drop);
  for (const details of document.querySelectorAll("details")) if (open.has(details.id)) details.open = true;
  if (focused !== "" && document.activeElement?.id !== focused) {
    (document.getElementById(focused) ?? document.getElementById("verdict-heading"))?.focus({ preventScroll: true });
  }
}

const fill = (element: Element, ...children: readonly Child[]): void =>
  element.replaceChildren(...children.filter((child) => child !== null));

function showHead(texts: Texts): void {
  fill(place.heading, texts.title);
  fill(place.lead, texts.lead);
  place.lead.hidden = state.verification !== null;
  place.languages.setAttribute("aria-label", "Language / 言語");
  const choice = (lang: Lang, label: string): HTMLElement =>
    button(`lang-${lang}`, label, () => changeLang(lang), { lang, "aria-pressed": String(state.lang === lang) });
  fill(place.languages, choice("ja", "日本語"), choice("en", "English"));
}

function changeLang(lang: Lang): void {
  state.lang = lang;
  show();
}

let shownVerdict = "";

/** The verdict is read out when it changes, and only then. */
function showVerdict(view: View): void {
  const texts = TEXTS[state.lang];
  const { verdict } = view;
  const word = verdict.status === null ? "" : texts.status[verdict.status];
  document.title = word === "" ? texts.title : texts.titleOf(word);
  const spoken = [state.lang, state.isWorking, word, plain(verdict.title), ...verdict.lines.map(({ text }) => plain(text))].join("\n");
  if (spoken === shownVerdict) return;
  shownVerdict = spoken;
  place.verdict.className = `verdict ${state.isWorking ? "idle" : verdict.tone}`;
  if (state.isWorking) fill(place.verdict, h("h2", { id: "verdict-heading", tabindex: -1 }, texts.verdict.working));
  else fill(place.verdict, ...verdictNodes(verdict, texts, actButton));
}

const actButton = (act: Act, label: string): HTMLElement => button(`act-${act}`, label, handlers.pick, { class: "primary" });

function problemRemarks(texts: Texts): readonly { readonly tone: string; readonly text: Phrase }[] {
  const told = state.problems.map((problem) => ({ tone: "bad", text: problemText(problem, texts) }));
  if (state.fault !== null) told.unshift({ tone: "bad", text: texts.fault(clipped(state.fault)) });
  if (embedded.why !== null) told.unshift({ tone: "bad", text: texts.notes.embeddedDamaged(clipped(embedded.why)) });
  return told;
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

/** Open until there is a result; then the files give way to it. */
function filesBlock(texts: Texts, view: View): HTMLElement {
  const { items, gathered, pasted } = state;
  const nodes = filesNodes({ items, gathered, hasEmbedded: embedded.trust !== null, pasted }, handlers, texts);
  if (view.result !== null) {
    const summary = h("summary", {}, h("h2", {}, texts.inputs.given(items.length)));
    return h("details", { id: "files-given", class: "files-given" }, summary, ...nodes);
  }
  const root = gathered.anchor.kind === "nobody" ? null : rootBlock(view.root, texts);
  return h("section", { "aria-labelledby": "files-heading" }, h("h2", { id: "files-heading" }, texts.inputs.heading), ...nodes, root);
}

function resultNodes({ result, root }: View, texts: Texts): readonly Child[] {
  if (result === null) return [limitsSection({ scope: null }, texts)];
  const isReached = result.coverage.length > 0;
  return [
    signersSection(result.signers, root, texts),
    mineSection(result.mine, typing, texts),
    coverageSection(result.coverage, isReached, texts),
    freshnessSection(result.freshness, texts),
    result.print === null ? null : printSection(result.print, typing, texts),
    stepsSection(result, state.lang, texts),
    limitsSection(result, texts),
    adviceSection(texts),
  ];
}

/** On paper everything is open. */
function openForPrint(): void {
  const closed = [...document.querySelectorAll("details")].filter((details) => !details.open && details.id !== "files-given" && details.id !== "pasting");
  for (const details of closed) details.open = true;
  addEventListener(
    "afterprint",
    () => {
      for (const details of closed) details.open = false;
    },
    { once: true },
  );
}

document.body.append(
  h("header", { class: "top" }, place.heading, place.languages),
  h("main", {}, place.lead, place.verdict, place.remarks, place.files, place.result, picker),
  place.foot,
  place.drop,
);
addEventListener("beforeprint", openForPrint);
show();
listen({
  files: (files) => receive(() => readFiles(files, held())),
  text: heard,
  fragment: (fragment) => receive(() => readFragment(fragment, TEXTS[state.lang].inputs.link)),
});
