"""Which balances are under control, by the signatures among the evidence (verification step 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from attest.chains.challenge import Challenge, nonce_text
from attest.chains.family import HeaderFacts, family, signing
from attest.chains.records import Authority, Place, Reading
from attest.control.records import ChallengeBlock, Challenged, ContractControl, ControlProof, CustodyConfirmation
from attest.control.sample import Sample
from attest.control.shown import Shown, Value, customers_values, refuse_other_custodians
from attest.errors import VerificationError
from attest.evidence.record import Record, naming
from attest.reserves.lines import Control, ReserveLine
from attest.verification.control.sample import is_drawn_from, sample_of

Blocks = frozenset[tuple[str, int, bytes]]
"""The blocks that challenges may name: chain, height and hash."""


class Terms(NamedTuple):
    """What a challenge must say, and between which times its block must lie.

    `nonce` is what the auditor drew, where that is known.
    """

    entity: str
    period: str
    snapshot_at: datetime
    issued_at: datetime
    nonce: bytes | None = None


class Controlled(NamedTuple):
    """What the signatures and confirmations in the evidence show.

    `signed`: how many addresses signed.
    `lines`: the keys of the statement's lines whose control was derived anew.
    `max_age`: how many days before the snapshot the oldest block of a challenge might be.
    `nonces`: those that challenges name; None for challenges without one.
    `controls`: the control of each reading, by the index of its record.
    `values`: by asset, how much of the customers' coins whose records are available is shown in which way.
    `confirmed`: how many addresses only a custodian speaks for.
    `sample`: how addresses were drawn that signed for the rest; None where all were asked.
    `reading_seen`: whether all records of the reading that the sample was drawn from are available.
    `contracts`: what came back for contracts, which counts as no control.
    `strangers`: the custodians whose keys nobody vouched for, so that anyone may have confirmed in their name.
    """

    signed: int
    lines: frozenset[tuple[str, ...]]
    max_age: int
    nonces: tuple[bytes | None, ...]
    controls: Mapping[int, Control]
    values: Mapping[str, Value]
    confirmed: int
    sample: Sample | None
    reading_seen: bool
    contracts: tuple[ContractControl, ...]
    strangers: tuple[str, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether nothing that came back is available, so that only the statement speaks."""
        return not (self.signed or self.confirmed or self.contracts)


@dataclass(slots=True)
class _Sum:
    """The readings of one line and control: how many, and in base units all of them and what of them cannot move."""

    wallets: int = 0
    amount: int = 0
    denied: int = 0

    def add(self, reading: Reading) -> None:
        self.wallets += 1
        self.amount += reading.amount
        self.denied += reading.denied_amount


def recheck_control(
    records: Mapping[int, Record],
    terms: Terms,
    reserves: Sequence[ReserveLine],
    confirmed: Mapping[Place, str] = MappingProxyType({}),
) -> Controlled:
    """Check every signature in `records`, and that the lines claim no more control than they give.

    `confirmed` are the places that custodians confirmed among them, each by its custodian's name. Raises
    `VerificationError` naming the record whose signature, challenge or block does not hold, or the line.
    """
    places = signed_places(records, terms)
    shown = Shown(places, confirmed, sample_of(records, terms.nonce))
    refuse_other_custodians(records, confirmed)
    sums: dict[tuple[str, ...], _Sum] = {}
    readings = {index: record for index, record in records.items() if isinstance(record, Reading) and record.at_pin}
    controls = {index: shown.control_of(reading) for index, reading in readings.items()}
    for index, reading in readings.items():
        sums.setdefault((*reading.line, controls[index]), _Sum()).add(reading)
    disclosed = Counter(reading.line for reading in readings.values())
    stated: Counter[tuple[str, ...]] = Counter()
    for line in reserves:
        stated[line.without_control] += line.wallets
    checked = set()
    for line in reserves:
        if disclosed[line.without_control] != stated[line.without_control]:
            continue
        if sums.get(line.key, _Sum()) != _Sum(line.wallets, line.amount, line.denied):
            raise VerificationError(
                "control/line",
                f"{' '.join(line.key)}: the signatures cover other balances than the {line.wallets} that it states",
            )
        checked.add(line.key)
    ages = [record.max_age for record in records.values() if isinstance(record, ChallengeBlock)]
    nonces = {challenge.nonce_bytes for record in records.values() for challenge in _challenges(record)}
    return Controlled(
        len(places),
        frozenset(checked),
        max(ages, default=0),
        tuple(sorted(nonces, key=nonce_text)),
        controls,
        customers_values(records, shown),
        len(confirmed.keys() - places),
        shown.sample,
        shown.sample is not None and is_drawn_from(records, shown.sample),
        tuple(record for record in records.values() if isinstance(record, ContractControl)),
    )


def _challenges(record: Record) -> tuple[Challenge, ...]:
    match record:
        case Challenged():
            return (record.challenge,)
        case CustodyConfirmation():
            return record.confirmation.challenges
    return ()


def signed_places(records: Mapping[int, Record], terms: Terms) -> frozenset[Place]:
    """The places whose keys signed their challenge. Raises `VerificationError` naming the record."""
    places = challenged_places(records, terms)
    authorities = authorities_by_place(records.values())
    for index, record in records.items():
        if isinstance(record, ControlProof):
            with naming(index, record):
                if record.by_authority:
                    check_authority(record, authorities)
                elif signing(record.challenge.chain).check(record.challenge, record.signature, None) != record.method:
                    raise VerificationError("control/method", f"the signature is not one of {record.method}")
    return places


def authorities_by_place(records: Iterable[Record]) -> dict[Place, Authority]:
    """The records that say who signs for an address, by that address. Raises `MalformedError` for one that is none."""
    return {record.place: record for record in records if isinstance(record, Authority)}


def check_authority(proof: ControlProof, authorities: Mapping[Place, Authority]) -> None:
    """Check that enough of those signed whom one of `authorities` shows at the address. Raises `VerificationError`."""
    authority = authorities.get(place_of(proof.challenge))
    if authority is None:
        raise VerificationError(
            "control/no-safe", f"no record shows who owned a Safe at {proof.challenge.address} at the pinned block"
        )
    authority.check(proof.challenge, proof.signature)


def challenged_places(records: Mapping[int, Record], terms: Terms) -> frozenset[Place]:
    """The places whose challenges keep the `terms`, whatever their signatures. Raises `VerificationError`."""
    blocks = challenge_blocks(records, terms)
    places: dict[Place, bool] = {}
    for index, record in records.items():
        if isinstance(record, ControlProof | ContractControl):
            with naming(index, record):
                place = challenged_place(record.challenge, blocks, terms)
                if place in places:
                    raise VerificationError("control/twice", "another record has a signature of its address")
                # That a contract says yes shows no key.
                places[place] = isinstance(record, ControlProof)
    return frozenset(place for place, counts in places.items() if counts)


def challenge_blocks(records: Mapping[int, Record], terms: Terms) -> Blocks:
    """The blocks among `records` that a challenge may name. Raises `VerificationError` naming the record."""
    blocks: set[tuple[str, int, bytes]] = set()
    for index, record in records.items():
        if isinstance(record, ChallengeBlock):
            with naming(index, record):
                blocks.add((record.chain, record.height, _checked_block(record, terms)))
    return frozenset(blocks)


def block_of(record: ChallengeBlock) -> HeaderFacts:
    """What the header of a block says that challenges name. Raises `VerificationError`."""
    found = family(record.chain)
    header = found.header(record.chain, record.header)
    if header.height not in {None, record.height}:
        raise VerificationError("control/block", f"its header is that of block {header.height}")
    if not found.has_work(record.chain, header.block_hash):
        raise VerificationError("control/block", "nobody has mined its header: its hash is too large")
    return header


def _checked_block(record: ChallengeBlock, terms: Terms) -> bytes:
    """The hash of a block that a challenge may name at the time that it is of."""
    header = block_of(record)
    if not terms.snapshot_at - timedelta(days=record.max_age) <= header.time <= terms.issued_at:
        raise VerificationError(
            "control/stale",
            f"the block is of {header.time:%Y-%m-%d}, over {record.max_age} days before the snapshot or after the "
            "statement",
        )
    return header.block_hash


def challenged_place(challenge: Challenge, blocks: Blocks, terms: Terms) -> Place:
    """The place of a challenge that keeps the `terms` and names one of `blocks`. Raises `VerificationError`."""
    for name, said, expected in (
        ("entity", challenge.entity, terms.entity),
        ("period", challenge.period, terms.period),
    ):
        if said != expected:
            raise VerificationError("control/challenge", f"the challenge is for the {name} {said}, not {expected}")
    if terms.nonce is not None and terms.nonce != challenge.nonce_bytes:
        said = "no nonce" if challenge.nonce_bytes is None else f"the nonce {challenge.nonce}"
        raise VerificationError("control/nonce", f"the challenge names {said}, the auditor drew {terms.nonce.hex()}")
    if (challenge.chain, challenge.height, challenge.block_hash) not in blocks:
        raise VerificationError("control/block", "no record has the header of the block that the challenge names")
    return place_of(challenge)


def place_of(challenge: Challenge) -> Place:
    """Where the coins lie that a challenge is for. Raises `MalformedError` for an address that is none."""
    return challenge.chain, family(challenge.chain).place(challenge.chain, challenge.address)


def confirmed_by(record: CustodyConfirmation) -> frozenset[Place]:
    """The places that a custodian confirms. Raises `MalformedError` for an address that is none."""
    return frozenset(place_of(challenge) for challenge in record.confirmation.challenges)
