/** What the page would show: files and what a reader types come in, and the plain values of the screen go out. */

import { amountText } from "../../attest/web/verify/ground/amounts.ts";
import { fromBase64, utf8 } from "../../attest/web/verify/ground/bytes.ts";
import { base32, compareWith, pointerOf, words } from "../../attest/web/verify/view/fingerprint.ts";
import { clipped, inFours, type Lang, moment, percentText, typedAmount, zoneHere } from "../../attest/web/verify/view/format.ts";
import { gather, type Item } from "../../attest/web/verify/view/gather.ts";
import { plain } from "../../attest/web/verify/view/phrase.ts";
import { recognise } from "../../attest/web/verify/view/recognise.ts";
import { en } from "../../attest/web/verify/view/texts.en.ts";
import { ja } from "../../attest/web/verify/view/texts.ja.ts";
import { viewOf } from "../../attest/web/verify/view/view.ts";
import { Trust } from "../../attest/web/verify/signing/trust.ts";
import { verify } from "../../attest/web/verify/verify.ts";

/** `files` are names and base64, in the order in which they were given. */
export interface Request {
  readonly files: readonly (readonly [string, string])[];
  readonly embedded: string | null;
  readonly chosen: number | null;
  readonly at: number;
  readonly expected: Readonly<Record<string, string>>;
  readonly pointer: string;
  readonly lang: Lang;
}

/** The screen. `faults` is what left the page that is not its own. */
export function look(request: Request) {
  const items: Item[] = request.files.flatMap(([name, content], id) => {
    const bytes = fromBase64(content);
    const what = recognise(bytes);
    if (what.kind !== "pack") return [{ id, name, bytes, what }];
    const { bundle, proof } = what.pack;
    return [bundle, proof].map((part, i) => ({ id: 1000 + 2 * id + i, name, bytes: part, what: recognise(part) }));
  });
  const embedded = request.embedded === null ? null : Trust.pin(fromBase64(request.embedded));
  const gathered = gather(items, embedded, request.chosen, request.at);
  const verification = gathered.given === null ? null : verify(gathered.given);
  const expected = new Map(Object.entries(request.expected));
  const seen = { gathered, verification, expected, pointer: request.pointer, zone: "Asia/Tokyo" };
  const view = viewOf(seen, request.lang, request.lang === "ja" ? ja : en);
  const { verdict, result } = view;
  return {
    status: verdict.status,
    tone: verdict.tone,
    act: verdict.act,
    title: plain(verdict.title),
    lines: verdict.lines.map(({ text }) => plain(text)),
    also: verdict.lines.flatMap(({ status, text }) => (status === null ? [] : [`${status}: ${plain(text)}`])),
    remarks: gathered.remarks.map(({ kind }) => kind),
    uses: [...gathered.uses.values()],
    steps: result?.steps.map(({ status }) => status) ?? [],
    signers: result?.signers.roles.map(({ role, counted }) => `${role}: ${counted}`) ?? [],
    green: [result?.signers.tone, result?.mine.tone, result?.freshness.tone, ...(result?.coverage ?? []).map(({ tone }) => tone)].filter((tone) => tone === "good").length,
    owed: result?.mine.owed?.rows.map(({ asset, text }) => `${text} ${asset}`) ?? [],
    coverage: result?.coverage.map(({ asset, percent, verdict: word }) => `${asset} ${percent} ${word}`) ?? [],
    pointer: result?.print?.pointer ?? null,
    error: result?.error ?? null,
  };
}

/** One function of the page, by name, of values of JSON. */
export function value(name: string, given: readonly string[]): unknown {
  const [one = "", two = "", three = ""] = given;
  switch (name) {
    case "amount":
      return amountText(BigInt(one), Number(two));
    case "typed": {
      const typed = typedAmount(one, two, Number(three));
      return typed.kind === "amount" ? typed.amount.toString() : typed.kind;
    }
    case "percent":
      return percentText(BigInt(one), "en");
    case "fours":
      return inFours(one);
    case "clipped":
      return clipped(one, Number(two));
    case "words":
      return words(one).join(" ");
    case "base32":
      return base32(utf8(one));
    case "pointer":
      return pointerOf(one, two);
    case "compared":
      return compareWith(one, two, three);
    case "moment":
      return moment(Number(one), two === "ja" ? "ja" : "en", three);
    case "zone":
      return zoneHere();
    case "recognised":
      return recognise(utf8(one)).kind;
    default:
      throw new Error(`nothing is called ${name}`);
  }
}

/** The texts of a language by path, with its functions called: what a customer may read. */
export function texts(lang: Lang): readonly (readonly [string, string])[] {
  return leaves(lang === "ja" ? ja : en, lang);
}

/** These texts take the names of assets, as a phrase. */
const OF_PHRASES = /\.(?:expectLess|expectMore|below|includedBelow|restLine|includedIn|networkLine|network)$/;

function leaves(node: unknown, path: string): readonly (readonly [string, string])[] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node === "function") return leaves(OF_PHRASES.test(path) ? node(["BTC"], 2) : node(2, 3, 3), path);
  if (typeof node !== "object" || node === null) return [];
  if ("quoted" in node) return [];
  return Object.entries(node).flatMap(([name, one]) => leaves(one, `${path}.${name}`));
}
