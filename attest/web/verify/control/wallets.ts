/** A wallet id is of one chain, purpose and storage (protocol.md, section 4), which step 13 looks at last. */

import { failed } from "../ground/errors.ts";
import { isReading } from "../records/readings.ts";
import type { AnyRecord, Records } from "../records/record.ts";

/** Throws `segregation/wallet` where two records at the pins describe one wallet in two ways. */
export function refuseTwoDescriptions(records: Records): void {
  const known = new Map<string, string>();
  for (const record of records.values()) {
    const description = descriptionOf(record);
    if (description === null) continue;
    const [wallet, ...described] = description;
    const said = described.join(" ");
    if ((known.get(wallet) ?? said) !== said) {
      throw failed("segregation/wallet", `wallet ${wallet} is described in two ways`);
    }
    known.set(wallet, said);
  }
}

function descriptionOf(record: AnyRecord): readonly [string, ...string[]] | null {
  if (record.type === "own-wallet") return [record.wallet, record.chain, "own"];
  if (!isReading(record) || record.window !== null) return null;
  return [record.wallet, record.chain, record.purpose, record.storage];
}
