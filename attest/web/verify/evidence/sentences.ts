/** What steps 9 and 11 say, in both languages. */

export const sentences = {
  recordsBound: (there: number, all: number) => ({
    en: `${there} of ${all} records of evidence are here, and are those that were signed for`,
    ja: `証拠の記録${all}件のうち${there}件が手元にあり、署名されたものと一致します`,
  }),
  filesMissing: (names: readonly string[]) => ({
    en: `these files were not given: ${names.join(", ")}`,
    ja: `次のファイルが渡されていません：${names.join("、")}`,
  }),
};
