"""The signatures of control that came back, as a month's evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from attest.attestation.config import Config
from attest.attestation.control import control_records
from attest.attestation.reserves import Reserves
from attest.reserves.control_recheck import Terms, challenged_places, place_of
from attest.reserves.counting import Place, places_of
from attest.reserves.records import ChallengeBlock, Challenged, ContractControl, ControlProof, Reading


class SignedChallenges(NamedTuple):
    """The evidence of the signatures that came back, all of which hold, and the places whose keys made them.

    What only a contract can speak for is among the records, and its place is not among the places.
    """

    records: list[ChallengeBlock | ControlProof | ContractControl]
    places: frozenset[Place]


def read_control(config: Config, period: str, folders: Sequence[Path], now: datetime) -> SignedChallenges:
    """The signatures that came back into `folders`, for a statement of `now`; of an address the first one counts.

    A later folder serves addresses that held nothing yet when the first was made. Raises `AttestError` when a signature
    does not hold.
    """
    records: list[ChallengeBlock | ControlProof | ContractControl] = []
    signed: set[Place] = set()
    for folder in folders:
        for record in control_records(folder, config.control.max_age_days):
            if isinstance(record, Challenged):
                if (place := place_of(record.challenge)) in signed:
                    continue
                signed.add(place)
            records.append(record)
    terms = Terms(config.entity.origin, period, config.ledger.period_end(period), now)
    # `control_records` has checked the signatures themselves.
    return SignedChallenges(records, challenged_places(dict(enumerate(records)), terms))


def add_control(reserves: Reserves, signed: SignedChallenges) -> None:
    """Add signatures to the evidence; one is published when a balance at its address is."""
    shown: set[Place] = set()
    for index, reading in enumerate(reserves.records):
        if isinstance(reading, Reading) and index not in reserves.private:
            shown |= places_of(reading)
    for record in signed.records:
        # What the config says of the wallet may have changed since the challenge, or the wallet may be gone from it.
        if isinstance(record, Challenged) and place_of(record.challenge) not in shown:
            reserves.private.add(len(reserves.records))
        reserves.records.append(record)
    reserves.places = signed.places
