"""The view of a verified month, and the rows of its lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from attest.report.numbers import Instant, Number
from attest.report.view.held import CoverageRow, Shares
from attest.report.view.paper import AuditorView
from attest.report.view.rules import PolicyView, ReserveView
from attest.verification.segregation import CheckVerdict
from attest.verification.steps import Status


class LowestRow(NamedTuple):
    """The lowest count of an asset on a chain, of those at its pin and around it.

    `chain`: CAIP-2.
    `asset`: its name.
    `number`: the lowest amount.
    `height`: the block at which it was counted; None when it was not recomputed here.
    `levels`: the levels of evidence of that count, when it was recomputed.
    """

    chain: str
    asset: str
    number: Number
    height: Number | None
    levels: tuple[str, ...]


class PinRow(NamedTuple):
    """The pinned block of a chain, at which its wallets were read.

    `chain`: CAIP-2.
    `height`: of the block.
    `block_hash`: hex.
    `time`: of the block.
    `reason`: the exchange's words for a block far from the snapshot; None when there are none.
    `nodes`: the number of nodes that gave its figures alike; None when no record shows that.
    `coin`: the asset that is the chain's own coin, when records show it.
    `tokens`: asset and address of the contract, for each token that records show.
    """

    chain: str
    height: Number
    block_hash: str
    time: Instant
    reason: str | None
    nodes: Number | None
    coin: str | None
    tokens: tuple[tuple[str, str], ...]


class NegativeRow(NamedTuple):
    """The accounts of an asset with a negative balance: they owe the exchange and lower no other customer's claim.

    `asset`: its name.
    `accounts`: their number.
    `total`: what they owe together.
    """

    asset: str
    accounts: Number
    total: Number


class DeclarationRow(NamedTuple):
    """One declaration of management or of a document; a field that its kind does not have is None.

    `kind`: as `attest.policy.inputs.DeclarationKind` lists them.
    `name`: what is declared: a bucket, a custodian, a measure.
    `unit`: the asset or currency of `number`.
    `number`: the amount declared.
    `tier`: that of a custodian.
    `since`, `until`: the time for which it holds.
    `leaf`: the evidence leaf behind it, hex.
    """

    kind: str
    name: str
    unit: str | None
    number: Number | None
    tier: str | None
    since: Instant | None
    until: Instant | None
    leaf: str


class HeldRow(NamedTuple):
    """An amount that only a custodian or bank says that it holds; it counts in no coverage and for no policy.

    `asset`: its name.
    `custodian`: who says so.
    `purpose`: `customer`, `guarantee` or `compensation`.
    `chain`: CAIP-2; None for no chain.
    `number`: the amount.
    `available`: whether the record behind it is available here.
    """

    asset: str
    custodian: str
    purpose: str
    chain: str | None
    number: Number
    available: bool


class CheckRow(NamedTuple):
    """One check of segregation.

    `what`: the check, in English.
    `asset`: the asset it concerns.
    `verdict`: its outcome.
    `detail`: the figures behind it, in English.
    """

    what: str
    asset: str
    verdict: CheckVerdict
    detail: str


class StepRow(NamedTuple):
    """One numbered step of verification.

    `number`: from 1, as in protocol.md.
    `title`: in English.
    `status`: its outcome.
    `detail`: what was found, in English.
    """

    number: int
    title: str
    status: Status
    detail: str


class SignerRow(NamedTuple):
    """One key whose signature counts.

    `role`: by the trust root.
    `fingerprint`: of the key, hex.
    `timestamp`: the time that an authority gave its signature; None without a timestamp.
    """

    role: str
    fingerprint: str
    timestamp: Instant | None


class RootRow(NamedTuple):
    """One trust root.

    `version`: from 1.
    `fingerprint`: hex.
    `words`: the fingerprint as 24 words, to be compared by voice.
    `in_force`: whether it was in force when the statement was issued.
    """

    version: int
    fingerprint: str
    words: tuple[str, ...]
    in_force: bool


class FindingRow(NamedTuple):
    """One procedure of an auditor, in the auditor's words.

    `procedure`: what was done.
    `finding`: what was found.
    `exception`: whether the auditor notes it as an exception.
    """

    procedure: str
    finding: str
    exception: bool


class AuditorReport(NamedTuple):
    """An auditor's report about the statement.

    `auditor`: the name.
    `standard`: the standard of the engagement, in the auditor's words.
    `issued_at`: the time of the report.
    `signed`: the fingerprints of the keys that signed it, ascending.
    `findings`: its procedures, in order.
    `exceptions`: the number of findings that are exceptions.
    """

    auditor: str
    standard: str
    issued_at: Instant
    signed: tuple[str, ...]
    findings: tuple[FindingRow, ...]
    exceptions: Number


class FileRow(NamedTuple):
    """A file that the statement names.

    `name`: beside the bundle.
    `sha256`: its digest by the statement, hex.
    `there`: whether it was beside the bundle.
    """

    name: str
    sha256: str
    there: bool


@dataclass(frozen=True, slots=True)
class MonthView:
    """A verified month.

    `entity`: the exchange's name.
    `origin`: its origin in trust roots and statements, a domain name.
    `lei`: its legal entity identifier (ISO 17442), when the statement has one.
    `period`: the month, `2026-10`.
    `sequence`: the number of the statement, from 0.
    `digest`: SHA-256 of the statement, hex.
    `previous`: the digest of the statement before it, hex; None for the first.
    `snapshot_at`: the instant to which all figures belong.
    `issued_at`: when the statement was made.
    `expires_at`: until when it is fresh. A reader compares it with a clock; no verdict here does.
    `verdict`: NOT MET when a coverage, a rule or any step but freshness is.
    `steps`: those of verification, in order.
    `unchecked_steps`: the numbers of the steps that could not be run to their end.
    `coverage`: a row for each asset.
    `storage`: for each asset, where it lies.
    `control`: for each asset, what shows control of it.
    `strangers`: custodians whose confirmations count although nobody vouched for their keys.
    `other_networks`: chains of customers' coins that are no main network which attest knows; anybody can make one.
    `reserves`: a row for each rule that asks for a reserve.
    `policies`: those that were evaluated.
    `missing_policies`: the ids of those that could not be, because their files are not available.
    `lowest`: the lowest counts of windows.
    `pins`: the pinned blocks.
    `negatives`: accounts that owe the exchange, by asset.
    `included`: the products that the statement covers.
    `excluded`: the products that it does not cover, each with the reason.
    `declarations`: what management and documents say, without the lowest counts.
    `held`: what only custodians and banks say that they hold.
    `checks`: those of segregation.
    `signers`: the keys whose signatures count.
    `thresholds`: for each role, the number of keys that must have signed.
    `roots`: the trust roots, from the pinned one on.
    `reports`: those of auditors.
    `files`: those that the statement names.
    `bundle_sha256`: SHA-256 of the bundle, hex.
    `tool`: name and version of the program that made the statement.
    `auditor`: the auditor's edition; None in a public view.
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
