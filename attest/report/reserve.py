"""The required reserves of a month and what counts towards each, taken from the figures of the evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from attest.policy.results import Evaluation, Result
from attest.policy.terms import Accepted
from attest.report.evaluations import rest_view
from attest.report.numbers import available, required, share
from attest.report.view.held import Part
from attest.report.view.rules import ReserveView
from attest.verification.unchecked import Unchecked


def reserve_views(evaluation: Evaluation, unchecked: Unchecked) -> tuple[ReserveView, ...]:
    """A row for each rule that asks for a reserve and whose two figures are known, in the policy's order."""
    rows = (_reserve(result, evaluation, unchecked) for result in evaluation.results)
    return tuple(row for row in rows if row is not None)


def split(result: Result) -> tuple[tuple[str, Fraction], ...] | None:
    """The parts that count towards a rule: kind and value, exact, in minor units of the policy's currency.

    A kind is `coins`, `deposits`, a form of cover, or the name of a figure of the accounts. A part that the rule
    accepts and of which nothing is held is 0. The values add up to the rule's figure `available`. None where the rule
    accepts nothing or that figure is not known.
    """
    accepts: Accepted | None = getattr(result.rule, "accepts", None)
    total = result.figure("available")
    if accepts is None or total is None:
        return None
    figures = {item.name: item.value for item in result.figures}
    parts = tuple((kind, figures[name]) for kind, name in _named(accepts) if name in figures)
    # A policy chooses the names of figures of the accounts, and may choose that of another figure.
    return parts if sum((value for _, value in parts), Fraction(0)) == total else None


def _named(accepts: Accepted) -> Iterator[tuple[str, str]]:
    """Each part that a rule accepts: its kind, and the name of its figure."""
    if accepts.coins is not None:
        yield "coins", "coins credit"
    if accepts.deposits:
        yield "deposits", "deposits credit"
    yield from ((name, name) for name in accepts.accounts)
    yield from ((terms.form, f"{terms.form} credit") for terms in accepts.contracts)


def _reserve(result: Result, evaluation: Evaluation, unchecked: Unchecked) -> ReserveView | None:
    parts, line = split(result), result.deciding
    if parts is None or line is None or line.only_shown or line.required is None or line.available is None:
        return None
    policy = evaluation.policy
    decimals = evaluation.decimals[policy.currency]
    there = sum((value for _, value in parts), Fraction(0))
    return ReserveView(
        policy.id,
        policy.title,
        result.rule.id,
        result.authority_status,
        policy.currency,
        decimals,
        required(line.required, decimals),
        available(there, decimals),
        share(line.available, line.required),
        tuple(Part(kind, available(value, decimals), share(value, there)) for kind, value in parts),
        result.verdict,
        rest_view(unchecked.of_verdict(result.sources), evaluation.decimals),
    )
