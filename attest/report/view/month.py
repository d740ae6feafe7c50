"""A verified month and the rows of its lists, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from attest.attestation.segregation import CheckVerdict
from attest.attestation.verify import Status
from attest.report.numbers import Instant, Number
from attest.report.view.held import CoverageRow, Shares
from attest.report.view.paper import AuditorView
from attest.report.view.rules import PolicyView, ReserveView


class LowestRow(NamedTuple):
    """The lowest count of an asset on a chain around and at its pin; `height` is None where it was not recomputed."""

    chain: str
    asset: str
    number: Number
    height: Number | None
    levels: tuple[str, ...]


class PinRow(NamedTuple):
    """A pinned block; `reason` says why it is far from the snapshot, `nodes` how many nodes agreed on it."""

    chain: str
    height: Number
    block_hash: str
    time: Instant
    reason: str | None
    nodes: Number | None
    coin: str | None
    tokens: tuple[tuple[str, str], ...]


class NegativeRow(NamedTuple):
    """Accounts of an asset that owe the exchange, which no other customer's balance is set against."""

    asset: str
    accounts: Number
    total: Number


class DeclarationRow(NamedTuple):
    """What management or a document says: by kind, with its fields as far as it has them."""

    kind: str
    name: str
    unit: str | None
    number: Number | None
    tier: str | None
    since: Instant | None
    until: Instant | None
    leaf: str


class HeldRow(NamedTuple):
    """What only a custodian or bank says that it holds, which counts nowhere."""

    asset: str
    custodian: str
    purpose: str
    chain: str | None
    number: Number
    available: bool


class CheckRow(NamedTuple):
    """One check of segregation; `what` and `detail` are English sentences."""

    what: str
    asset: str
    verdict: CheckVerdict
    detail: str


class StepRow(NamedTuple):
    """One numbered step of verification; `detail` is an English sentence."""

    number: int
    title: str
    status: Status
    detail: str


class SignerRow(NamedTuple):
    """One key whose signature counts, and when a timestamp says that it was there."""

    role: str
    fingerprint: str
    timestamp: Instant | None


class RootRow(NamedTuple):
    """One trust root, by fingerprint and words; `in_force` says that it was when the statement was issued."""

    version: int
    fingerprint: str
    words: tuple[str, ...]
    in_force: bool


class FindingRow(NamedTuple):
    """One thing that an auditor did and found, in the auditor's words."""

    procedure: str
    finding: str
    exception: bool


class AuditorReport(NamedTuple):
    """A report of an auditor about the statement."""

    auditor: str
    standard: str
    issued_at: Instant
    signed: tuple[str, ...]
    findings: tuple[FindingRow, ...]
    exceptions: Number


class FileRow(NamedTuple):
    """A file that the statement names, by digest; `there` says that it was beside the bundle."""

    name: str
    sha256: str
    there: bool


@dataclass(frozen=True, slots=True)
class MonthView:
    """A verified month.

    `verdict` is NOT MET when a coverage, a rule or another step but freshness is: whoever reads the page compares
    `expires_at` with the own clock. `unchecked_steps` are the numbers of the steps that could not be run to their end.
    `strangers` are custodians whose confirmations count though nobody vouched for their keys; `other_networks` are
    chains of customers' coins that are none of the main networks that attest knows: anybody can make a network.
    """

    entity: str
    origin: str
    lei: str | None
    period: str
    sequence: int
    digest: str
    previous: str | None
    snapshot_at: Instant
    issued_at: Instant
    expires_at: Instant
    verdict: Literal["VERIFIED", "NOT MET"]
    steps: tuple[StepRow, ...]
    unchecked_steps: tuple[int, ...]
    coverage: tuple[CoverageRow, ...]
    storage: tuple[Shares, ...]
    control: tuple[Shares, ...]
    strangers: tuple[str, ...]
    other_networks: tuple[str, ...]
    reserves: tuple[ReserveView, ...]
    policies: tuple[PolicyView, ...]
    missing_policies: tuple[str, ...]
    lowest: tuple[LowestRow, ...]
    pins: tuple[PinRow, ...]
    negatives: tuple[NegativeRow, ...]
    included: tuple[str, ...]
    excluded: tuple[tuple[str, str], ...]
    declarations: tuple[DeclarationRow, ...]
    held: tuple[HeldRow, ...]
    checks: tuple[CheckRow, ...]
    signers: tuple[SignerRow, ...]
    thresholds: Mapping[str, int]
    roots: tuple[RootRow, ...]
    reports: tuple[AuditorReport, ...]
    files: tuple[FileRow, ...]
    bundle_sha256: str
    tool: str
    auditor: AuditorView | None
