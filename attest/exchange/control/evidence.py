"""The signatures and confirmations of control that came back, as a month's evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from attest.chains.records import Place, Reading, places_of
from attest.control.records import Challenged, ControlSample, CustodyConfirmation
from attest.control.sample import Sample
from attest.control.shown import Shown
from attest.errors import MalformedError, VerificationError
from attest.exchange.config import Config
from attest.exchange.control.challenges import CHALLENGES_FILE, Challenges, Item
from attest.exchange.control.returned import ControlRecord, challenges_and_standing, control_records
from attest.exchange.reserves import Reserves
from attest.exchange.surroundings import Surroundings
from attest.verification.control.custody import confirmed_places
from attest.verification.control.recheck import Terms, challenged_places, confirmed_by, place_of

_SHOWN: Final = 3  # names in a sentence


class SignedChallenges(NamedTuple):
    """The evidence of what came back, all of which holds, and the places that it shows.

    What only a contract can speak for is among the records, and its place is not among those shown.
    """

    records: list[ControlRecord]
    shown: Shown


def read_control(config: Config, period: str, folders: Sequence[Path], around: Surroundings) -> SignedChallenges:
    """The signatures that came back into `folders`, for a statement of now; of an address the first one counts.

    A later folder serves addresses that held nothing yet when the first was made. What did not come back is told.
    Raises `AttestError` when a signature does not hold, and when a folder is of another month or exchange, though
    nothing came back into it.
    """
    records: list[ControlRecord] = []
    signed: set[Place] = set()
    confirmed: set[Place] = set()
    samples: set[Sample] = set()
    asked: list[tuple[Path, Item]] = []
    headers: set[tuple[str, int]] = set()
    for folder in folders:
        challenges, standing = challenges_and_standing(folder)
        _refuse_others(challenges, folder, config.entity.origin, period)
        asked += ((folder, item) for item in challenges.items)
        headers |= {(block.chain, block.height) for block in challenges.blocks}
        for record in control_records(challenges, standing, config.control.max_age_days):
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
    terms = Terms(config.entity.origin, period, config.ledger.period_end(period), around.now)
    by_index = dict(enumerate(records))
    # `control_records` has checked the signatures themselves.
    shown = Shown(challenged_places(by_index, terms), confirmed_places(by_index, terms), next(iter(samples), None))
    _require_headers(asked, headers)
    _tell_missing([item for _, item in asked], signed | confirmed, config, around.tell)
    return SignedChallenges(records, shown)


def _refuse_others(challenges: Challenges, folder: Path, entity: str, period: str) -> None:
    """Raises `VerificationError` when the challenges are for another month or exchange."""
    for item in challenges.items:
        if item.challenge.period != period:
            raise VerificationError(
                "control/challenge",
                f"{folder} has challenges for the period {item.challenge.period}, not for {period}",
                hint=f"name the folder of `attest control challenge --period {period}`",
            )
        if item.challenge.entity != entity:
            raise VerificationError(
                "control/challenge",
                f"{folder} has challenges for the entity {item.challenge.entity}, not for {entity}",
                hint="name the folder that `attest control challenge` made of this config",
            )


def _require_headers(asked: Sequence[tuple[Path, Item]], headers: Collection[tuple[str, int]]) -> None:
    """Raises `VerificationError` where the evidence would not show that an address was asked, and of which block."""
    for folder, item in asked:
        challenge = item.challenge
        if (challenge.chain, challenge.height) not in headers:
            raise VerificationError(
                "control/block",
                f"{folder}: the challenge {item.name} names the block {challenge.height} of {challenge.chain}, whose "
                f"header {CHALLENGES_FILE} does not have",
                hint="name the folder as `attest control challenge` made it, or have it made anew",
            )


def _tell_missing(items: Sequence[Item], there: Collection[Place], config: Config, tell: Callable[[str], None]) -> None:
    """Say which challenges nothing came back for, while whoever forgot to add it can still stop the run."""
    known = {wallet.id for wallet in config.wallets}
    if gone := sorted({item.wallet for item in items if item.wallet not in known}):
        tell(f"the config no longer has the wallets {_some(gone)}, for whose addresses there are challenges")
    missing = {place_of(item.challenge): item.wallet for item in items if item.wallet in known}
    missing = {place: wallet for place, wallet in missing.items() if place not in there}
    if not missing:
        return
    wallets = _some(sorted(set(missing.values())))
    if there:
        tell(f"no signature of {len(missing)} addresses that were asked came back, of the wallets {wallets}")
    else:
        tell(
            f"none of the {len(missing)} addresses that were asked signed, of the wallets {wallets}: the statement "
            "will say so, and step 13 will be NOT MET; add what came back first, with attest control add"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def add_control(reserves: Reserves, signed: SignedChallenges) -> None:
    """Add what came back to the evidence; it is published when the balances at all of its addresses are."""
    shown: set[Place] = set()
    for reading in reserves.evidence.published():
        if isinstance(reading, Reading):
            shown |= places_of(reading)
    for record in signed.records:
        # What the config says of the wallet may have changed since the challenge, or the wallet may be gone from it.
        hidden = (isinstance(record, Challenged) and place_of(record.challenge) not in shown) or (
            isinstance(record, CustodyConfirmation) and not confirmed_by(record) <= shown
        )
        reserves.evidence.add(record, public=not hidden)
    reserves.shown = signed.shown
