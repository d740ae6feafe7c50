/** What steps 1 to 3, 6 and 7 say, in both languages. */

import { formatTime } from "../ground/fields.ts";
import type { Sentence } from "../ground/step.ts";
import type { SigningRole } from "./root.ts";

/** How many keys of a role signed, and how many must. */
export interface CountOfRole {
  readonly role: SigningRole;
  readonly signed: number;
  readonly threshold: number;
}

const EN: Readonly<Record<SigningRole, string>> = { exchange: "exchange", auditor: "auditor" };
const JA: Readonly<Record<SigningRole, string>> = { exchange: "取引所", auditor: "監査人" };

function many(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

export const sentences = {
  noTrustRoot: {
    en: "no trust root was given; the key that you named is trusted by itself",
    ja: "トラストルートが渡されていないため、指定された鍵そのものを信頼しています",
  },
  pinned: (version: number, origin: string, fingerprint: string): Sentence => ({
    en: `you trust trust root ${version} of ${origin}: ${fingerprint}`,
    ja: `${origin}のトラストルート第${version}版を信頼しています（指紋：${fingerprint}）`,
  }),
  leadsTo: (version: number, fingerprint: string): Sentence => ({
    en: `it leads to trust root ${version}: ${fingerprint}`,
    ja: `そこから第${version}版までのつながりを確かめました（指紋：${fingerprint}）`,
  }),
  signed: (known: number, unknown: number): Sentence => ({
    en: `${many(known, "signature", "signatures")} of trusted keys, ${unknown} of keys that nobody named`,
    ja: `信頼する鍵の署名が${known}件、それ以外の鍵の署名が${unknown}件あります`,
  }),
  ofYourKeys: (signed: number, threshold: number): Sentence => ({
    en: `${signed} of the keys that you named signed, ${threshold} needed`,
    ja: `指定された鍵のうち${signed}個が署名しています（必要数は${threshold}個）`,
  }),
  reached: (version: number, counts: readonly CountOfRole[]): Sentence => ({
    en:
      `${counts.map((one) => `${EN[one.role]}: ${one.signed} signed, ${one.threshold} needed`).join("; ")}` +
      `${counts.length === 1 ? "; no auditor is named" : ""} (trust root ${version})`,
    ja:
      `${counts.map((one) => `${JA[one.role]}の署名は${one.signed}件（必要数は${one.threshold}件）`).join("、")}です` +
      `${counts.length === 1 ? "。監査人は指定されていません" : ""}（トラストルート第${version}版による）`,
  }),
  inForce: (version: number): Sentence => ({
    en: `trust root ${version} was in force when the statement was issued`,
    ja: `発行の時点で有効だったのは、トラストルート第${version}版です`,
  }),
  undecided: (role: SigningRole): Sentence => ({
    en:
      `it is not known whether the ${EN[role]} signed: keys were withdrawn later, and only timestamps, which this ` +
      "page does not read, can show that their signatures are older; `attest verify` reads them",
    ja:
      `${JA[role]}が署名したかどうかは分かりません。署名に使われた鍵は後に取り消されていて、署名がその前のものかどうかは` +
      "タイムスタンプでしか分かりません。このページはタイムスタンプを読みませんが、`attest verify`なら確かめられます",
  }),
  evaded: (role: SigningRole, version: number, since: number): Sentence => ({
    en:
      `trust root ${version} names an ${EN[role]} since ${formatTime(since)}: too few of its keys signed the ` +
      "statement, and nothing that was looked at proves that the statement is older",
    ja:
      `トラストルート第${version}版は${formatTime(since)}から${JA[role]}を指定していますが、その署名が足りません。` +
      "この証明書がそれより前に作られたことも確かめられていません",
  }),
  reported: (auditor: string, procedures: number, exceptions: number): Sentence => ({
    en: `${auditor} reports ${many(procedures, "finding", "findings")}, ${exceptions} of them exceptions`,
    ja: `${auditor}は${procedures}件の結果を報告しており、そのうち例外は${exceptions}件です`,
  }),
  reportToCome: (auditor: string, issuedAt: number, now: number): Sentence => ({
    en:
      `the report of ${auditor} is dated ${formatTime(issuedAt)}, more than ten minutes after the time of ` +
      `verification, ${formatTime(now)}, and does not count`,
    ja:
      `${auditor}の報告の日付は${formatTime(issuedAt)}で、検証の時刻${formatTime(now)}より10分を超えて先のため、` +
      "この報告は数えません",
  }),
  reportUndecided: (auditor: string): Sentence => ({
    en:
      `it is not known whether the report that names ${auditor} is the auditor's: the key was withdrawn later, and ` +
      "only a timestamp, which this page does not read, can show that the signature is older",
    ja:
      `${auditor}の名による報告に監査人が署名したかどうかは分かりません。署名に使われた鍵は後に取り消されていて、` +
      "署名がその前のものかどうかは、このページが読まないタイムスタンプでしか分かりません",
  }),
  noTimestamp: {
    en: "no outside clock says when the signatures were made: the attestation carries no timestamp",
    ja: "証明書にタイムスタンプがないため、いつ署名されたかを第三者の時計で確かめることはできません",
  },
  timestampsNotRead: (count: number): Sentence => ({
    en:
      `this page does not read timestamps, and the attestation carries ${count}; \`attest verify\` reads those of an ` +
      "authority that you name",
    ja:
      `証明書にはタイムスタンプが${count}件ありますが、このページは読みません。` +
      "`attest verify`なら、指定したタイムスタンプ局のものを確かめられます",
  }),
  reportsNeedRoot: (count: number): Sentence => ({
    en: `${many(count, "auditor report was", "auditor reports were")} not looked at, which takes a trust root`,
    ja: `監査人の報告が${count}件ありますが、トラストルートが渡されていないため確かめていません`,
  }),
  first: {
    en: "the first statement of its chain",
    ja: "最初の証明書なので、前回の証明書はありません",
  },
  follows: (sequence: number, earlier: number, period: string): Sentence => ({
    en: `statement ${sequence} follows statement ${earlier} of ${period}, whose own signatures were not looked at`,
    ja: `第${sequence}号の証明書は、${period}の第${earlier}号に続いています（前回の証明書の署名は確かめていません）`,
  }),
  previousNotGiven: (sequence: number): Sentence => ({
    en: `statement ${sequence} names the one before it, which was not given`,
    ja: `第${sequence}号の証明書には前回の証明書がありますが、渡されていません`,
  }),
};
