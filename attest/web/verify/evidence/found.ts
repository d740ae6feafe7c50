/** What step 11 found, as its sentences and its conclusion need it. */

import type { Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { Declaration, Predicate } from "../statement/statement.ts";
import type { Declared } from "./documents.ts";
import type { Shown } from "./line-sums.ts";
import type { RecheckedWindow } from "./windows.ts";

export interface Found {
  readonly predicate: Predicate;
  readonly records: Records;
  /** Those of the pins. */
  readonly readings: readonly Reading[];
  readonly lines: ReadonlyMap<string, Shown>;
  readonly documents: Documents;
  readonly windows: ReadonlyMap<string, RecheckedWindow>;
  readonly lowestUnknown: readonly Declaration[];
  /** Wallets whose outputs are to be of a descriptor that this page cannot derive. */
  readonly described: ReadonlySet<string>;
}

/** The leaves of lines whose record is here, by kind, whether the prices have theirs, and how many are declared. */
export interface Documents {
  readonly money: ReadonlySet<string>;
  readonly held: ReadonlySet<string>;
  readonly cover: ReadonlySet<string>;
  readonly leaves: ReadonlySet<string>;
  readonly hasPrices: boolean;
  readonly declared: Declared;
}

/** The leaves of all lines that rest on a document. */
export function statedLeaves(predicate: Predicate): readonly string[] {
  const { money, held, cover, declarations } = predicate;
  return [...money, ...(held ?? []), ...cover, ...declarations].map((line) => line.evidenceLeaf);
}
