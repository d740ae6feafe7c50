/** What step 11 found, as its sentences and its conclusion need it. */

import type { Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { Declaration, Predicate } from "../statement/statement.ts";
import type { Declared } from "./declared.ts";
import type { ShownGroup } from "./line-sums.ts";
import type { RecheckedWindow } from "./windows.ts";

export interface Found {
  readonly predicate: Predicate;
  readonly records: Records;
  /** Those of the pins. */
  readonly readings: readonly Reading[];
  /** The groups of lines by their keys. */
  readonly lines: ReadonlyMap<string, ShownGroup>;
  readonly documents: Documents;
  readonly windows: ReadonlyMap<string, RecheckedWindow>;
  /** The declared lowest counts that were not recomputed. */
  readonly lowestUnknown: readonly Declaration[];
  /** Wallets whose outputs are to be of a descriptor that this page cannot derive. */
  readonly described: ReadonlySet<string>;
}

/** What is available of documents. */
export interface Documents {
  /** The leaves of the lines of each kind whose record is available. */
  readonly money: ReadonlySet<string>;
  readonly held: ReadonlySet<string>;
  readonly cover: ReadonlySet<string>;
  /** The leaves of all lines, declarations too, whose record is available. */
  readonly leaves: ReadonlySet<string>;
  /** Whether the prices have their record, or there are no prices. */
  readonly hasPrices: boolean;
  readonly declared: Declared;
}

/** The leaves of all lines that rest on a document. */
export function statedLeaves(predicate: Predicate): readonly string[] {
  const { money, held, cover, declarations } = predicate;
  return [...money, ...(held ?? []), ...cover, ...declarations].map((line) => line.evidenceLeaf);
}
