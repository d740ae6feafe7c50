/** What step 11 says, in both languages. */

import { amountText } from "../ground/amounts.ts";
import type { Sentence } from "../ground/step.ts";
import type { RecheckedWindow } from "./windows.ts";

const PURPOSES: Readonly<Record<string, Sentence>> = {
  customer: { en: "customers' coins", ja: "顧客預り資産" },
  guarantee: { en: "own coins beside hot customers' coins", ja: "履行保証暗号資産" },
  compensation: { en: "own coins of the compensation reserve", ja: "責任準備金に充てる自己資産" },
};
const STORAGES: Readonly<Record<string, Sentence>> = {
  cold: { en: "cold wallets", ja: "コールドウォレット" },
  hot: { en: "hot wallets", ja: "ホットウォレット" },
  other: { en: "other wallets", ja: "その他のウォレット" },
};

function word(words: Readonly<Record<string, Sentence>>, name: string): Sentence {
  return words[name] ?? { en: name, ja: name };
}

/** A line of which not everything is here. */
export interface HiddenLine {
  readonly asset: string;
  readonly chain: string;
  readonly purpose: string;
  readonly storage: string;
  readonly decimals: number;
  readonly amount: bigint;
  readonly stated: bigint;
  readonly wallets: number;
  readonly statedWallets: number;
}

export const sentences = {
  balances: (recomputed: number, stated: number): Sentence => ({
    en: `${recomputed} of ${stated} balances recomputed from their evidence`,
    ja: `残高${stated}件のうち${recomputed}件を証拠から再計算しました`,
  }),
  bankDocuments: (there: number, stated: number): Sentence => ({
    en: `${there} of ${stated} bank documents are named with their fingerprints`,
    ja: `金融機関の書類${stated}件のうち${there}件が指紋で特定されています`,
  }),
  declarations: (stated: number, forms: number, figures: number): Sentence => ({
    en: `of ${stated} declarations, ${forms} signed forms are named with their fingerprints, and ${figures} figures recomputed`,
    ja: `申告${stated}件のうち、署名済みの書面${forms}件が指紋で特定され、数値${figures}件を再計算しました`,
  }),
  contracts: (there: number, stated: number): Sentence => ({
    en: `${there} of ${stated} contracts and price lists are named with their fingerprints`,
    ja: `契約書と価格表${stated}件のうち${there}件が指紋で特定されています`,
  }),
  custodians: (there: number, stated: number): Sentence => ({
    en: `${there} of ${stated} documents of custodians are named with their fingerprints; they count nowhere`,
    ja: `カストディアンの書類${stated}件のうち${there}件が指紋で特定されています。これらはどこにも算入されません`,
  }),
  besideReadings: (asset: string, custodian: string): Sentence => ({
    en: `${asset} of ${custodian} was read from chains too, and its document may be of the same coins`,
    ja: `${custodian}の${asset}はチェーンからも読み取られており、書類は同じコインを指す可能性があります`,
  }),
  window: (window: RecheckedWindow): Sentence => {
    const heights = window.blocks.map((block) => block.height).join(", ");
    return {
      en:
        `${window.chain} was also read at ${heights}, which the nonce ${window.nonce} draws out of ` +
        `${window.before} blocks before and ${window.after} after`,
      ja:
        `${window.chain}はブロック${heights}でも読み取られました。これらは前${window.before}・後${window.after}` +
        `ブロックから乱数${window.nonce}で抽出されたものです`,
    };
  },
  noRecords: (count: number): Sentence => ({
    en: `none of the ${count} records of evidence is here`,
    ja: `証拠の記録${count}件はいずれも手元にありません`,
  }),
  withheld: (missing: number, count: number): Sentence => ({
    en: `${missing} of ${count} records of evidence are not here`,
    ja: `証拠の記録${count}件のうち${missing}件は手元にありません`,
  }),
  hiddenLine: (line: HiddenLine): Sentence => {
    const [amount, stated] = [amountText(line.amount, line.decimals), amountText(line.stated, line.decimals)];
    const [purpose, storage] = [word(PURPOSES, line.purpose), word(STORAGES, line.storage)];
    return {
      en:
        `${amount} of ${stated} ${line.asset} on ${line.chain} (${purpose.en}, ${storage.en}) is shown, ` +
        `in ${line.wallets} of ${line.statedWallets} wallets`,
      ja:
        `${line.chain}の${line.asset}（${purpose.ja}、${storage.ja}）は、${stated}のうち${amount}、` +
        `ウォレット${line.statedWallets}件のうち${line.wallets}件が示されています`,
    };
  },
  moreHidden: (lines: number): Sentence => ({
    en: `of ${lines} more lines not everything is shown`,
    ja: `ほかに${lines}行で、一部が示されていません`,
  }),
  papers: (count: number): Sentence => ({
    en: `nothing is shown of ${count} of the documents and declarations`,
    ja: `書類と申告のうち${count}件は示されていません`,
  }),
  needDump: (lines: readonly string[]): Sentence => ({
    en: `that outputs are unspent, only a list of all unspent outputs shows: ${lines.join(", ")}`,
    ja: `アウトプットが未使用であることは、未使用アウトプット全体の一覧でしか確認できません：${lines.join("、")}`,
  }),
  lowestUnknown: (names: readonly string[]): Sentence => ({
    en: `the lowest amount was not recomputed, because wallets or descriptors are not here: ${names.join(", ")}`,
    ja: `ウォレットまたはディスクリプタが手元にないため、最低残高を再計算していません：${names.join("、")}`,
  }),
  descriptors: (wallets: readonly string[]): Sentence => ({
    en: `this page cannot derive these wallets' addresses from their descriptors, \`attest verify\` can: ${wallets.join(", ")}`,
    ja: `このページは次のウォレットのディスクリプタからアドレスを導出できません。\`attest verify\`なら導出できます：${wallets.join("、")}`,
  }),
};
