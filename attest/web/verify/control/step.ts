/**
 * Step 13: whose keys are shown to be at hand, that the statement claims no more, and what that leaves open
 * (protocol.md, section 8).
 */

import type { Findings, Sentence } from "../ground/step.ts";
import type { Challenge } from "../records/control.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import type { PublicKey } from "../signing/keys.ts";
import type { Predicate, Statement } from "../statement/statement.ts";
import { blockTime, challengeBlocks, type ChallengeBlocks, type Terms } from "./blocks.ts";
import { NO_NONCE } from "./challenge.ts";
import { customersValues, lineKey, NOTHING, recheckLines, type Value } from "./covering.ts";
import { type Custody, recheckCustody, refuseOtherCustodians } from "./custody.ts";
import { type DrawnSample, sampleOf } from "./sample.ts";
import { type Balances, sentences } from "./sentences.ts";
import { signedPlaces, type SignedPlaces } from "./signatures.ts";

/** What the verifier alone knows: the nonce that an auditor drew, and the keys of custodians by name. */
export interface KnownControl {
  readonly nonce: string | null;
  readonly custodians: ReadonlyMap<string, PublicKey>;
}

/** How much of the customers' coins of an asset keys and custodians speak for. */
export interface ControlledAsset extends Value {
  readonly asset: string;
  /** What the statement holds of it for customers on chains. */
  readonly total: bigint;
}

/** The times are those of the blocks that challenges name, in seconds since 1970. */
export interface Controlled {
  readonly assets: readonly ControlledAsset[];
  readonly from: number | null;
  readonly to: number | null;
}

type Contract = Extract<AnyRecord, { readonly type: "control-contract" }>;

/** What the records show, all of which holds. */
interface Found {
  readonly signed: SignedPlaces;
  readonly custody: Custody;
  readonly sample: DrawnSample | null;
  /** The lines whose balances are all at hand, by their keys. */
  readonly lines: ReadonlySet<string>;
  /** How many addresses custodians alone confirmed. */
  readonly confirmed: number;
  readonly challenges: readonly Challenge[];
  readonly contracts: readonly Contract[];
  readonly blocks: ChallengeBlocks;
}

/** Null where nothing that was signed is at hand. Throws an error that names the record or line that does not hold. */
export function checkControl(
  statement: Statement,
  records: Records,
  known: KnownControl,
  exchangeKeys: readonly PublicKey[],
  findings: Findings,
): Controlled | null {
  const { predicate } = statement;
  const types = new Set([...records.values()].map(({ type }) => type));
  const isClaimed = predicate.reserves.some((line) => line.control !== "none");
  const isProven = types.has("control") || types.has("control-contract") || types.has("custody-confirmation");
  if (!isClaimed && !isProven && !types.has("control-block") && !types.has("control-sample")) {
    findings.open(sentences.noProof);
    return null;
  }
  const found = recheck(predicate, records, known, exchangeKeys);
  const isWhole = records.size === predicate.evidence.count;
  const isSilent = !isClaimed && !isProven;
  const lacksControl = predicate.reserves.some((line) => line.amount > 0n && line.control === "none");
  const isUnmet = lacksControl || (isSilent && isWhole);
  const shown = isBare(found) ? null : controlled(predicate, records, found);
  const [main, ...more] = isSilent
    ? [nothingCameBack(predicate, records, isWhole)]
    : [mainSentence(predicate, records, found), ...(shown === null ? [] : detailsOf(predicate, shown, found))];
  if (isUnmet) findings.unmet(main);
  else findings.say(main);
  for (const sentence of more) findings.say(sentence);
  tellOpen(predicate, records, known, found, findings);
  const { beyond } = found.signed;
  if (beyond.size > 0) findings.beyond(sentences.beyond(beyond.size, [...new Set(beyond.values())].sort()));
  return shown;
}

function recheck(
  predicate: Predicate,
  records: Records,
  known: KnownControl,
  exchangeKeys: readonly PublicKey[],
): Found {
  const terms: Terms = {
    entity: predicate.entity.origin,
    period: predicate.period,
    snapshotAt: predicate.snapshotAt,
    issuedAt: predicate.issuedAt,
    nonce: known.nonce,
  };
  const blocks = challengeBlocks(records, terms);
  const custody = recheckCustody(records, blocks, terms, known.custodians, exchangeKeys);
  const signed = signedPlaces(records, blocks, terms);
  const sample = sampleOf(records, known.nonce);
  refuseOtherCustodians(records, custody.places);
  // What this page does not check holds, or the step fails by it alone: so lines that contradict it fail either way.
  const lines = recheckLines(records, predicate.reserves, { signed, confirmed: custody.places, sample });
  const all = [...records.values()];
  return {
    signed,
    custody,
    sample,
    lines,
    confirmed: [...custody.places.keys()].filter((place) => !signed.all.has(place)).length,
    challenges: all.flatMap(challengesOf),
    contracts: all.filter((record): record is Contract => record.type === "control-contract"),
    blocks,
  };
}

function challengesOf(record: AnyRecord): readonly Challenge[] {
  switch (record.type) {
    case "control":
    case "control-contract":
      return [record.challenge];
    case "custody-confirmation":
      return record.confirmation.challenges;
    default:
      return [];
  }
}

/** Whether nothing that came back is at hand, so that only the statement speaks. */
function isBare({ signed, confirmed, contracts }: Found): boolean {
  return signed.all.size === 0 && confirmed === 0 && contracts.length === 0;
}

/** That keys were asked to sign, and that the statement counts no address as one that did. */
function nothingCameBack(predicate: Predicate, records: Records, isWhole: boolean): Sentence {
  const blocks = new Map(
    [...records.values()]
      .filter((record) => record.type === "control-block")
      .map(({ chain, height }) => [`${chain} ${height}`, { chain, height }]),
  );
  return sentences.nothingCameBack([...blocks.values()], balancesOf(predicate).all, isWhole);
}

function balancesOf({ reserves }: Predicate): Balances {
  const count = (control: string | null): number =>
    reserves
      .filter((line) => line.amount > 0n && (control === null || line.control === control))
      .reduce((wallets, line) => wallets + line.wallets, 0);
  return { all: count(null), signed: count("signature"), confirmed: count("custodian") };
}

/** At how many addresses keys signed, and of how many balances. */
function mainSentence(predicate: Predicate, records: Records, found: Found): Sentence {
  const counts = balancesOf(predicate);
  const balances = sentences.balances(counts, found.sample !== null);
  if (isBare(found)) return sentences.onlyStated(balances, counts.confirmed);
  const { all, beyond } = found.signed;
  const ages = [...records.values()].map((record) => (record.type === "control-block" ? record.maxAge : 0));
  const stated = beyond.size > 0 ? sentences.stated(balances) : balances;
  return sentences.signed(all.size - beyond.size, most(ages) ?? 0, stated);
}

/** What came back besides, and how much of the customers' coins it speaks for. */
function detailsOf(predicate: Predicate, { assets, from, to }: Controlled, found: Found): readonly Sentence[] {
  const said: Sentence[] = [];
  if (found.confirmed > 0) said.push(sentences.confirmed(found.confirmed, balancesOf(predicate).confirmed));
  const shares = assets.map(({ asset, signed, unchecked, total }) => ({
    asset,
    percent: percentOf(signed, total),
    isLeast: unchecked > 0n,
  }));
  if (shares.length > 0) said.push(sentences.shares(shares));
  if (from !== null && to !== null) said.push(sentences.blocks(from, to));
  if (found.sample !== null) {
    const { draws, readingRoot } = found.sample.sample;
    said.push(sentences.sample(draws, readingRoot, escapeOf(draws)));
  }
  const nonces = new Set(found.challenges.map(({ nonce }) => nonce));
  const isMissing = nonces.delete(NO_NONCE);
  if (nonces.size > 0 || isMissing) said.push(sentences.nonces([...nonces].sort(), isMissing));
  return [...said, ...contractsSaid(found.contracts)];
}

/** What came back for contracts, as what it is. */
function contractsSaid(contracts: readonly Contract[]): readonly Sentence[] {
  const took = contracts.filter(({ saidBy }) => saidBy !== null && saidBy.length > 0);
  const names = [...new Set(took.flatMap(({ saidBy }) => saidBy ?? []))].sort();
  const silent = contracts.length - took.length;
  return [
    ...(took.length > 0 ? [sentences.contractsSaidYes(took.length, names)] : []),
    ...(silent > 0 ? [sentences.contractsSilent(silent)] : []),
  ];
}

/** Say what stays open, and whose keys nobody vouched for, which leaves it open where a line rests on custodians. */
function tellOpen(predicate: Predicate, records: Records, known: KnownControl, found: Found, findings: Findings): void {
  const restsOnCustodians = predicate.reserves.some((line) => line.control === "custodian");
  for (const sentence of strangersSaid(records, known, found.custody)) {
    if (restsOnCustodians) findings.open(sentence);
    else findings.say(sentence);
  }
  if (found.sample !== null && known.nonce === null) findings.open(sentences.sampleNotVouched);
  if (found.sample?.isReadingSeen === false) findings.open(sentences.readingNotAtHand);
  if (predicate.reserves.some((line) => line.control !== "none" && !found.lines.has(lineKey(line)))) {
    findings.open(isBare(found) ? sentences.signaturesNotAtHand : sentences.othersNotAtHand);
  }
}

function strangersSaid(records: Records, { custodians }: KnownControl, { unknown }: Custody): readonly Sentence[] {
  if (unknown.length === 0) return [];
  // Who vouched for a key under a misspelt name learns so; others may be withheld from this edition.
  const there = new Set(
    [...records.values()].flatMap((record) =>
      record.type === "custody-confirmation" ? [record.confirmation.custodian] : [],
    ),
  );
  const misspelt = [...custodians.keys()].filter((name) => !there.has(name)).sort();
  return [
    ...unknown.map(({ name, fingerprint }) => sentences.stranger(name, fingerprint)),
    ...misspelt.map((name) => sentences.noConfirmationOf(name, [...there].sort())),
  ];
}

function controlled(
  predicate: Predicate,
  records: Records,
  { signed, custody, sample, challenges, blocks }: Found,
): Controlled {
  const values = customersValues(records, { signed, confirmed: custody.places, sample });
  const totals = new Map<string, bigint>();
  for (const { asset, purpose, amount } of predicate.reserves) {
    if (purpose === "customer") totals.set(asset, (totals.get(asset) ?? 0n) + amount);
  }
  const assets = [...totals]
    .filter(([, total]) => total > 0n)
    .map(([asset, total]) => ({ asset, total, ...(values.get(asset) ?? NOTHING) }));
  const times = challenges.flatMap((challenge) => blockTime(challenge, blocks) ?? []);
  return { assets, from: least(times), to: most(times) };
}

// Not Math.max of all: so many arguments no call takes.
function most(numbers: readonly number[]): number | null {
  return numbers.reduce<number | null>((found, one) => (found === null || one > found ? one : found), null);
}

function least(numbers: readonly number[]): number | null {
  return numbers.reduce<number | null>((found, one) => (found === null || one < found ? one : found), null);
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
