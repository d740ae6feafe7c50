"""The auditor's edition of a month: what it shows beside the public one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from attest.report.numbers import Number
from attest.verification.segregation import WalletControl


class TieLine(NamedTuple):
    """One line of the statement's reserves or money.

    `chain`: CAIP-2; None for money.
    `purpose`: `customer`, `guarantee` or `compensation`.
    `storage`: `cold`, `hot` or `other`; None for money.
    `evidence`: the level of evidence; `declared` for money.
    `control`: what shows control; None for money.
    `wallets`: their number; None for money.
    `number`: the amount.
    `rechecked`: whether all of it was recomputed here from records.
    """

    chain: str | None
    purpose: str
    storage: str | None
    evidence: str
    control: str | None
    wallets: Number | None
    number: Number
    rechecked: bool


class TieRow(NamedTuple):
    """One asset, tied from its liability tree to the statement's lines of reserves and money.

    `asset`: its name.
    `root`: the root of the tree, hex.
    `leaves`: their number.
    `owed`: the total of the tree.
    `lines`: of reserves and money; those whose purpose is `customer` add up to `held`.
    `held`: for customers.
    """

    asset: str
    root: str
    leaves: Number
    owed: Number
    lines: tuple[TieLine, ...]
    held: Number


class WalletView(NamedTuple):
    """One wallet.

    `wallet`: its id.
    `chain`: CAIP-2.
    `purpose`: `customer`, `guarantee` or `compensation`.
    `storage`: `cold`, `hot` or `other`.
    `control`: what shows control of it.
    `records`: the indices of the records behind that.
    """

    wallet: str
    chain: str
    purpose: str
    storage: str | None
    control: WalletControl
    records: tuple[int, ...]


class RecordRow(NamedTuple):
    """One available record of the evidence.

    `number`: its index in the evidence.
    `type`: the type of the record.
    `of`: its wallet, asset, document or other subject.
    `leaf`: its evidence leaf, hex.
    """

    number: int
    type: str
    of: str
    leaf: str


@dataclass(frozen=True, slots=True)
class AuditorView:
    """What the auditor's edition shows beside the public one.

    `ties`: a row for each asset.
    `wallets`: those of the statement that records show.
    `records`: those that are available, in order.
    `withheld`: the number of records that are not available.
    `evidence_root`: the root of the evidence tree, hex.
    """

    ties: tuple[TieRow, ...]
    wallets: tuple[WalletView, ...]
    records: tuple[RecordRow, ...]
    withheld: Number
    evidence_root: str
