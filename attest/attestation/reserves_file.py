"""`reserves.json`: what a folder of evidence says of itself before there is a statement (protocol.md, section 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from attest.attestation.pin_times import StatedPin
from attest.attestation.statement import EvidenceRoot, StatedAsset
from attest.chains.wallets import Pin, Unlisted, Unproven
from attest.documents import Count, Digest, Document
from attest.errors import UnavailableError, VerificationError
from attest.evidence.room import MAX_RECORDS
from attest.evidence.tree import EvidenceTree
from attest.files import is_file, read_bounded
from attest.periods import Period
from attest.policy.inputs import Declaration
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine

RESERVES_FILE: Final = "reserves.json"
MAX_RESERVES_BYTES: Final = 128 * 1024 * 1024  # leaves and indices of as many records as there may be take 77 million


class ReservesFile(Document):
    """`reserves.json`: what was read, before or beside a statement. `leaves` are the evidence leaves in their order.

    `unproven` says why tokens, or what single wallets have of them, are not proven; absent when all are.
    """

    format: Literal["attest/reserves/v1"]
    period: Period
    register_digest: Digest
    assets: Annotated[tuple[StatedAsset, ...], Field(fail_fast=True)]
    chains: Annotated[tuple[StatedPin, ...], Field(fail_fast=True)]
    reserves: Annotated[tuple[ReserveLine, ...], Field(fail_fast=True)]
    money: Annotated[tuple[MoneyLine, ...], Field(fail_fast=True)]
    held: Annotated[tuple[HeldLine, ...], Field(fail_fast=True, min_length=1)] = ()
    declarations: Annotated[tuple[Declaration, ...], Field(fail_fast=True)]
    unlisted: Annotated[tuple[Unlisted, ...], Field(fail_fast=True)]
    unproven: Annotated[tuple[Unproven, ...], Field(min_length=1, fail_fast=True)] = ()
    evidence: EvidenceRoot
    leaves: Annotated[tuple[Digest, ...], Field(fail_fast=True, max_length=MAX_RECORDS)]
    private: Annotated[tuple[Count, ...], Field(fail_fast=True, max_length=MAX_RECORDS)]

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The blocks of `chains`, as readers compare them."""
        return tuple(stated.pin for stated in self.chains)


def read_reserves_file(folder: Path) -> ReservesFile:
    """The `reserves.json` in `folder`, whose leaves lead to its root. Raises `AttestError`."""
    if folder.is_dir() and not is_file(folder / RESERVES_FILE):
        raise UnavailableError(
            "reserves/missing",
            f"there is no {RESERVES_FILE} in {folder}",
            hint="it is in a folder of attest reserves read, and in the private folder of a month",
        )
    data = read_bounded(folder / RESERVES_FILE, MAX_RESERVES_BYTES)
    own = ReservesFile.from_canonical(data, what=RESERVES_FILE, max_bytes=MAX_RESERVES_BYTES)
    if (
        not own.leaves
        or len(own.leaves) != own.evidence.count
        or EvidenceTree.build(own.leaves).root != own.evidence.root
    ):
        raise VerificationError("evidence/leaves", f"the leaves in {RESERVES_FILE} do not lead to its evidence root")
    return own
