"""The signatures and confirmations of control that came back, as a month's evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from attest.attestation.config import Config
from attest.attestation.control import ControlRecord, control_records
from attest.attestation.custody import confirmed_places
from attest.attestation.reserves import Reserves
from attest.errors import MalformedError, VerificationError
from attest.reserves.challenge import Challenge
from attest.reserves.control_recheck import Terms, challenged_places, confirmed_by, place_of
from attest.reserves.counting import Place, places_of
from attest.reserves.covering import Shown
from attest.reserves.records import Challenged, ControlSample, CustodyConfirmation, Reading
from attest.reserves.sampling import Sample


class SignedChallenges(NamedTuple):
    """The evidence of what came back, all of which holds, and the places that it shows.

    What only a contract can speak for is among the records, and its place is not among those shown.
    """

    records: list[ControlRecord]
    shown: Shown


def read_control(config: Config, period: str, folders: Sequence[Path], now: datetime) -> SignedChallenges:
    """The signatures that came back into `folders`, for a statement of `now`; of an address the first one counts.

    A later folder serves addresses that held nothing yet when the first was made. Raises `AttestError` when a signature
    does not hold.
    """
    records: list[ControlRecord] = []
    signed: set[Place] = set()
    confirmed: set[Place] = set()
    samples: set[Sample] = set()
    for folder in folders:
        for record in control_records(folder, config.control.max_age_days):
            _refuse_other_period(record, folder, period)
            if isinstance(record, Challenged):
                if (place := place_of(record.challenge)) in signed:
                    continue
                signed.add(place)
            elif isinstance(record, CustodyConfirmation):
                if confirmed.issuperset(places := confirmed_by(record)):
                    continue
                confirmed |= places
            elif isinstance(record, ControlSample):
                if record.sample in samples:
                    continue
                samples.add(record.sample)
            records.append(record)
    if len(samples) > 1:
        raise MalformedError("control/samples", "the folders have challenges of two samples; one serves a statement")
    terms = Terms(config.entity.origin, period, config.ledger.period_end(period), now)
    by_index = dict(enumerate(records))
    # `control_records` has checked the signatures themselves.
    shown = Shown(challenged_places(by_index, terms), confirmed_places(by_index, terms), next(iter(samples), None))
    return SignedChallenges(records, shown)


def _refuse_other_period(record: ControlRecord, folder: Path, period: str) -> None:
    asked: Sequence[Challenge] = ()
    if isinstance(record, Challenged):
        asked = [record.challenge]
    elif isinstance(record, CustodyConfirmation):
        asked = record.confirmation.challenges
    other = next((challenge.period for challenge in asked if challenge.period != period), None)
    if other is not None:
        raise VerificationError(
            "control/challenge",
            f"{folder} has what keys signed for the period {other}, not for {period}",
            hint=f"name the folder of `attest control challenge --period {period}`",
        )


def add_control(reserves: Reserves, signed: SignedChallenges) -> None:
    """Add what came back to the evidence; it is published when the balances at all of its addresses are."""
    shown: set[Place] = set()
    for index, reading in enumerate(reserves.records):
        if isinstance(reading, Reading) and index not in reserves.private:
            shown |= places_of(reading)
    for record in signed.records:
        # What the config says of the wallet may have changed since the challenge, or the wallet may be gone from it.
        if isinstance(record, Challenged) and place_of(record.challenge) not in shown:
            reserves.private.add(len(reserves.records))
        if isinstance(record, CustodyConfirmation) and not confirmed_by(record) <= shown:
            reserves.private.add(len(reserves.records))
        reserves.records.append(record)
    reserves.shown = signed.shown
