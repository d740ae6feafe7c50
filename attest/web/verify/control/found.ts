/** What step 13 found, as its sentences need it. */

import type { Challenge, ControlContract } from "../records/control.ts";
import type { Records } from "../records/record.ts";
import type { PublicKey } from "../signing/keys.ts";
import type { Predicate } from "../statement/statement.ts";
import type { Value } from "./covering.ts";
import type { Custody } from "./custody.ts";
import type { DrawnSample } from "./sample.ts";
import type { SignedPlaces } from "./signatures.ts";

/** What the verifier alone knows: the nonce that an auditor drew, and the keys of custodians by name. */
export interface KnownControl {
  readonly nonce: string | null;
  readonly custodians: ReadonlyMap<string, PublicKey>;
}

/** What the records show, all of which holds. */
export interface Found {
  readonly predicate: Predicate;
  readonly records: Records;
  readonly known: KnownControl;
  /** Whether neither the statement nor a record says that anything came back. */
  readonly isSilent: boolean;
  readonly signed: SignedPlaces;
  readonly custody: Custody;
  readonly sample: DrawnSample | null;
  /** The lines whose balances are all disclosed, by their keys. */
  readonly lines: ReadonlySet<string>;
  /** How many addresses custodians alone confirmed. */
  readonly confirmed: number;
  readonly challenges: readonly Challenge[];
  readonly contracts: readonly ControlContract[];
}

/** How much of the customers' coins of an asset keys and custodians speak for. */
export interface SpokenFor extends Value {
  readonly asset: string;
  /** What the statement holds of it for customers on chains. */
  readonly total: bigint;
}

/** What keys and custodians speak for, and the times of the first and the last block that challenges name. */
export interface Spoken {
  readonly assets: readonly SpokenFor[];
  /** Seconds since 1970; null where there is no challenge. */
  readonly from: number | null;
  readonly to: number | null;
}

/** Whether nothing that came back is available, so that only the statement speaks. */
export function isBare({ signed, confirmed, contracts }: Found): boolean {
  return signed.all.size === 0 && confirmed === 0 && contracts.length === 0;
}
