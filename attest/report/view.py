"""The view of a month: plain values, from which the page and the PDF are drawn, so that both say one thing.

Nothing here depends on a language, a clock or the machine. Words for keys such as `proven` or `MET` are those of
`attest.report.words`; a text that an exchange, a bank or an auditor wrote stays as it was signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from attest.attestation.segregation import CheckVerdict, WalletControl
from attest.attestation.statement import HeldLevel
from attest.attestation.verify import Status
from attest.policy.results import Verdict
from attest.policy.terms import AuthorityStatus
from attest.report.numbers import Instant, Number, Share

Storage = Literal["cold", "hot", "other", "trust"]
ControlShown = Literal["signed", "confirmed", "sampled", "nothing", "unavailable"]


class Part(NamedTuple):
    """One part of a whole, by the key of its kind."""

    kind: str
    number: Number
    share: Share


class Level(NamedTuple):
    """What is held at one level of evidence; `rechecked` says that all of it was recomputed here."""

    level: HeldLevel
    number: Number
    share: Share
    rechecked: bool


class Rest(NamedTuple):
    """What a verdict rests on that was not checked: amounts by asset and reason, and how many documents.

    `lowest` are the assets whose lowest count around the pins was not recomputed.
    """

    amounts: tuple[tuple[str, Literal["unavailable", "dump"], Number], ...]
    documents: int
    lowest: tuple[str, ...]


class CoverageRow(NamedTuple):
    """One asset: owed and held, and coverage as the statement's figures give it, never capped.

    `counted` is there where a chain has a window and fewer coins count than are held; `denied` are tokens that their
    contract does not let move.
    """

    asset: str
    decimals: int
    owed: Number
    held: Number
    counted: Number | None
    denied: Number | None
    coverage: Share
    levels: tuple[Level, ...]
    met: bool
    rest: Rest | None


class Shares(NamedTuple):
    """One asset's total, divided into parts that add up to it."""

    asset: str
    total: Number
    parts: tuple[Part, ...]


class LineView(NamedTuple):
    """One comparison of a rule. `unit` is an asset, a currency, `ratio` or `times`; figures of ratios are exact texts.

    Requirements are rounded up and what there is down; a limit, which is `at_most`, the other way round.
    """

    subject: str
    unit: str
    required: Number | None
    available: Number | None
    shortfall: Number | None
    at_most: bool
    only_shown: bool
    verdict: Verdict
    checked: bool


class FigureView(NamedTuple):
    """One figure on the way to a verdict, as `attest policy explain` says it, in English."""

    name: str
    text: str
    number: Number
    unit: str
    source: str


class RuleView(NamedTuple):
    """One rule: its kind by its key, where it stands written, its standing and verdict, and the comparisons."""

    id: str
    kind: str
    asks: str
    citation: str
    standing: AuthorityStatus
    verdict: Verdict
    lines: tuple[LineView, ...]
    figures: tuple[FigureView, ...]
    notes: tuple[str, ...]
    rest: Rest | None


class PolicyView(NamedTuple):
    """One policy of the statement; `shipped` says that it is a rule set of this release and not the exchange's own."""

    id: str
    version: str
    title: str
    jurisdiction: str
    as_of: str
    standing: AuthorityStatus
    shipped: bool
    sha256: str
    note: str | None
    rules: tuple[RuleView, ...]


class ReserveView(NamedTuple):
    """One rule's required reserve, against what counts of coins, money and contracts by its haircuts and caps.

    `decimals` are the currency's. The parts are named `coins`, `deposits`, `insurance`, `bank-guarantee`,
    `trust-deposit`, `escrow`, or as the figure of the accounts is. Each is rounded down by itself, so that they may
    add up to less than `available` by some units.
    """

    policy: str
    title: str
    rule: str
    standing: AuthorityStatus
    currency: str
    decimals: int
    required: Number
    available: Number
    covered: Share
    parts: tuple[Part, ...]
    verdict: Verdict
    rest: Rest | None


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
