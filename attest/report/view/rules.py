"""Policies, their rules, and the reserves that they ask for."""

from __future__ import annotations

from typing import NamedTuple

from attest.policy.results import Verdict
from attest.policy.terms import AuthorityStatus
from attest.report.numbers import Number, Share
from attest.report.view.held import Part, Rest


class LineView(NamedTuple):
    """One comparison of a rule.

    `subject`: what is compared: an asset, a custodian, an activity.
    `unit`: the unit of the three figures: an asset, a currency, `ratio` or `times`.
    `required`: what the rule asks for, rounded up; a limit, rounded down, with `at_most`. None when not known.
    `available`: what it is compared with, rounded down; rounded up with `at_most`. None when not known.
    `shortfall`: by how much it is short, or above the limit. None when not known.
    `at_most`: whether `required` is a limit.
    `only_shown`: whether the two stand side by side without a verdict.
    `verdict`: on this comparison.
    `checked`: whether all inputs of the comparison were checked.
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
    """One figure on the way to a verdict, as `attest policy explain` shows it.

    `name`: for programs.
    `text`: what it is, in English.
    `number`: its value.
    `unit`: an asset, a currency, `ratio`, `times` or `points`.
    `source`: where it comes from, in English.
    """

    name: str
    text: str
    number: Number
    unit: str
    source: str


class RuleView(NamedTuple):
    """One rule and its verdict.

    `id`: unique within the policy.
    `kind`: the key of its kind.
    `asks`: its requirement, in English.
    `citation`: where it stands written.
    `standing`: as law.
    `verdict`: on the rule.
    `lines`: its comparisons.
    `figures`: those behind them.
    `notes`: English sentences on what was not counted or is missing.
    `rest`: the inputs that were not checked; None when all were.
    """

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
    """One policy of the statement.

    `id`, `version`, `title`, `jurisdiction`, `note`: as the policy states them.
    `as_of`: the day on which somebody last compared it with its sources.
    `standing`: as law, of rules that state none of their own.
    `shipped`: whether it is a rule set of this release; otherwise it is the exchange's own.
    `sha256`: the hash by which the statement names it, hex.
    `rules`: in the policy's order.
    """

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
    """The reserve that one rule requires, and what counts towards it after haircuts and caps.

    `policy`, `title`: the policy's id and title.
    `rule`: the rule's id.
    `standing`: as law.
    `currency`: of all amounts.
    `decimals`: those of the currency.
    `required`: rounded up.
    `available`: rounded down.
    `covered`: available divided by required.
    `parts`: what counts, by kind: `coins`, `deposits`, `insurance`, `bank-guarantee`, `trust-deposit`, `escrow`, or the
    name of a figure of the accounts. Each is rounded down by itself, so that they may add up to some units less.
    `verdict`: on the rule.
    `rest`: the inputs that were not checked; None when all were.
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
