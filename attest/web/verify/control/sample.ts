/** The sample among the evidence: which addresses of a large wallet must sign, drawn by an auditor's nonce. */

import { concat, fromHex, tagged, toHex, toNumber, u32, utf8 } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import type { ControlSample } from "../records/control.ts";
import type { Place } from "../records/places.ts";
import { isReading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import { evidenceRoot } from "../records/tree.ts";

type Sample = ControlSample["sample"];

export interface DrawnSample {
  readonly sample: Sample;
  /** Whether all records of the reading that it was drawn from are available, and have its root. */
  readonly isReadingSeen: boolean;
}

/**
 * The sample among `records`, null where there is none; `nonce` is what the auditor drew, where the verifier knows it.
 * Throws for a sample of another nonce or reading, for two, and for a balance that is not of the reading: what is read
 * when the nonce is known can be chosen to fit it.
 */
export function sampleOf(records: Records, nonce: string | null): DrawnSample | null {
  let found: { readonly index: number; readonly sample: Sample } | null = null;
  for (const [index, record] of records) {
    if (record.type !== "control-sample") continue;
    if (found !== null) {
      throw failed("control/twice", `record ${index} (control-sample): record ${found.index} has one too`);
    }
    found = { index, sample: record.sample };
  }
  if (found === null) return null;
  const { index, sample } = found;
  const drawn = toHex(sample.nonce);
  if (nonce !== null && nonce !== drawn) {
    throw failed(
      "control/nonce",
      `record ${index} (control-sample): it was drawn by ${drawn}, the auditor drew ${nonce}`,
    );
  }
  const isReadingSeen = isDrawnFrom(records, sample);
  for (const [number, record] of records) {
    if (isReading(record) && number >= sample.readingCount) {
      throw failed(
        "control/sample",
        `record ${number}: ${record.asset} of wallet ${record.wallet} is not of the reading that the sample was drawn ` +
          "from",
      );
    }
  }
  return { sample, isReadingSeen };
}

/** Whether the whole reading that `sample` was drawn from is available. Throws for another one. */
function isDrawnFrom(records: Records, sample: Sample): boolean {
  const leaves: Uint8Array[] = [];
  for (let i = 0; i < Math.min(sample.readingCount, records.size); i++) {
    const record = records.get(i);
    if (record !== undefined) leaves.push(fromHex(record.leaf));
  }
  if (leaves.length !== sample.readingCount) return false;
  if (toHex(evidenceRoot(leaves)) !== sample.readingRoot) {
    throw failed("control/sample", `the sample was drawn from the reading ${sample.readingRoot}, and this is another`);
  }
  return true;
}

/**
 * The places of a wallet that must sign; all of them when they are no more than the draws. Units of value are drawn,
 * not addresses, because a thousand addresses of dust would hide one with all the coins.
 */
export function drawnPlaces(amounts: ReadonlyMap<Place, bigint>, wallet: string, sample: Sample): readonly Place[] {
  // The places of one wallet differ only in the hex of their scripts, which stands in the order of their bytes.
  const order = [...amounts.keys()].sort();
  const ends: bigint[] = [];
  let total = 0n;
  for (const place of order) ends.push((total += amounts.get(place) ?? 0n));
  if (order.length <= sample.draws || total === 0n) return order;
  const start = concat(sample.nonce, utf8(wallet), Uint8Array.of(0));
  const drawn = new Set<Place>();
  for (let i = 0; i < sample.draws; i++) {
    const unit = toNumber(tagged("attest/v1/control-sample", concat(start, u32(i)))) % total;
    const place = order[firstAbove(ends, unit)];
    if (place !== undefined) drawn.add(place);
  }
  return [...drawn];
}

/** The first position in ascending `ends` of a number above `unit`. */
function firstAbove(ends: readonly bigint[], unit: bigint): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0n) > unit) high = middle;
    else low = middle + 1;
  }
  return low;
}
