/** What step 13 says, in both languages. */

import type { Unchecked } from "../bitcoin/bip322.ts";
import { formatTime } from "../ground/fields.ts";
import type { Sentence } from "../ground/step.ts";

/** How many balances there are, and how many of them lie where keys signed, and where custodians alone confirmed. */
export interface Balances {
  readonly all: number;
  readonly signed: number;
  readonly confirmed: number;
}

/** For how much of an asset keys signed; `isLeast` where there are signatures that this page does not check. */
export interface Share {
  readonly asset: string;
  readonly percent: string;
  readonly isLeast: boolean;
}

/** A block that challenges name. */
export interface NamedBlock {
  readonly chain: string;
  readonly height: number;
}

const SHOWN = 4;

const BEYOND: Readonly<Record<Unchecked, Sentence>> = {
  "proof-of-funds": { en: "proofs of funds (BIP-322)", ja: "資金証明（BIP-322）" },
  script: { en: "scripts of several keys or conditions", ja: "複数の鍵や条件を持つスクリプト" },
};

export const sentences = {
  noProof: {
    en: "the evidence has no signatures that show control of the addresses",
    ja: "アドレスの秘密鍵を管理していることを示す署名が、証拠に含まれていません",
  },
  nothingCameBack: (blocks: readonly NamedBlock[], balances: number, isWhole: boolean): Sentence => {
    const en = some(
      blocks.map(({ chain, height }) => `block ${height} of ${chain}`),
      "en",
    );
    const ja = some(
      blocks.map(({ chain, height }) => `${chain}のブロック${height}`),
      "ja",
    );
    return {
      en:
        `keys were asked to sign challenges${en === "" ? "" : ` (${en})`}, and ` +
        `${isWhole ? "nothing came back" : "nothing that came back is available"}: ` +
        `0 of ${counted(balances, "balance lies", "balances lie")} at addresses that signed`,
      ja:
        `秘密鍵による署名が求められましたが${ja === "" ? "" : `（${ja}）`}、` +
        `${isWhole ? "何も返されていません" : "返されたものは手元にありません"}。` +
        `${balances}件の残高のうち、署名したアドレスにあるものは0件です`,
    };
  },
  balances: ({ all, signed }: Balances, isSampled: boolean): Sentence => ({
    en: `${signed} of ${counted(all, "balance lies", "balances lie")} ${isSampled ? "wholly or by sample" : "wholly"} at addresses that signed`,
    ja: `${all}件の残高のうち${signed}件は、${isSampled ? "全部が、または標本により、" : "全部が"}署名したアドレスにあります`,
  }),
  stated: ({ en, ja }: Sentence): Sentence => ({ en: `the statement says that ${en}`, ja: `証明書によれば、${ja}` }),
  onlyStated: (balances: Sentence, confirmed: number): Sentence => ({
    en: `the statement says that ${balances.en}, and that custodians confirmed ${confirmed}`,
    ja: `証明書によれば、${balances.ja}。カストディアンが確認した残高は${confirmed}件です`,
  }),
  signed: (addresses: number, days: number, balances: Sentence): Sentence => ({
    en:
      `${counted(addresses, "address", "addresses")} signed a challenge not older than ${days} days before the snapshot; ` +
      balances.en,
    ja: `基準時刻の${days}日前以降のブロックを記した文面に、${addresses}件のアドレスが署名しました。` + balances.ja,
  }),
  confirmed: (addresses: number, balances: number): Sentence => ({
    en:
      `custodians confirmed ${counted(addresses, "other address", "other addresses")}, and with them ` +
      counted(balances, "balance", "balances"),
    ja: `カストディアンはほかに${addresses}件のアドレスを確認し、これにより${balances}件の残高が確認されました`,
  }),
  shares: (shares: readonly Share[]): Sentence => {
    const en = shares.map(({ asset, percent, isLeast }) => `${isLeast ? "at least " : ""}${percent} of ${asset}`);
    const ja = shares.map(({ asset, percent, isLeast }) => `${asset} ${percent}${isLeast ? "以上" : ""}`);
    return {
      en: `of the customers' coins, keys signed for ${en.join(", ")}`,
      ja: `顧客預り資産のうち秘密鍵による署名があるもの：${ja.join("、")}`,
    };
  },
  blocks: (from: number, to: number): Sentence => ({
    en: `the blocks that they name are of ${formatTime(from)} to ${formatTime(to)}, and nobody could sign before`,
    ja: `文面に記されたブロックの時刻は${formatTime(from)}から${formatTime(to)}までで、それより前に署名することはできません`,
  }),
  sample: (draws: number, root: string, escape: string): Sentence => ({
    en:
      `a sample of ${draws} draws a wallet from the reading ${root} stands for the rest; a tenth of a wallet without ` +
      `keys would escape it with a probability of ${escape}`,
    ja:
      `残りは、読み取り結果${root}からウォレットごとに${draws}回抽出した標本で代表されます。` +
      `ウォレットの1割に鍵がない場合、それが見逃される確率は${escape}です`,
  }),
  nonces: (nonces: readonly string[], isMissing: boolean): Sentence => {
    const en = [...(isMissing ? ["none"] : []), ...nonces];
    const ja = [...(isMissing ? ["なし"] : []), ...nonces];
    return { en: `nonces: ${some(en, "en")}`, ja: `乱数：${some(ja, "ja")}` };
  },
  contractsSaidYes: (count: number, names: readonly string[]): Sentence => ({
    en:
      `${counted(count, "contract", "contracts")} said yes to a signature, by the word of ${some(names, "en")}; that a ` +
      "contract says yes shows no key, so it counts as none",
    ja:
      `${count}件のコントラクトが署名を有効と答えました（${some(names, "ja")}による）。` +
      "コントラクトの答えは秘密鍵の証明にはならないため、証明なしとして数えます",
  }),
  contractsSilent: (count: number): Sentence => ({
    en: `${counted(count, "contract", "contracts")} could not be asked about a signature, which counts as none`,
    ja: `${count}件のコントラクトには署名を確認できなかったため、証明なしとして数えます`,
  }),
  stranger: (name: string, fingerprint: string): Sentence => ({
    en: `the key ${fingerprint} signed as ${name}, and nobody here vouched for it`,
    ja: `鍵${fingerprint}が${name}として署名していますが、その持ち主であることはここでは確かめられていません`,
  }),
  noConfirmationOf: (name: string, others: readonly string[]): Sentence => ({
    en: `no confirmation of ${name} is here; there are those of ${some(others, "en")}`,
    ja: `${name}による確認書は手元にありません。あるのは${some(others, "ja")}のものです`,
  }),
  sampleNotVouched: {
    en: "nobody here said that an auditor drew the nonce of the sample",
    ja: "標本の乱数を監査人が定めたことは、ここでは確かめられていません",
  },
  readingNotAtHand: {
    en: "the whole reading that the sample was drawn from is not here",
    ja: "標本が抽出された読み取り結果の全体が手元にありません",
  },
  signaturesNotAtHand: { en: "the signatures are not here", ja: "署名が手元にありません" },
  othersNotAtHand: { en: "the signatures of the others are not here", ja: "その他の署名が手元にありません" },
  beyond: (count: number, kinds: readonly Unchecked[]): Sentence => ({
    en:
      `this page does not check ${counted(count, "signature", "signatures")} ` +
      `(${kinds.map((kind) => BEYOND[kind].en).join(", ")}); \`attest verify\` does`,
    ja:
      `このページでは${count}件の署名を検証しません（${kinds.map((kind) => BEYOND[kind].ja).join("、")}）。` +
      "`attest verify`なら検証します",
  }),
};

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The first few of what may be many. */
function some(items: readonly string[], language: "en" | "ja"): string {
  const more = items.length - SHOWN;
  const shown = items.slice(0, SHOWN).join(language === "en" ? ", " : "、");
  if (more <= 0) return shown;
  return language === "en" ? `${shown} and ${more} more` : `${shown}、ほか${more}件`;
}
