"""The confirmations of custodians in the evidence, each against the key of its custodian (protocol.md, 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from attest.chains.records import Place
from attest.control.custody import PAYLOAD_TYPE, public_key
from attest.control.records import CustodyConfirmation
from attest.errors import VerificationError
from attest.evidence.record import Record, naming
from attest.signing.envelope import pre_auth_encoding
from attest.signing.keys import PublicKey
from attest.verification.control.recheck import Terms, challenge_blocks, challenged_place


class Custody(NamedTuple):
    """The places that custodians confirmed, each by its custodian's name.

    `unknown` names the custodians under whose name a key signed that nobody vouched for, with the key's fingerprint.
    """

    places: Mapping[Place, str]
    unknown: frozenset[tuple[str, str]]


def confirmed_places(records: Mapping[int, Record], terms: Terms) -> dict[Place, str]:
    """The places that custodians confirmed among `records`, each by its custodian's name.

    That the keys are the custodians' is not known here. Raises `VerificationError` naming the record.
    """
    confirmations = {index: item for index, item in records.items() if isinstance(item, CustodyConfirmation)}
    if not confirmations:
        return {}
    blocks = challenge_blocks(records, terms)
    places: dict[Place, str] = {}
    for index, record in confirmations.items():
        with naming(index, record):
            payload = record.confirmation.to_bytes()
            public_key(record).verify(record.sig, pre_auth_encoding(PAYLOAD_TYPE, payload))
            name = record.confirmation.custodian
            for challenge in record.confirmation.challenges:
                place = challenged_place(challenge, blocks, terms)
                if places.setdefault(place, name) != name:
                    raise VerificationError(
                        "control/twice", f"{challenge.address} was confirmed by {places[place]} already"
                    )
    return places


def recheck_custody(
    records: Mapping[int, Record],
    terms: Terms,
    *,
    custodians: Mapping[str, PublicKey],
    exchange_keys: Iterable[PublicKey],
) -> Custody:
    """Check every confirmation in `records` by the keys that the verifier knows of `custodians`.

    Raises `VerificationError` naming the record whose signature or challenge does not hold, that is signed by another
    key than its custodian's, or by a key of the exchange itself.
    """
    places = confirmed_places(records, terms)
    own = {key.fingerprint for key in exchange_keys}
    unknown = set()
    for index, record in records.items():
        if not isinstance(record, CustodyConfirmation):
            continue
        name, fingerprint = record.confirmation.custodian, public_key(record).fingerprint
        with naming(index, record):
            if fingerprint in own:
                raise VerificationError("custody/own", "it is signed by the exchange's own key")
            if name not in custodians:
                unknown.add((name, fingerprint))
            elif custodians[name].fingerprint != fingerprint:
                raise VerificationError(
                    "custody/key",
                    f"it is signed by the key {fingerprint}, that of {name} is {custodians[name].fingerprint}",
                )
    return Custody(places, frozenset(unknown))
