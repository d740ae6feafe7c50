"""What the auditor's edition has beside the public one, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from attest.attestation.segregation import WalletControl
from attest.report.numbers import Number


class TieLine(NamedTuple):
    """Auditor's edition: one line of reserves or money, with how much of it was recomputed from records."""

    chain: str | None
    purpose: str
    storage: str | None
    evidence: str
    control: str | None
    wallets: Number | None
    number: Number
    rechecked: bool


class TieRow(NamedTuple):
    """Auditor's edition: one asset tied from its tree to the statement's lines of reserves and money.

    The lines whose purpose is `customer` add up to `held`.
    """

    asset: str
    root: str
    leaves: Number
    owed: Number
    lines: tuple[TieLine, ...]
    held: Number


class WalletView(NamedTuple):
    """Auditor's edition: what shows control of one wallet, and the records behind it."""

    wallet: str
    chain: str
    purpose: str
    storage: str | None
    control: WalletControl
    records: tuple[int, ...]


class RecordRow(NamedTuple):
    """Auditor's edition: one record of the evidence that is available; `of` names wallet, asset or document."""

    number: int
    type: str
    of: str
    leaf: str


@dataclass(frozen=True, slots=True)
class AuditorView:
    """What the auditor's edition has beside the public one."""

    ties: tuple[TieRow, ...]
    wallets: tuple[WalletView, ...]
    records: tuple[RecordRow, ...]
    withheld: Number
    evidence_root: str
