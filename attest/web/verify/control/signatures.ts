/** The places whose keys signed their challenges. */

import type { Unchecked } from "../bitcoin/bip322.ts";
import { verifyMessage } from "../bitcoin/messages.ts";
import { verifyEthereumMessage } from "../ethereum/messages.ts";
import { verifySafeMessage } from "../ethereum/safe-signatures.ts";
import { failed } from "../ground/errors.ts";
import type { Control } from "../records/control.ts";
import { naming } from "../records/naming.ts";
import { evmPlace, type Place } from "../records/places.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import { isBitcoin } from "../records/values.ts";
import type { EthereumSafe } from "../records/wallets.ts";
import { type ChallengeBlocks, checkedPlace, type Terms } from "./blocks.ts";
import { challengeText } from "./challenge.ts";

/** The places whose keys signed; of those in `beyond` that is so only if what this page does not check holds. */
export interface SignedPlaces {
  readonly all: ReadonlySet<Place>;
  readonly beyond: ReadonlyMap<Place, Unchecked>;
}

/** Check every proof of control among `records`. Throws an error that names the record that does not hold. */
export function signedPlaces(
  records: Records,
  blocks: ChallengeBlocks,
  terms: Terms,
): SignedPlaces {
  const proofs = challengedPlaces(records, blocks, terms);
  const safes = safesOf(records);
  const beyond = new Map<Place, Unchecked>();
  for (const [place, { index, record }] of proofs) {
    const left = naming(index, record, () => checkProof(record, place, safes));
    if (left !== null) beyond.set(place, left);
  }
  return { all: new Set(proofs.keys()), beyond };
}

interface Proof {
  readonly index: number;
  readonly record: Control & AnyRecord;
}

/** The places whose challenges keep the `terms`, whatever their signatures, each with its record. */
function challengedPlaces(
  records: Records,
  blocks: ChallengeBlocks,
  terms: Terms,
): ReadonlyMap<Place, Proof> {
  const seen = new Set<Place>();
  const proofs = new Map<Place, Proof>();
  for (const [index, record] of records) {
    if (record.type !== "control" && record.type !== "control-contract") continue;
    naming(index, record, () => {
      const place = checkedPlace(record.challenge, blocks, terms);
      if (seen.has(place)) throw failed("control/twice", "another record has a signature of its address");
      seen.add(place);
      // That a contract says yes shows no key.
      if (record.type === "control") proofs.set(place, { index, record });
    });
  }
  return proofs;
}

/** The Safes among the records, which step 11 has checked, by where they are. */
function safesOf(records: Records): ReadonlyMap<Place, EthereumSafe> {
  const safes = new Map<Place, EthereumSafe>();
  for (const record of records.values()) {
    if (record.type === "ethereum-safe") safes.set(evmPlace(record.chain, record.address), record);
  }
  return safes;
}

/** Check the signature of a proof; what it is where this page does not check it to its end. */
function checkProof(
  { challenge, method, signature }: Control,
  place: Place,
  safes: ReadonlyMap<Place, EthereumSafe>,
): Unchecked | null {
  const text = challengeText(challenge);
  if (method === "eip1271-safe") {
    const safe = safes.get(place);
    if (safe === undefined) {
      throw failed("control/no-safe", `no record shows who owned a Safe at ${challenge.address} at the pinned block`);
    }
    verifySafeMessage(challenge.chain, challenge.address, text, signature, safe);
    return null;
  }
  const found = isBitcoin(challenge.chain)
    ? verifyMessage(challenge.chain, challenge.address, text, signature)
    : { method: verifyEthereumMessage(challenge, text, signature), unchecked: null };
  if (found.method !== method) throw failed("control/method", `the signature is not one of ${method}`);
  return found.unchecked;
}
