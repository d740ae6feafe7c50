/** Elements made one by one. No text is ever read as markup: the browser refuses it here, and nothing asks for it. */

import type { Phrase } from "../view/phrase.ts";

export type Child = Node | string | null;

/** Attributes by name; one that is false is left out, one that is true is empty. `class` and `data-` are as in HTML. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

const SVG = "http://www.w3.org/2000/svg";

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag: string, attributes: Attributes, ...children: readonly Child[]): Element {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A sentence; what a file says in it cannot turn the direction of what stands around it. */
export function nodesOf(phrase: Phrase): readonly Node[] {
  return phrase.map((part) => (typeof part === "string" ? new Text(part) : h("bdi", {}, part.quoted)));
}

/** A button that does one thing. It has a name of its own, by which the focus finds it again. */
export function button(id: string, label: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = h("button", { type: "button", id, ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

/** Text of digits and letters that is compared by eye. */
export function code(text: string): HTMLElement {
  return h("code", { dir: "ltr", translate: "no" }, text);
}

/** An amount, which may be broken after its point where a screen is narrow. */
export function amount(text: string): HTMLElement {
  const [whole = "", fraction] = text.split(".");
  return h(
    "span",
    { class: "amount", dir: "ltr" },
    whole,
    ...(fraction === undefined ? [] : [".", h("wbr"), fraction]),
  );
}
