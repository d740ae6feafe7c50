/** What custodians confirm: that they hold the keys of addresses for the exchange (protocol.md, section 8). */

import { failed } from "../ground/errors.ts";
import { canonical } from "../ground/json.ts";
import type { CustodyConfirmation } from "../records/control.ts";
import { naming } from "../records/naming.ts";
import { type Place, placesOf } from "../records/places.ts";
import { pinnedReadings } from "../records/readings.ts";
import type { AnyRecord, Records } from "../records/record.ts";
import { notSignedBy, pae } from "../signing/envelope.ts";
import { PublicKey } from "../signing/keys.ts";
import { type ChallengeBlocks, checkedPlace, type Terms } from "./blocks.ts";

const PAYLOAD_TYPE = "application/vnd.attest.custody-confirmation+json";

/** The places that custodians confirmed, each by its custodian's name, and the keys that nobody vouched for. */
export interface Custody {
  readonly places: ReadonlyMap<Place, string>;
  readonly unknown: readonly Stranger[];
}

/** The name under which a key signed that the verifier does not know, and the key's fingerprint. */
export interface Stranger {
  readonly name: string;
  readonly fingerprint: string;
}

/**
 * Check every confirmation among `records` by the keys that the verifier knows of `custodians`. Throws an error that
 * names the record whose signature or challenge does not hold, or that is signed by another key than its custodian's,
 * or by a key of the exchange itself.
 */
export function recheckCustody(
  records: Records,
  blocks: ChallengeBlocks,
  terms: Terms,
  custodians: ReadonlyMap<string, PublicKey>,
  exchangeKeys: readonly PublicKey[],
): Custody {
  const places = new Map<Place, string>();
  const signed: Signed[] = [];
  for (const [index, record] of records) {
    if (record.type !== "custody-confirmation") continue;
    const key = naming(index, record, () => addConfirmed(record, blocks, terms, places));
    signed.push({ index, record, name: record.confirmation.custodian, key });
  }
  const own = new Set(exchangeKeys.map((key) => key.fingerprint));
  const unknown = new Map<string, Stranger>();
  for (const { index, record, name, key } of signed) {
    naming(index, record, () => {
      if (own.has(key.fingerprint)) throw failed("custody/own", "it is signed by the exchange's own key");
      const known = custodians.get(name);
      if (known === undefined) {
        unknown.set(`${key.fingerprint} ${name}`, { name, fingerprint: key.fingerprint });
      } else if (known.fingerprint !== key.fingerprint) {
        throw failed(
          "custody/key",
          `it is signed by the key ${key.fingerprint}, that of ${name} is ${known.fingerprint}`,
        );
      }
    });
  }
  return { places, unknown: [...unknown.values()] };
}

/** A confirmation that a key signed, whoever has that key. */
interface Signed {
  readonly index: number;
  readonly record: AnyRecord;
  readonly name: string;
  readonly key: PublicKey;
}

/** Check a confirmation but for whose key it is, and add its places to `places`. Returns the key that signed it. */
function addConfirmed(
  record: CustodyConfirmation,
  blocks: ChallengeBlocks,
  terms: Terms,
  places: Map<Place, string>,
): PublicKey {
  const { custodian, challenges } = record.confirmation;
  const key = PublicKey.fromSpki(record.publicKey, "its public key");
  if (!key.verify(pae(PAYLOAD_TYPE, payloadOf(record)), record.sig)) {
    throw notSignedBy(key);
  }
  for (const challenge of challenges) {
    const place = checkedPlace(challenge, blocks, terms);
    const other = places.get(place);
    if (other !== undefined && other !== custodian) {
      throw failed("control/twice", `${challenge.address} was confirmed by ${other} already`);
    }
    places.set(place, custodian);
  }
  return key;
}

/** What was signed: the confirmation in its RFC 8785 form. */
function payloadOf({ confirmation: { format, custodian, challenges } }: CustodyConfirmation): Uint8Array {
  return canonical({ format, custodian, challenges: challenges.map((challenge) => ({ ...challenge })) });
}

/** Throws when a custodian confirmed an address whose wallet names another custodian, or none. */
export function refuseOtherCustodians(
  records: Records,
  confirmed: ReadonlyMap<Place, string>,
): void {
  if (confirmed.size === 0) return;
  for (const reading of pinnedReadings(records)) {
    for (const place of placesOf(reading)) {
      const custodian = confirmed.get(place);
      if (custodian !== undefined && custodian !== reading.custodian) {
        throw failed(
          "control/custodian",
          `${custodian} confirmed an address of wallet ${reading.wallet}, whose custodian is ` +
            `${reading.custodian ?? "nobody"}`,
        );
      }
    }
  }
}
