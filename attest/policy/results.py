"""Verdicts: what a rule requires, what there is, the figures behind both, and the form of a statement."""

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
RATIO: Final = "ratio"
TIMES: Final = "times"
MAX_RESULTS: Final = 100_000
_EXACT: Final = r"^(0|[1-9][0-9]{0,999})(/[1-9][0-9]{0,999})?$"
_WORST_FIRST: Final[tuple[Verdict, ...]] = ("NOT_MET", "INSUFFICIENT_DATA", "MET", "NOT_APPLICABLE")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure on the way to a verdict: its name for programs, words for people, and where it comes from.

    `value` is in base units of `unit`, an asset or currency, or a ratio or number of times.
    """

    name: str
    text: str
    value: Fraction
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The inputs that a verdict was computed from.

    `coins` are the amounts by asset, purpose and kind of storage, money among them with no storage; `leaves` the
    evidence of cover and declarations; `lowest` the assets that count at their lowest around the pins.
    """

    coins: frozenset[tuple[str, str, str | None]] = frozenset()
    leaves: frozenset[bytes] = frozenset()
    lowest: frozenset[str] = frozenset()
    prices: bool = False

    def __or__(self, other: Sources) -> Sources:
        """What either was computed from."""
        return Sources(
            self.coins | other.coins,
            self.leaves | other.leaves,
            self.lowest | other.lowest,
            self.prices or other.prices,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison. A requirement is rounded up and what is there down; a limit the other way round.

    `subject` is what it is about, an asset for example. `at_most` says that `required` is a limit.
    """

    subject: str
    unit: str
    required: Fraction | None
    available: Fraction | None
    at_most: bool = False
    only_shown: bool = False

    @property
    def verdict(self) -> Verdict:
        """What the two figures say."""
        if self.required is None or self.available is None:
            return "INSUFFICIENT_DATA"
        if self.only_shown:
            return "NOT_APPLICABLE"
        return "NOT_MET" if self._is_short(self.required, self.available) else "MET"

    @property
    def shortfall(self) -> Fraction | None:
        """What is missing, or what is above a limit; 0 when nothing is."""
        if self.required is None or self.available is None:
            return None
        return abs(self.required - self.available) if self._is_short(self.required, self.available) else Fraction(0)

    def _is_short(self, required: Fraction, available: Fraction) -> bool:
        return available > required if self.at_most else required > available


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one rule, and everything it rests on.

    `notes` say what was not counted, what is missing, and why a rule asks for nothing.
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
        """The worst line: of those with the worst verdict, the one with the largest shortfall."""
        return min(self.lines, key=_badness, default=None)

    def figure(self, name: str) -> Fraction | None:
        """The value of a figure, if there is one of that name."""
        return next((figure.value for figure in self.figures if figure.name == name), None)


def _badness(line: Line) -> tuple[int, Fraction, str]:
    return (_WORST_FIRST.index(line.verdict), -(line.shortfall or Fraction(0)), line.subject)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict on a rule from those on its lines. Of none, nothing was asked for, and that is met."""
    return min(verdicts, key=_WORST_FIRST.index, default="MET")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A policy's verdicts at one snapshot; `decimals` are those of every asset and of the policy's currency."""

    policy: Policy
    snapshot_at: datetime
    decimals: Mapping[str, int]
    results: tuple[Result, ...]

    @property
    def not_met(self) -> bool:
        """Whether a rule is not met."""
        return any(result.verdict == "NOT_MET" for result in self.results)

    def result(self, rule_id: str) -> Result | None:
        """The result of a rule, if the policy has it."""
        return next((result for result in self.results if result.rule.id == rule_id), None)


Exact = Annotated[str, StringConstraints(pattern=_EXACT)]


class RuleResult(Document):
    """One comparison of a rule as a statement has it (protocol.md, section 5)."""

    rule: RuleId
    verdict: Verdict
    required: Exact | None
    available: Exact | None
    unit: Text | None


class PolicyResults(Document):
    """A policy and its results as a statement has them."""

    id: RuleId
    version: Text
    sha256: Digest
    authority_status: AuthorityStatus
    results: Annotated[tuple[RuleResult, ...], Field(min_length=1, max_length=MAX_RESULTS)]


def policy_results(evaluation: Evaluation) -> PolicyResults:
    """The wire form: a result per asset of a rule that is per asset, and one of any other rule."""
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
