/** The page: files come in and are verified, and the screen follows. Nothing is stored, and nothing is sent. */

import { equal, utf8 } from "../ground/bytes.ts";
import { AttestError } from "../ground/errors.ts";
import { Trust } from "../signing/trust.ts";
import { verify } from "../verify.ts";
import type { Typing } from "./fields.ts";
import { isPointer } from "../view/fingerprint.ts";
import type { Lang } from "../view/format.ts";
import { gather } from "../view/gather.ts";
import { listen, readFiles, readFragment, readText, type Received, type Taken } from "./inputs.ts";
import { type Recognised, recognise, recogniseSent } from "../view/recognise.ts";
import { type Handlers, Screen, type State, TEXTS } from "./screen.ts";

/** From so many bytes on, checking takes long enough to say so first. */
const LONG = 1024 * 1024;
/** So long a browser takes to paint, in milliseconds. */
const PAINTED = 50;

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

function firstLang(languages: readonly string[]): Lang {
  const known = languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one === "ja" || one === "en");
  return known === "ja" ? "ja" : "en";
}

const clock = (): number => Math.floor(Date.now() / 1000);

const embedded = embeddedRoot();
const state: State = {
  lang: firstLang(navigator.languages),
  items: [],
  gathered: gather([], embedded.trust, null, clock()),
  verification: null,
  problems: [],
  expected: new Map(),
  pointer: "",
  pasted: "",
  isWorking: false,
  fault: null,
  hasEmbedded: embedded.trust !== null,
  embeddedWhy: embedded.why,
};
/** The item whose trust root the reader pins instead of the one in the page. */
let chosen: number | null = null;
let nextId = 1;

/** Two things that were given at once are taken one after the other. */
let queue: Promise<void> = Promise.resolve();

function receive(receiving: () => Promise<Received>): void {
  queue = queue.then(async () => {
    const { taken, problems } = await receiving();
    state.problems = problems;
    await check(() => taken.forEach(take));
    scrollTo("verdict");
  });
}

/** A pack is the files in it. A file that is there already counts as given last. */
function take({ name, isLinked, bytes }: Taken): void {
  const what = (isLinked ? recogniseSent : recognise)(bytes);
  if (what.kind === "pack") {
    for (const part of [what.pack.bundle, what.pack.proof]) keep(name, part, recogniseSent(part));
  } else keep(name, bytes, what);
}

/** Whom the reader named stays named when a link or a pack brings the same file, and what was chosen stays chosen. */
function keep(name: string, bytes: Uint8Array, what: Recognised): void {
  const before = state.items.find((item) => equal(item.bytes, bytes));
  const known = before !== undefined && what.kind === "sent anchor" ? before.what : what;
  const others = state.items.filter((item) => item !== before);
  state.items = [...others, { id: before?.id ?? nextId++, name, bytes, what: known }];
}

const held = (): number => state.items.reduce((sum, item) => sum + item.bytes.length, 0);

async function check(before: () => void = () => undefined): Promise<void> {
  state.fault = null;
  state.verification = null;
  try {
    before();
    await verifyAll();
  } catch (error) {
    // Nothing that the files caused leaves the verifier. What does is a fault of this page, and no verdict.
    state.fault = String(error);
  }
  show();
}

/** A result that cannot be shown leaves none standing, least of all that of the files before. */
function show(): void {
  try {
    screen.show();
  } catch (error) {
    state.fault = String(error);
    state.verification = null;
    screen.show();
  }
}

async function verifyAll(): Promise<void> {
  if (held() > LONG) {
    state.isWorking = true;
    screen.showVerdict();
    await new Promise((resolve) => setTimeout(resolve, PAINTED));
    state.isWorking = false;
  }
  state.gathered = gather(state.items, embedded.trust, chosen, clock());
  const { given } = state.gathered;
  state.verification = given === null ? null : verify(given);
}

function heard(text: string): void {
  const { inputs } = TEXTS[state.lang];
  if (isPointer(text)) {
    state.pointer = text.trim();
    screen.show();
    scrollTo(state.verification === null ? "verdict" : "print");
  } else if (text.trim() !== "") receive(() => readText(text, inputs.pasted, inputs.link));
}

function scrollTo(id: string): void {
  document.getElementById(id)?.scrollIntoView({ block: "start" });
}

const picked = (files: readonly File[]): void => receive(() => readFiles(files, held()));

const handlers: Handlers = {
  picked,
  pick: () => screen.pick(),
  lang: (lang) => {
    state.lang = lang;
    screen.show();
  },
  clear: () => {
    Object.assign(state, { items: [], problems: [], pointer: "", pasted: "" });
    state.expected.clear();
    chosen = null;
    void check();
  },
  remove: (id) => {
    state.items = state.items.filter((item) => item.id !== id);
    state.problems = [];
    void check();
  },
  use: (id) => {
    chosen = id;
    void check();
  },
  read: (text) => {
    state.pasted = "";
    heard(text);
  },
};

const typing: Typing = {
  expected: state.expected,
  pointer: () => state.pointer,
  expect: (asset, typed) => {
    state.expected.set(asset, typed);
    screen.showVerdict();
  },
  compare: (typed) => {
    state.pointer = typed;
    screen.showVerdict();
  },
};

const screen = new Screen(state, handlers, typing);
screen.show();
listen({ files: picked, text: heard, fragment: (fragment) => receive(() => readFragment(fragment, TEXTS[state.lang].inputs.link)) });
