/** The outputs of a wallet pay to scripts of its descriptor, where that is here and is a simple one. */

import { simpleDescriptor } from "../bitcoin/descriptor.ts";
import { failed } from "../ground/errors.ts";
import type { Reading } from "../records/readings.ts";
import type { Records } from "../records/record.ts";
import type { BitcoinDescriptor } from "../records/wallets.ts";
import { naming } from "./chains.ts";

const MAX_RANGE = 100_000;
/** So many keys are derived for all descriptors together: some seconds of work. */
const MAX_KEYS = 6_000;

/** Returns the wallets whose descriptor this page cannot derive. Throws where an output is not of its wallet's. */
export function checkDescriptors(
  records: Records,
  readings: Iterable<Reading>,
): ReadonlySet<string> {
  const holding = scriptsHeld(readings);
  const described = new Set<string>();
  const unknown = new Set<string>();
  let left = MAX_KEYS;
  for (const [index, record] of records) {
    if (record.type !== "bitcoin-descriptor") continue;
    naming(index, record, () => {
      if (described.has(record.wallet)) {
        throw failed("recheck/twice", `wallet ${record.wallet} has two descriptors`);
      }
      described.add(record.wallet);
      for (const [chain, scripts] of holding.get(record.wallet) ?? []) {
        const derived = checkScripts(record, chain, new Set(scripts), left);
        if (derived === null) unknown.add(record.wallet);
        else left -= derived;
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

/** How many keys were derived to find all `wanted` scripts, each of which is taken out; null when that is too much. */
function checkScripts(record: BitcoinDescriptor, chain: string, wanted: Set<string>, most: number): number | null {
  const [first, last] = record.range ?? [0, 0];
  const simple = simpleDescriptor(record.descriptor, chain);
  if (simple === null || first > last || last - first >= MAX_RANGE || last >= 2 ** 31) return null;
  let keys = 0;
  for (let index = first; index <= last && wanted.size > 0; index += 1) {
    keys += simple.keys;
    const script = keys > most ? null : simple.scripts(index);
    if (script === null) return null;
    wanted.delete(script);
  }
  if (wanted.size > 0) {
    throw failed("recheck/descriptor", `it is not behind all outputs of wallet ${record.wallet}`);
  }
  return keys;
}
