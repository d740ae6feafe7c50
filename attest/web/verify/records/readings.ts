/** Readings: records of what one wallet holds of one asset, at the chain's pin or at a block of its window. */

import type { RecordFields, Records } from "./record.ts";
import type { BitcoinUtxos, EthereumBalance, EthereumTokenAnswer, EthereumTokenBalance } from "./wallets.ts";

export type TokenReading = EthereumTokenBalance | EthereumTokenAnswer;
export type Reading = EthereumBalance | TokenReading | BitcoinUtxos;

export function isReading<R extends RecordFields>(record: R): record is R & Reading {
  switch (record.type) {
    case "ethereum-balance":
    case "ethereum-token-balance":
    case "ethereum-token-answer":
    case "bitcoin-utxos":
      return true;
    default:
      return false;
  }
}

/** Whether a reading is of a token; the others are of their chain's own coin. */
export function isOfToken(reading: Reading): reading is TokenReading {
  return reading.type === "ethereum-token-balance" || reading.type === "ethereum-token-answer";
}

/** How much of a reading its token denies to move, in base units. */
export function deniedOf(reading: Reading): bigint {
  return reading.type === "ethereum-token-balance" && reading.denied !== null ? reading.amount : 0n;
}

/** The readings of the pins, without those of windows. */
export function* pinnedReadings(records: Records): Generator<Reading> {
  for (const record of records.values()) {
    if (isReading(record) && record.window === null) yield record;
  }
}
