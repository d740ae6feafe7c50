/** What the steps of this folder say, in both languages. */

import { formatTime } from "../ground/fields.ts";
import type { Sentence } from "../ground/step.ts";

const UNITS = [
  { seconds: 86_400, en: "day", ja: "日" },
  { seconds: 3_600, en: "hour", ja: "時間" },
  { seconds: 60, en: "minute", ja: "分" },
  { seconds: 1, en: "second", ja: "秒" },
] as const;

/** A length of time without the units of which there are none: `1 day 1 second`. */
function spanOf(seconds: number): Sentence {
  let rest = seconds;
  const en: string[] = [];
  const ja: string[] = [];
  for (const unit of UNITS) {
    const count = Math.floor(rest / unit.seconds);
    rest -= count * unit.seconds;
    if (count === 0) continue;
    en.push(`${count} ${unit.en}${count === 1 ? "" : "s"}`);
    ja.push(`${count}${unit.ja}`);
  }
  return { en: en.join(" "), ja: ja.join("") };
}

export const sentences = {
  figuresAgree: (assets: number, lines: number): Sentence => ({
    en: `the figures agree with one another: ${assets} assets, ${lines} lines of reserves`,
    ja: `数値は互いに整合しています（資産${assets}種類、準備資産${lines}行）`,
  }),
  farPin: (chain: string, at: number, snapshotAt: number, reason: string): Sentence => {
    const span = spanOf(Math.abs(at - snapshotAt));
    const isBefore = at < snapshotAt;
    return {
      en:
        `${chain} is read at a block of ${formatTime(at)}, ${span.en} ${isBefore ? "before" : "after"} the snapshot; ` +
        `the reason that the exchange gives: ${reason}`,
      ja:
        `${chain}の残高は、基準時刻より${span.ja}${isBefore ? "前" : "後"}のブロック（${formatTime(at)}）で読み取られています。` +
        `取引所の説明：${reason}`,
    };
  },
};
