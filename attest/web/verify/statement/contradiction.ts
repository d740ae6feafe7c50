/** What must hold inside a statement, whoever signed it. */

import { failed } from "../ground/errors.ts";
import { compareKeys } from "../ground/texts.ts";

/** Throws what the statement says `otherwise`. */
export function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw failed("statement/arithmetic", `the statement contradicts itself: ${otherwise}`);
}

/** That the keys of `items` rise, so that each stands there once. */
export function demandAscending<T>(name: string, items: readonly T[], key: (item: T) => readonly string[]): void {
  const keys = items.map(key);
  const rises = keys.every((one, i) => i === 0 || compareKeys(keys[i - 1] ?? [], one) < 0);
  demand(rises, `${name} are not in ascending order, each once`);
}
