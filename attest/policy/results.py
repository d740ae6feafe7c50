"""Verdicts: for each rule what it requires and what is available, the figures behind both, and their form on the wire.

An `Evaluation` has a `Result` for each rule, a result a `Line` for each comparison. `policy_results` turns it into what
a statement says (protocol.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from attest.documents import Digest, Document, Text
from attest.policy.model import BaseRule, Policy
from attest.policy.terms import AuthorityStatus, RuleId, format_rational

Verdict = Literal["MET", "NOT_MET", "NOT_APPLICABLE", "INSUFFICIENT_DATA"]
RATIO: Final = "ratio"  # the unit of a share or multiplier
TIMES: Final = "times"  # the unit of how often something was done
MAX_RESULTS: Final = 100_000
_EXACT: Final = r"^(0|[1-9][0-9]{0,999})(/[1-9][0-9]{0,999})?$"
_WORST_FIRST: Final[tuple[Verdict, ...]] = ("NOT_MET", "INSUFFICIENT_DATA", "MET", "NOT_APPLICABLE")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure on the way to a verdict.

    `name`: for programs; other rules find a figure by it.
    `text`: what the figure is, for readers.
    `value`: exact, in base units where `unit` is an asset or currency.
    `unit`: an asset or currency, `RATIO`, `TIMES` or "points".
    `source`: where the figure comes from, for readers.
    """

    name: str
    text: str
    value: Fraction
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The inputs from which a verdict was computed; who checks a statement learns from them what it rests on.

    `coins`: amounts held, by asset, purpose and kind of storage; money by currency, purpose and None.
    `leaves`: the evidence leaves of the cover and declarations that were read.
    `lowest`: the assets that count at the lowest count of a window around their pins.
    `prices`: whether any price was read.
    """

    coins: frozenset[tuple[str, str, str | None]] = frozenset()
    leaves: frozenset[bytes] = frozenset()
    lowest: frozenset[str] = frozenset()
    prices: bool = False

    def __or__(self, other: Sources) -> Sources:
        """The inputs of two computations together."""
        return Sources(
            self.coins | other.coins,
            self.leaves | other.leaves,
            self.lowest | other.lowest,
            self.prices or other.prices,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: the figure that a rule requires, beside the figure that is available.

    `subject`: what is compared: an asset, a custodian, an activity.
    `unit`: the unit of both figures: an asset or currency in base units, `RATIO` or `TIMES`.
    `required`: the least figure, or the largest with `at_most`. None when an input for it is missing.
    `available`: the figure it is compared with. None when an input for it is missing.
    `at_most`: whether `required` is an upper limit.
    `only_shown`: whether the two stand side by side without a verdict.

    Amounts are whole: a requirement is rounded up and what is available down, a limit down and what is available up,
    because rounding must not turn NOT MET into MET.
    """

    subject: str
    unit: str
    required: Fraction | None
    available: Fraction | None
    at_most: bool = False
    only_shown: bool = False

    @property
    def verdict(self) -> Verdict:
        """The verdict on this comparison alone."""
        if self.required is None or self.available is None:
            return "INSUFFICIENT_DATA"
        if self.only_shown:
            return "NOT_APPLICABLE"
        return "NOT_MET" if self._is_short(self.required, self.available) else "MET"

    @property
    def shortfall(self) -> Fraction | None:
        """By how much `available` is short of the requirement or above the limit; 0 when it is neither.

        None when a figure is missing.
        """
        if self.required is None or self.available is None:
            return None
        return abs(self.required - self.available) if self._is_short(self.required, self.available) else Fraction(0)

    def _is_short(self, required: Fraction, available: Fraction) -> bool:
        return available > required if self.at_most else required > available


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one rule, and everything it rests on.

    `rule`: the rule as the policy has it.
    `authority_status`: its standing as law.
    `verdict`: the worst of its lines; without lines, why there is none to judge.
    `lines`: the comparisons; none when the rule asks for nothing or cannot be computed.
    `figures`: the figures behind them, in the order of computation.
    `notes`: sentences on what was not counted, what is missing, and why a rule asks for nothing.
    `per_asset`: whether a statement has a result for each line instead of one for the rule.
    `sources`: the inputs that were read.
    """

    rule: BaseRule
    authority_status: AuthorityStatus
    verdict: Verdict
    lines: tuple[Line, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    per_asset: bool = False
    sources: Sources = Sources()

    @property
    def deciding(self) -> Line | None:
        """The line for which the rule is judged: of those with the worst verdict, the one with the largest shortfall.

        None when there is no line.
        """
        return min(self.lines, key=_badness, default=None)

    def figure(self, name: str) -> Fraction | None:
        """The value of the figure of that name, or None."""
        return next((figure.value for figure in self.figures if figure.name == name), None)


def _badness(line: Line) -> tuple[int, Fraction, str]:
    return (_WORST_FIRST.index(line.verdict), -(line.shortfall or Fraction(0)), line.subject)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of several verdicts: NOT MET, then INSUFFICIENT DATA, MET, NOT APPLICABLE.

    MET for none, because a rule that asks for nothing is met.
    """
    return min(verdicts, key=_WORST_FIRST.index, default="MET")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A policy's verdicts at one snapshot.

    `policy`: the policy.
    `snapshot_at`: the instant to which the figures belong.
    `decimals`: those of every asset of the statement and of the policy's currency.
    `results`: one for each rule, in the policy's order.
    """

    policy: Policy
    snapshot_at: datetime
    decimals: Mapping[str, int]
    results: tuple[Result, ...]

    @property
    def not_met(self) -> bool:
        """Whether the verdict on any rule is NOT MET."""
        return any(result.verdict == "NOT_MET" for result in self.results)

    def result(self, rule_id: str) -> Result | None:
        """The result of the rule with that id, or None."""
        return next((result for result in self.results if result.rule.id == rule_id), None)


Exact = Annotated[str, StringConstraints(pattern=_EXACT)]


class RuleResult(Document):
    """A result of a rule in a statement (protocol.md, section 5).

    `rule`: its id.
    `verdict`: on the comparison, or on the rule when it has one result.
    `required`, `available`: exact numbers; null when not known, or when the rule asks for nothing.
    `unit`: an asset or currency (base units), `ratio` or `times`; null without a comparison.
    """

    rule: RuleId
    verdict: Verdict
    required: Exact | None
    available: Exact | None
    unit: Text | None


class PolicyResults(Document):
    """A policy and its results in a statement.

    `id`, `version`: as the policy states them.
    `sha256`: of the policy's RFC 8785 form, 32 bytes.
    `authority_status`: its standing as law.
    `results`: in the order of its rules.
    """

    id: RuleId
    version: Text
    sha256: Digest
    authority_status: AuthorityStatus
    results: Annotated[tuple[RuleResult, ...], Field(min_length=1, max_length=MAX_RESULTS)]


def policy_results(evaluation: Evaluation) -> PolicyResults:
    """An evaluation as a statement says it (protocol.md, section 5).

    A rule that is per asset has a result for each line, any other one result, that of its `deciding` line.
    """
    policy = evaluation.policy
    return PolicyResults(
        id=policy.id,
        version=policy.version,
        sha256=policy.sha256,
        authority_status=policy.authority_status,
        results=tuple(item for result in evaluation.results for item in _rule_results(result)),
    )


def _rule_results(result: Result) -> list[RuleResult]:
    lines = result.lines if result.per_asset else (result.deciding,)
    return [_rule_result(result, line) for line in lines or (None,)]


def _rule_result(result: Result, line: Line | None) -> RuleResult:
    return RuleResult(
        rule=result.rule.id,
        verdict=result.verdict if line is None or not result.per_asset else line.verdict,
        required=None if line is None else _exact(line.required),
        available=None if line is None else _exact(line.available),
        unit=None if line is None else line.unit,
    )


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else format_rational(value)
