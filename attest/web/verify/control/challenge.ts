/** The text that a wallet's keys sign to show who has them (protocol.md, section 8). */

import type { Challenge } from "../records/control.ts";

/** What stands in the place of a nonce while no auditor drew one. */
export const NO_NONCE = "-";

/** Seven lines, without a line break after the last. */
export function challengeText(challenge: Challenge): string {
  return [
    "attest/v1 proof of control",
    `entity: ${challenge.entity}`,
    `period: ${challenge.period}`,
    `chain: ${challenge.chain}`,
    `address: ${challenge.address}`,
    `block: ${challenge.height} ${challenge.blockHash}`,
    `nonce: ${challenge.nonce}`,
  ].join("\n");
}
