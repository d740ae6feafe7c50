"""What custodians confirm: that they hold the keys of addresses for the exchange (protocol.md, section 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from attest.chains.challenge import MAX_CONFIRMED, Challenge, Confirmation
from attest.chains.records import Place
from attest.control.records import CustodyConfirmation
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record, naming, new_salt
from attest.files import read_bounded
from attest.signing.envelope import Envelope, pre_auth_encoding, sign, verify_signatures
from attest.signing.keys import MAX_KEY_BYTES, PublicKey, Signer
from attest.verification.control.recheck import Terms, challenge_blocks, challenged_place

if TYPE_CHECKING:
    from attest.exchange.config import Custodian

PAYLOAD_TYPE: Final = "application/vnd.attest.custody-confirmation+json"
CONFIRMATION: Final = ".confirmation.json"
MAX_CONFIRMATION_BYTES: Final = 16 * 1024 * 1024


class Custody(NamedTuple):
    """The places that custodians confirmed, each by its custodian's name.

    `unknown` names the custodians under whose name a key signed that nobody vouched for, with the key's fingerprint.
    """

    places: Mapping[Place, str]
    unknown: frozenset[tuple[str, str]]


def custodian_keys(custodians: Iterable[Custodian], folder: Path) -> dict[str, PublicKey]:
    """The keys of the config's custodians by name; `folder` is the config's. Raises `AttestError`."""
    return {
        item.name: PublicKey.from_pem(read_bounded(folder / item.key, MAX_KEY_BYTES), what=f"{item.key} of {item.name}")
        for item in custodians
    }


def confirm(custodian: str, challenges: Sequence[Challenge], signer: Signer) -> bytes:
    """A custodian's signed confirmation of `challenges`, as a file. Raises `MalformedError` when they are too many."""
    if not 1 <= len(challenges) <= MAX_CONFIRMED:
        raise MalformedError(
            "custody/number", f"{custodian} is asked for {len(challenges)} addresses; 1 to {MAX_CONFIRMED} fit"
        )
    confirmation = Confirmation(
        format="attest/custody-confirmation/v1", custodian=custodian, challenges=tuple(challenges)
    )
    return sign(confirmation.to_bytes(), PAYLOAD_TYPE, [signer]).to_bytes()


def open_confirmation(
    data: bytes, *, keys: Mapping[str, PublicKey], asked: Mapping[str, Collection[Challenge]]
) -> CustodyConfirmation:
    """A confirmation that came back: by the custodian's key of `keys`, of what it was `asked`, and of nothing else.

    Raises `MalformedError`, `VerificationError`.
    """
    envelope = Envelope.from_json(data, what="the confirmation", max_bytes=MAX_CONFIRMATION_BYTES)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError("custody/type", f"the payload type is not {PAYLOAD_TYPE}")
    confirmation = Confirmation.from_canonical(
        envelope.payload, what="the confirmation", max_bytes=MAX_CONFIRMATION_BYTES
    )
    name = confirmation.custodian
    if (key := keys.get(name)) is None:
        raise VerificationError(
            "custody/custodian",
            f"it is of {name[:100]}, of whom no wallet's address was asked",
            hint="a [[custodians]] table of the config names a custodian and its key, before the challenges are made",
        )
    if not verify_signatures(envelope, [key]).signed:
        raise VerificationError("custody/key", f"it is not signed by the key of {name}, {key.fingerprint}")
    for challenge in confirmation.challenges:
        if challenge not in asked[name]:
            raise VerificationError("custody/challenge", f"{name} was not asked this of {challenge.address}")
    (signature,) = (item.sig for item in envelope.signatures if item.keyid == key.fingerprint)
    return CustodyConfirmation(
        type="custody-confirmation",
        salt=new_salt(),
        public_key=key.to_der(),
        confirmation=confirmation,
        sig=signature,
    )


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


def public_key(record: CustodyConfirmation) -> PublicKey:
    """The key under which a confirmation is signed. Raises `MalformedError`."""
    return PublicKey.from_der(record.public_key, what="its public key")
