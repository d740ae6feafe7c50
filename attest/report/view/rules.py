"""Policies, their rules and the reserves that they ask for, as plain values."""

from __future__ import annotations

from typing import NamedTuple

from attest.policy.results import Verdict
from attest.policy.terms import AuthorityStatus
from attest.report.numbers import Number, Share
from attest.report.view.held import Part, Rest


class LineView(NamedTuple):
    """One comparison of a rule. `unit` is an asset, a currency, `ratio` or `times`; figures of ratios are exact texts.

    `required` is rounded up and `available` down; where `required` is a limit, `at_most`, the other way round.
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
