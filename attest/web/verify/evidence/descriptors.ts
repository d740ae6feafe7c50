/** The outputs of a wallet pay to scripts of its descriptor, where that is available and is a simple one. */

import { simpleDescriptor } from "../bitcoin/descriptor.ts";
import { failed } from "../ground/errors.ts";
import { naming } from "../records/naming.ts";
import type { Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { BitcoinDescriptor } from "../records/wallets.ts";

const MAX_RANGE = 100_000;
/** So many keys are derived for all descriptors together: some seconds of work. */
const MAX_KEYS = 6_000;

/** How many keys may still be derived. What is used for a descriptor in vain is used too. */
interface Budget {
  keys: number;
}

/** The wallets whose descriptor this page cannot derive. Throws where an output pays to a script of another. */
export function checkDescriptors(
  records: Records,
  readings: Iterable<Reading>,
): ReadonlySet<string> {
  const holding = scriptsHeld(readings);
  const described = new Set<string>();
  const unknown = new Set<string>();
  const budget: Budget = { keys: MAX_KEYS };
  for (const [index, record] of records) {
    if (record.type !== "bitcoin-descriptor") continue;
    naming(index, record, () => {
      if (described.has(record.wallet)) {
        throw failed("recheck/twice", `wallet ${record.wallet} has two descriptors`);
      }
      described.add(record.wallet);
      for (const [chain, scripts] of holding.get(record.wallet) ?? []) {
        if (!checkScripts(record, chain, new Set(scripts), budget)) unknown.add(record.wallet);
      }
    });
  }
  return unknown;
}

/** The scripts of outputs by wallet and chain. */
function scriptsHeld(readings: Iterable<Reading>): ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>> {
  const wallets = new Map<string, Map<string, Set<string>>>();
  for (const reading of readings) {
    if (reading.type !== "bitcoin-utxos" || reading.utxos.length === 0) continue;
    const chains = wallets.get(reading.wallet) ?? new Map<string, Set<string>>();
    const scripts = chains.get(reading.chain) ?? new Set<string>();
    for (const utxo of reading.utxos) scripts.add(utxo.script);
    wallets.set(reading.wallet, chains.set(reading.chain, scripts));
  }
  return wallets;
}

/** Take out of `wanted` every script that the descriptor has; false where this page cannot derive so much. */
function checkScripts(record: BitcoinDescriptor, chain: string, wanted: Set<string>, budget: Budget): boolean {
  const [first, last] = record.range ?? [0, 0];
  const isSound = first <= last && last - first < MAX_RANGE && last < 2 ** 31;
  const simple = isSound && budget.keys > 0 ? simpleDescriptor(record.descriptor, chain) : null;
  if (simple === null) return false;
  budget.keys -= simple.parents;
  for (let index = first; index <= last && wanted.size > 0; index += 1) {
    budget.keys -= simple.keys;
    const script = budget.keys < 0 ? null : simple.scripts(index);
    if (script === null) return false;
    wanted.delete(script);
  }
  if (wanted.size > 0) {
    throw failed("recheck/descriptor", `it is not behind all outputs of wallet ${record.wallet}`);
  }
  return true;
}
