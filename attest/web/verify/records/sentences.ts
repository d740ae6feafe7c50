/** What step 9 says, in both languages. */

import type { Sentence } from "../ground/step.ts";

export const sentences = {
  recordsBound: (there: number, all: number): Sentence => ({
    en: `${there} of ${all} records of evidence are here${there === 0 ? "" : ", and are those that were signed for"}`,
    ja: `証拠の記録${all}件のうち${there}件が手元にあり${there === 0 ? "ます" : "、署名されたものと一致します"}`,
  }),
  filesMissing: (names: readonly string[]): Sentence => ({
    en: `these files were not given: ${names.join(", ")}`,
    ja: `次のファイルが渡されていません：${names.join("、")}`,
  }),
};
