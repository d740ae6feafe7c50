/** What the steps that `verify.ts` runs itself say, in both languages. */

import { formatTime } from "./ground/fields.ts";

export const sentences = {
  bundleOf: (bytes: number) => ({ en: `the attestation has ${bytes} bytes`, ja: `証明書の大きさは${bytes}バイトです` }),
  noProof: { en: "no inclusion proof was given", ja: "包含証明が渡されていません" },
  accountIncluded: (assets: number) => ({
    en: `your balances in ${assets} assets are in the totals`,
    ja: `${assets}種類の資産の残高が合計に含まれています`,
  }),
  noNodeAsked: {
    en: "this page asks nobody; `attest verify` asks nodes that you name",
    ja: "このページは外部に問い合わせません。`attest verify`なら、指定したノードに問い合わせます",
  },
  policiesNotEvaluated: {
    en: "this page does not evaluate rules; `attest verify` does",
    ja: "このページは規則を評価しません。`attest verify`なら評価します",
  },
  expired: (at: number) => ({ en: `it expired at ${formatTime(at)}`, ja: `${formatTime(at)}に失効しました` }),
  notYetIssued: (at: number) => ({
    en: `it says that it is issued at ${formatTime(at)}, which is still to come`,
    ja: `発行時刻が${formatTime(at)}となっており、まだ到来していません`,
  }),
  inForce: (from: number, to: number) => ({
    en: `issued at ${formatTime(from)}, expires at ${formatTime(to)}`,
    ja: `${formatTime(from)}に発行され、${formatTime(to)}に失効します`,
  }),
};
