/** The Safes among the evidence are what their proofs show, and each has one record. */

import { Nodes } from "../ethereum/nodes.ts";
import { provenSafe } from "../ethereum/safe.ts";
import { failed } from "../ground/errors.ts";
import { naming } from "../records/naming.ts";
import { evmPlace, type Place } from "../records/places.ts";
import type { Records } from "../records/record.ts";
import type { EthereumSafe } from "../records/wallets.ts";
import type { Blocks } from "./chains.ts";

export function checkSafes(records: Records, blocks: Blocks): void {
  const seen = new Set<Place>();
  for (const [index, record] of records) {
    if (record.type !== "ethereum-safe") continue;
    naming(index, record, () => {
      checkSafe(record, blocks);
      const place = evmPlace(record.chain, record.address);
      if (seen.has(place)) throw failed("recheck/twice", "another record is of the same Safe");
      seen.add(place);
    });
  }
}

function checkSafe(record: EthereumSafe, blocks: Blocks): void {
  const block = blocks.get(record.chain);
  const stateRoot = block?.header?.stateRoot ?? null;
  if (block === undefined || stateRoot === null) {
    throw failed("recheck/header", `there is no header for ${record.chain}`);
  }
  const safe = provenSafe(stateRoot, record.address, new Nodes(record.proof, block.trie));
  if (safe === null) throw failed("recheck/safe", "its proof shows that there is no known Safe");
  const { owners } = record;
  const hasOwners = owners.length === safe.owners.length && owners.every((one, i) => one === safe.owners[i]);
  if (!hasOwners || BigInt(record.threshold) !== safe.threshold || record.version !== safe.version) {
    throw failed("recheck/safe", "its proof shows other owners, another threshold or version than it says");
  }
}
