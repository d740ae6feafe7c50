/** What step 13 says of what it found, and what that leaves open. */

import type { Findings, Sentence } from "../ground/step.ts";
import type { ControlContract } from "../records/control.ts";
import type { Predicate } from "../statement/statement.ts";
import { NO_NONCE } from "./challenge.ts";
import { lineKey } from "./covering.ts";
import { type Found, isBare, type Spoken } from "./found.ts";
import { type Balances, sentences } from "./sentences.ts";

/** Say how far keys are shown; without control of everything that is counted, the step is not met. */
export function tell(found: Found, spoken: Spoken, findings: Findings): void {
  const { predicate, records, isSilent, signed } = found;
  const isComplete = records.size === predicate.evidence.count;
  const lacksControl = predicate.reserves.some((line) => line.amount > 0n && line.control === "none");
  const main = isSilent ? nothingCameBack(found, isComplete) : mainSentence(found);
  if (lacksControl || (isSilent && isComplete)) findings.unmet(main);
  else findings.say(main);
  if (!isSilent && !isBare(found)) {
    for (const sentence of detailsOf(found, spoken)) findings.say(sentence);
  }
  tellOpen(found, findings);
  const kinds = [...new Set(signed.beyond.values())].sort();
  if (kinds.length > 0) findings.beyond(sentences.beyond(signed.beyond.size, kinds));
}

/** That keys were asked to sign, and that the statement counts no address as one that did. */
function nothingCameBack({ predicate, records }: Found, isComplete: boolean): Sentence {
  const blocks = new Map(
    [...records.values()]
      .filter((record) => record.type === "control-block")
      .map(({ chain, height }) => [`${chain} ${height}`, { chain, height }]),
  );
  return sentences.nothingCameBack([...blocks.values()], balancesOf(predicate).all, isComplete);
}

function balancesOf({ reserves }: Predicate): Balances {
  const count = (control: string | null): number =>
    reserves
      .filter((line) => line.amount > 0n && (control === null || line.control === control))
      .reduce((wallets, line) => wallets + line.wallets, 0);
  return { all: count(null), signed: count("signature"), confirmed: count("custodian") };
}

/** At how many addresses keys signed, and of how many balances. */
function mainSentence(found: Found): Sentence {
  const { predicate, records, sample, signed } = found;
  const counts = balancesOf(predicate);
  const balances = sentences.balances(counts, sample !== null);
  if (isBare(found)) return sentences.onlyStated(balances, counts.confirmed);
  let days = 0;
  for (const record of records.values()) if (record.type === "control-block") days = Math.max(days, record.maxAge);
  const stated = signed.beyond.size > 0 ? sentences.stated(balances) : balances;
  return sentences.signed(signed.all.size - signed.beyond.size, days, stated);
}

/** What came back besides, and how much of the customers' coins it speaks for. */
function detailsOf(found: Found, { assets, from, to }: Spoken): readonly Sentence[] {
  const { predicate, confirmed, sample } = found;
  const said: Sentence[] = [];
  if (confirmed > 0) said.push(sentences.confirmed(confirmed, balancesOf(predicate).confirmed));
  const shares = assets.map(({ asset, signed, unchecked, total }) => ({
    asset,
    percent: percentOf(signed, total),
    isLeast: unchecked > 0n,
  }));
  if (shares.length > 0) said.push(sentences.shares(shares));
  if (from !== null && to !== null) said.push(sentences.blocks(from, to));
  if (sample !== null) {
    const { draws, readingRoot } = sample.sample;
    said.push(sentences.sample(draws, readingRoot, escapeOf(draws)));
  }
  const nonces = new Set(found.challenges.map(({ nonce }) => nonce));
  const isMissing = nonces.delete(NO_NONCE);
  if (nonces.size > 0 || isMissing) said.push(sentences.nonces([...nonces].sort(), isMissing));
  return [...said, ...contractsSaid(found.contracts)];
}

/** What came back for contracts, as what it is. */
function contractsSaid(contracts: readonly ControlContract[]): readonly Sentence[] {
  const took = contracts.filter(({ saidBy }) => saidBy !== null && saidBy.length > 0);
  const names = [...new Set(took.flatMap(({ saidBy }) => saidBy ?? []))].sort();
  const silent = contracts.length - took.length;
  return [
    ...(took.length > 0 ? [sentences.contractsSaidYes(took.length, names)] : []),
    ...(silent > 0 ? [sentences.contractsSilent(silent)] : []),
  ];
}

/** Say what stays open, and whose keys nobody vouched for, which leaves it open where a line rests on custodians. */
function tellOpen(found: Found, findings: Findings): void {
  const { predicate, known, sample, lines } = found;
  const restsOnCustodians = predicate.reserves.some((line) => line.control === "custodian");
  for (const sentence of strangersSaid(found)) {
    if (restsOnCustodians) findings.open(sentence);
    else findings.say(sentence);
  }
  if (sample !== null && known.nonce === null) findings.open(sentences.sampleNotVouched);
  if (sample?.isReadingSeen === false) findings.open(sentences.readingNotAtHand);
  if (predicate.reserves.some((line) => line.control !== "none" && !lines.has(lineKey(line)))) {
    findings.open(isBare(found) ? sentences.signaturesNotAtHand : sentences.othersNotAtHand);
  }
}

function strangersSaid({ records, known, custody }: Found): readonly Sentence[] {
  const { unknown } = custody;
  if (unknown.length === 0) return [];
  // A verifier who misspelt a custodian's name sees the names that there are; absent ones may simply be withheld.
  const there = new Set<string>();
  for (const record of records.values()) {
    if (record.type === "custody-confirmation") there.add(record.confirmation.custodian);
  }
  const absent = [...known.custodians.keys()].filter((name) => !there.has(name)).sort();
  return [
    ...unknown.map(({ name, fingerprint }) => sentences.stranger(name, fingerprint)),
    ...absent.map((name) => sentences.noConfirmationOf(name, [...there].sort())),
  ];
}

/** A share in percent with two decimals, rounded down. */
function percentOf(part: bigint, whole: bigint): string {
  return percent((part * 10_000n) / whole);
}

/** How likely none of so many draws falls on a tenth of the value: 0.9^draws in percent, rounded up. */
function escapeOf(draws: number): string {
  const shown = BigInt(Math.min(draws, 1_000)); // beyond a few hundred draws it is less than can be shown
  return percent((10_000n * 9n ** shown + 10n ** shown - 1n) / 10n ** shown);
}

function percent(hundredths: bigint): string {
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")} %`;
}
