/** The part of the page that takes files, and says what each of them is. */

import { button, type Child, h, nodesOf } from "./dom.ts";
import { clipped } from "../view/format.ts";
import type { Gathered, Item } from "../view/gather.ts";
import type { Texts } from "../view/texts.en.ts";

export interface FilesHandlers {
  readonly pick: () => void;
  readonly clear: () => void;
  readonly remove: (id: number) => void;
  readonly use: (id: number) => void;
  readonly read: (text: string) => void;
}

export interface FilesState {
  readonly items: readonly Item[];
  readonly gathered: Gathered;
  readonly hasEmbedded: boolean;
  /** What stands in the field for pasting. */
  readonly pasted: string;
}

export function filesNodes(state: FilesState, on: FilesHandlers, texts: Texts): readonly Child[] {
  const { inputs } = texts;
  const isEmpty = state.items.length === 0;
  const actions = h(
    "p",
    { class: "actions" },
    button("pick", isEmpty ? inputs.choose : inputs.add, on.pick, { class: "primary" }),
    isEmpty ? null : button("clear", inputs.clear, on.clear),
  );
  const needed = state.hasEmbedded ? inputs.needed : [...inputs.needed, inputs.neededRoot];
  return isEmpty
    ? [actions, neededList(needed, texts), h("p", {}, inputs.orDrop), pasteBlock(state, on, texts)]
    : [itemList(state, on, texts), actions, h("p", {}, inputs.orDrop), pasteBlock(state, on, texts)];
}

function neededList(needed: readonly (readonly [string, string])[], { inputs }: Texts): HTMLElement {
  const items = needed.map(([name, about]) => h("li", {}, h("strong", {}, name), h("br"), about));
  return h("div", {}, h("p", {}, inputs.packed), h("p", {}, inputs.separate), h("ol", { class: "needed" }, ...items));
}

function itemList({ items, gathered }: FilesState, on: FilesHandlers, { inputs }: Texts): HTMLElement {
  const rows = items.map((item) => {
    const use = gathered.uses.get(item.id) ?? "unknown";
    const name = clipped(item.name, 80);
    const remove = button(`remove-${item.id}`, inputs.remove, () => on.remove(item.id), { "aria-label": `${inputs.remove}: ${name}` });
    return h(
      "li",
      { class: "row" },
      h("span", {}, h("strong", {}, inputs.kinds[use]), h("br"), h("bdi", { class: "small" }, name)),
      h(
        "span",
        { class: "actions" },
        use === "otherRoot" ? button(`use-${item.id}`, inputs.useRoot, () => on.use(item.id)) : null,
        remove,
      ),
    );
  });
  return h("ul", { class: "files" }, ...rows);
}

function pasteBlock(state: FilesState, on: FilesHandlers, { inputs }: Texts): HTMLElement {
  const area = h("textarea", { id: "paste", rows: 4, spellcheck: "false", autocomplete: "off" });
  area.value = state.pasted;
  const read = (): void => on.read(area.value);
  return h(
    "details",
    { id: "pasting" },
    h("summary", {}, inputs.pasteHeading),
    h("p", {}, h("label", { for: "paste" }, inputs.pasteLabel)),
    area,
    h("p", { class: "actions" }, button("paste-read", inputs.pasteRead, read)),
  );
}

/** What the page has to say about the files, before anything else. */
export function remarkNodes(remarks: readonly { readonly tone: string; readonly text: Parameters<typeof nodesOf>[0] }[]): readonly Child[] {
  return remarks.map(({ tone, text }) => h("p", { class: `remark ${tone}` }, ...nodesOf(text)));
}
