/** What a balance's control is, how much of its value keys and custodians speak for, and that lines claim no more. */

import { groupKey, groupOf } from "../evidence/line-sums.ts";
import { failed } from "../ground/errors.ts";
import { amountsOf, type Place } from "../records/places.ts";
import { deniedOf, pinnedReadings, type Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { Control, ReserveLine } from "../statement/statement.ts";
import { drawnPlaces, type DrawnSample } from "./sample.ts";
import type { SignedPlaces } from "./signatures.ts";

/** What shows control of places. */
export interface Shown {
  readonly signed: SignedPlaces;
  /** The names of the custodians that confirmed places. */
  readonly confirmed: ReadonlyMap<Place, string>;
  readonly sample: DrawnSample | null;
}

/** How many balances, of how much in base units, and how much of that its token denies to move. */
interface Sum {
  readonly wallets: number;
  readonly amount: bigint;
  readonly denied: bigint;
}

const NONE: Sum = { wallets: 0, amount: 0n, denied: 0n };

/** Amounts in base units. */
export interface Value {
  /** At places whose keys signed. */
  readonly signed: bigint;
  /** At other places that a custodian confirmed. */
  readonly custodian: bigint;
  /** At places whose signatures this page does not check to their end. */
  readonly unchecked: bigint;
}

export const NOTHING: Value = { signed: 0n, custodian: 0n, unchecked: 0n };

/**
 * The lines whose balances are all disclosed, by their keys. Throws `control/line` where the signatures cover others
 * than such a line states.
 */
export function recheckLines(
  records: Records,
  reserves: readonly ReserveLine[],
  shown: Shown,
): ReadonlySet<string> {
  const sums = new Map<string, Sum>();
  const disclosed = new Map<string, number>();
  for (const reading of pinnedReadings(records)) {
    const group = groupKey(groupOf(reading));
    const key = `${group} ${controlOf(reading, shown)}`;
    const sum = sums.get(key) ?? NONE;
    sums.set(key, {
      wallets: sum.wallets + 1,
      amount: sum.amount + reading.amount,
      denied: sum.denied + deniedOf(reading),
    });
    disclosed.set(group, (disclosed.get(group) ?? 0) + 1);
  }
  const stated = new Map<string, number>();
  for (const line of reserves) {
    const group = groupKey(line);
    stated.set(group, (stated.get(group) ?? 0) + line.wallets);
  }
  const checked = new Set<string>();
  for (const line of reserves) {
    const group = groupKey(line);
    if ((disclosed.get(group) ?? 0) !== stated.get(group)) continue;
    const key = lineKey(line);
    const sum = sums.get(key) ?? NONE;
    if (sum.wallets !== line.wallets || sum.amount !== line.amount || sum.denied !== (line.denied ?? 0n)) {
      throw failed(
        "control/line",
        `${key}: the signatures cover other balances than the ${line.wallets} that it states`,
      );
    }
    checked.add(key);
  }
  return checked;
}

/** The key of a line: that of its group, and its control. */
export function lineKey(line: ReserveLine): string {
  return `${groupKey(line)} ${line.control}`;
}

/** How much of the customers' disclosed coins keys and custodians speak for, by asset. */
export function customersValues(records: Records, shown: Shown): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const reading of pinnedReadings(records)) {
    if (reading.purpose !== "customer") continue;
    let { signed, custodian, unchecked } = values.get(reading.asset) ?? NOTHING;
    for (const [place, amount] of amountsOf(reading)) {
      if (shown.signed.beyond.has(place)) unchecked += amount;
      else if (shown.signed.all.has(place)) signed += amount;
      else if (isConfirmed(place, reading, shown)) custodian += amount;
    }
    values.set(reading.asset, { signed, custodian, unchecked });
  }
  return values;
}

/**
 * `signature` when every place that must sign did, `custodian` when the wallet's custodian confirmed the rest. Every
 * place that holds some of the balance must, or every one that the sample draws.
 */
function controlOf(reading: Reading, shown: Shown): Control {
  const amounts = amountsOf(reading);
  const isSampled = shown.sample !== null && reading.type === "bitcoin-utxos";
  const asked = isSampled ? drawnPlaces(amounts, reading.wallet, shown.sample.sample) : [...amounts.keys()];
  if (asked.length === 0) return "none";
  if (asked.every((place) => shown.signed.all.has(place))) return "signature";
  const isShown = (place: Place): boolean => shown.signed.all.has(place) || isConfirmed(place, reading, shown);
  return asked.every(isShown) ? "custodian" : "none";
}

function isConfirmed(place: Place, reading: Reading, shown: Shown): boolean {
  return reading.custodian !== null && shown.confirmed.get(place) === reading.custodian;
}
