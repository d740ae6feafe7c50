/**
 * Sentences with foreign text in them. What a file says is kept apart from what the page says, so that it can be
 * isolated on the screen: no name can turn the direction of the sentence around it, or end it.
 */

/** Text of the page, or a text that a file says. */
export type Part = string | { readonly quoted: string };
export type Phrase = readonly Part[];

/** A sentence in which every text put in is quoted. */
export function say(words: TemplateStringsArray, ...quoted: readonly (string | number)[]): Phrase {
  return words.flatMap((word, i): Part[] => {
    const value = quoted[i];
    const parts: Part[] = word === "" ? [] : [word];
    if (value === undefined) return parts;
    return [...parts, typeof value === "number" ? String(value) : { quoted: value }];
  });
}

export const quoted = (text: string): Phrase => [{ quoted: text }];

/** The sentence as one text, for titles and tests. */
export function plain(phrase: Phrase): string {
  return phrase.map((part) => (typeof part === "string" ? part : part.quoted)).join("");
}
