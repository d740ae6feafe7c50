"""Rows of policies: what each rule asks for, what is available, and which of its inputs were not checked."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from attest.policy.explain import asks
from attest.policy.results import RATIO, Evaluation, Figure, Line, Result
from attest.policy.rulesets import ruleset_digests
from attest.policy.terms import format_rational
from attest.report.numbers import Number, amount, available, ratio, required
from attest.report.view.held import Rest
from attest.report.view.rules import FigureView, LineView, PolicyView, RuleView
from attest.verification.unchecked import Rest as Unseen
from attest.verification.unchecked import Unchecked

REQUIREMENTS: Final = frozenset({"required", "exposure"})  # the names of figures that are rounded up


def policy_view(evaluation: Evaluation, unchecked: Unchecked) -> PolicyView:
    """The view of a policy and of its rules, in the policy's order.

    `unchecked`: the inputs of the month that were not checked.
    """
    policy = evaluation.policy
    digest = policy.sha256
    return PolicyView(
        policy.id,
        policy.version,
        policy.title,
        policy.jurisdiction,
        str(policy.as_of),
        policy.authority_status,
        digest in ruleset_digests(),
        digest.hex(),
        policy.note,
        tuple(_rule(result, evaluation, unchecked) for result in evaluation.results),
    )


def rest_view(rest: Unseen, decimals: Mapping[str, int]) -> Rest | None:
    """The inputs of a verdict that were not checked; None when all were.

    `decimals`: those of each asset.
    """
    if not rest:
        return None
    amounts = tuple((asset, why, amount(value, decimals[asset])) for asset, why, value in rest.amounts)
    return Rest(amounts, rest.documents, rest.lowest)


def _rule(result: Result, evaluation: Evaluation, unchecked: Unchecked) -> RuleView:
    decimals = evaluation.decimals
    return RuleView(
        result.rule.id,
        result.rule.kind,
        asks(result.rule, evaluation.policy),
        result.rule.citation,
        result.authority_status,
        result.verdict,
        tuple(_line(line, result, decimals, unchecked) for line in result.lines),
        tuple(_figure_view(item, decimals) for item in result.figures),
        result.notes,
        rest_view(unchecked.of_verdict(result.sources), decimals),
    )


def _line(line: Line, result: Result, decimals: Mapping[str, int], unchecked: Unchecked) -> LineView:
    def side(value: Fraction | None, *, up: bool) -> Number | None:
        return None if value is None else _figure(value, line.unit, decimals, up=up)

    rest = unchecked.of_verdict(result.sources, line.subject if result.per_asset else None)
    return LineView(
        line.subject,
        line.unit,
        side(line.required, up=not line.at_most),
        side(line.available, up=line.at_most),
        side(line.shortfall, up=True),
        line.at_most,
        line.only_shown,
        line.verdict,
        not rest,
    )


def _figure_view(item: Figure, decimals: Mapping[str, int]) -> FigureView:
    number = _figure(item.value, item.unit, decimals, up=item.name in REQUIREMENTS)
    return FigureView(item.name, item.text, number, item.unit, item.source)


def _figure(value: Fraction, unit: str, decimals: Mapping[str, int], *, up: bool) -> Number:
    """The text of a figure in an asset, a currency, a ratio or a number of times; rounded `up` or down."""
    if unit in decimals:
        return required(value, decimals[unit]) if up else available(value, decimals[unit])
    if unit == RATIO:
        return ratio(value, up=up)
    exact = format_rational(value)
    return Number(exact, exact)
