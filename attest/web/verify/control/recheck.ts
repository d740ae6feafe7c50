/**
 * Step 13: for which addresses keys signed or custodians speak, that the statement claims no more, and what that leaves
 * open (protocol.md, section 8).
 */

import { addTo } from "../ground/amounts.ts";
import type { Findings } from "../ground/step.ts";
import type { Challenge } from "../records/control.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import type { PublicKey } from "../signing/keys.ts";
import type { Predicate, Statement } from "../statement/statement.ts";
import { blockTime, type ChallengeBlocks, challengeBlocks, type Terms } from "./blocks.ts";
import { customersValues, NOTHING, recheckLines, type Shown } from "./covering.ts";
import { recheckCustody, refuseOtherCustodians } from "./custody.ts";
import type { KnownControl, Spoken } from "./found.ts";
import { sampleOf } from "./sample.ts";
import { sentences } from "./sentences.ts";
import { signedPlaces } from "./signatures.ts";
import { tell } from "./telling.ts";

/** Throws an error that names the record or the line that does not hold. */
export function checkControl(
  statement: Statement,
  records: Records,
  known: KnownControl,
  exchangeKeys: readonly PublicKey[],
  findings: Findings,
): void {
  const { predicate } = statement;
  const types = new Set([...records.values()].map(({ type }) => type));
  const isClaimed = predicate.reserves.some((line) => line.control !== "none");
  const isProven = types.has("control") || types.has("control-contract") || types.has("custody-confirmation");
  const isSilent = !isClaimed && !isProven;
  if (isSilent && !types.has("control-block") && !types.has("control-sample")) {
    findings.open(sentences.noProof);
    return;
  }
  const terms = termsOf(predicate, known);
  const blocks = challengeBlocks(records, terms);
  const custody = recheckCustody(records, blocks, terms, known.custodians, exchangeKeys);
  const signed = signedPlaces(records, blocks, terms);
  const sample = sampleOf(records, known.nonce);
  refuseOtherCustodians(records, custody.places);
  const shown = { signed, confirmed: custody.places, sample };
  // What this page does not check holds, or the step fails by it alone: so lines that contradict it fail either way.
  const lines = recheckLines(records, predicate.reserves, shown);
  const challenges = [...records.values()].flatMap(challengesOf);
  const contracts = [...records.values()].filter((record) => record.type === "control-contract");
  const confirmed = [...custody.places.keys()].filter((place) => !signed.all.has(place)).length;
  const spoken = spokenFor(predicate, records, shown, timesOf(challenges, blocks));
  const seen = { signed, custody, sample, lines, confirmed, challenges, contracts };
  tell({ predicate, records, known, isSilent, ...seen }, spoken, findings);
}

function termsOf({ entity, period, snapshotAt, issuedAt }: Predicate, { nonce }: KnownControl): Terms {
  return { entity: entity.origin, period, snapshotAt, issuedAt, nonce };
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

function timesOf(challenges: readonly Challenge[], blocks: ChallengeBlocks): readonly number[] {
  return challenges.flatMap((challenge) => blockTime(challenge, blocks) ?? []);
}

function spokenFor(predicate: Predicate, records: Records, shown: Shown, times: readonly number[]): Spoken {
  const values = customersValues(records, shown);
  const totals = new Map<string, bigint>();
  for (const { asset, purpose, amount } of predicate.reserves) {
    if (purpose === "customer") addTo(totals, asset, amount);
  }
  const assets = [...totals]
    .filter(([, total]) => total > 0n)
    .map(([asset, total]) => ({ asset, total, ...(values.get(asset) ?? NOTHING) }));
  const [first] = times;
  if (first === undefined) return { assets, from: null, to: null };
  // Math.min and Math.max of all times at once would overflow the stack.
  const from = times.reduce((one, other) => Math.min(one, other), first);
  const to = times.reduce((one, other) => Math.max(one, other), first);
  return { assets, from, to };
}
