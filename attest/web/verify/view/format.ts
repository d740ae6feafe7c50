/** How values are spelled for people: exact amounts, percentages rounded down, digests in fours, times in two zones. */

import { amountText } from "../ground/amounts.ts";

export type Lang = "en" | "ja";

/** The longest foreign text that is shown whole, in characters. */
export const MAX_SHOWN = 300;

/** Blanks that no browser joins, and marks that pile up over one letter, reach beyond the place of a text. */
const BLANKS = /[\p{Zs}\u115f\u1160\u2800\u3164\uffa0]{2,}/gu;
const MARKS = /(\p{M}{4})\p{M}+/gu;

/** The beginning of a text that is too long to show, by characters and not by halves of them; it keeps to its place. */
export function clipped(text: string, most = MAX_SHOWN): string {
  const characters = [...text.slice(0, 2 * most + 2)];
  const shown = characters.length <= most ? text : `${characters.slice(0, most).join("")}…`;
  return shown.replace(BLANKS, " ").replace(MARKS, "$1");
}

/** `hundredths` of a percent, which the caller has rounded down; no line ends before the sign. */
export function percentText(hundredths: bigint, lang: Lang): string {
  return `${amountText(hundredths, 2)}${lang === "ja" ? "%" : "\u00a0%"}`;
}

/** The share that `part` is of `whole`, rounded down. */
export function shareText(part: bigint, whole: bigint, lang: Lang): string {
  return whole === 0n ? "" : percentText((part * 10_000n) / whole, lang);
}

/** Hex in groups of four digits, which eyes can follow. */
export function inFours(hex: string): string {
  return hex.replace(/.{4}(?=.)/g, "$& ");
}

/** `2026-10` as people write a month. */
export function periodText(period: string, lang: Lang): string {
  const found = /^([0-9]{4})-([0-9]{2})$/.exec(period);
  if (found === null) return clipped(period, 20);
  const month = new Date(Date.UTC(Number(found[1]), Number(found[2]) - 1));
  const locale = lang === "ja" ? "ja-JP" : "en-GB";
  return new Intl.DateTimeFormat(locale, { year: "numeric", month: "long", timeZone: "UTC" }).format(month);
}

export interface Moment {
  readonly utc: string;
  /** In the reader's zone, or null where that is UTC. */
  readonly local: string | null;
  readonly zone: string;
}

/** A time in UTC and in the reader's zone, each with its name. */
export function moment(seconds: number, lang: Lang, zone: string): Moment {
  const locale = lang === "ja" ? "ja-JP" : "en-GB";
  const spell = (timeZone: string): string =>
    new Intl.DateTimeFormat(locale, {
      year: "numeric",
      month: "long",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: seconds % 60 === 0 ? undefined : "2-digit",
      hourCycle: "h23",
      timeZone,
      timeZoneName: "short",
    }).format(new Date(seconds * 1000));
  const utc = spell("UTC");
  const same = ["UTC", "Etc/UTC", "Etc/GMT", "GMT", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu"].includes(zone);
  return { utc, local: same ? null : spell(zone), zone };
}

/** The zone of this device; UTC where that has none, or one that its browser names and does not know. */
export function zoneHere(): string {
  try {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone ?? "UTC";
  } catch {
    return "UTC";
  }
}

export type Typed =
  | { readonly kind: "none" }
  | { readonly kind: "amount"; readonly amount: bigint }
  /** Not a number, or one with separators at odd places: nothing is guessed. */
  | { readonly kind: "unreadable" }
  /** More decimals than the asset has. */
  | { readonly kind: "too fine" };

const SEPARATORS = /[,' \u2019_]/g;
const PLAIN = /^([0-9]{1,60})(?:\.([0-9]{0,60}))?$/;
const IN_THREES = /^([0-9]{1,3}(?:([,' \u2019_])[0-9]{3})(?:\2[0-9]{3}){0,18})(?:\.([0-9]{0,60}))?$/;

/**
 * What someone typed as an amount of `asset`. Full-width digits and separators of thousands are taken, and the name of
 * the asset or of the yen after it; a comma is never the decimal point, because 1,500 would then have two meanings.
 */
export function typedAmount(text: string, asset: string, decimals: number): Typed {
  const narrow = text.slice(0, 200).normalize("NFKC").trim();
  if (narrow === "") return { kind: "none" };
  const bare = narrow.replace(/^[\u00a5$\u20ac\u00a3]\s*/, "").replace(/\s*(\u5186|[A-Za-z][A-Za-z0-9._-]*)$/, (unit) => {
    const name = unit.trim();
    return name === "\u5186" || name.toUpperCase() === asset.toUpperCase() ? "" : unit;
  });
  const found = PLAIN.exec(bare);
  const threes = found === null ? IN_THREES.exec(bare) : null;
  const whole = (found?.[1] ?? threes?.[1] ?? "").replace(SEPARATORS, "");
  if (whole === "") return { kind: "unreadable" };
  const fraction = (found?.[2] ?? threes?.[3] ?? "").replace(/0+$/, "");
  if (fraction.length > decimals) return { kind: "too fine" };
  return { kind: "amount", amount: BigInt(whole + fraction.padEnd(decimals, "0")) };
}
