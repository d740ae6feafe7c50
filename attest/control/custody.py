"""What custodians confirm: that they hold the keys of addresses for the exchange (protocol.md, section 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attest.chains.challenge import MAX_CONFIRMED, Challenge, Confirmation
from attest.control.records import CustodyConfirmation
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import new_salt
from attest.signing.envelope import Envelope, sign, verify_signatures
from attest.signing.keys import PublicKey, Signer

PAYLOAD_TYPE: Final = "application/vnd.attest.custody-confirmation+json"
CONFIRMATION: Final = ".confirmation.json"
MAX_CONFIRMATION_BYTES: Final = 16 * 1024 * 1024


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


def public_key(record: CustodyConfirmation) -> PublicKey:
    """The key under which a confirmation is signed. Raises `MalformedError`."""
    return PublicKey.from_der(record.public_key, what="its public key")
