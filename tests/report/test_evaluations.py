"""Verdicts as a reader is shown them: each side rounded against the exchange, whatever the figures."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

from attest.policy.evaluate import evaluate
from attest.policy.results import RATIO, TIMES, Evaluation, Figure, Line, Result
from attest.policy.rulesets import load_ruleset
from attest.report.evaluations import policy_view
from attest.report.numbers import Number
from attest.report.view.held import Rest
from attest.report.view.rules import RuleView
from attest.verification.unchecked import Unchecked, UncheckedLine
from tests.policy.build import coins, figures, prices


def shown(**changes: Any) -> RuleView:
    """The first rule of a rule set in euro, with other lines or figures."""
    evaluation = evaluate(load_ruleset("eu-mica-casp"), figures())
    result: Result = dataclasses.replace(evaluation.results[0], **changes)
    changed: Evaluation = dataclasses.replace(evaluation, results=(result,))
    (rule,) = policy_view(changed, Unchecked()).rules
    return rule


def texts(*lines: Line) -> list[tuple[str | None, ...]]:
    rows = shown(lines=lines).lines
    return [tuple(side and side.text for side in (row.required, row.available, row.shortfall)) for row in rows]


def test_what_is_asked_for_is_rounded_up_and_what_there_is_down() -> None:
    third = Fraction(1, 3)
    assert texts(Line("EUR", "EUR", 200 + third, 100 + third)) == [("2.01", "1.00", "1.00")]
    assert texts(Line("EUR", "EUR", 200 + third, 100 - third)) == [("2.01", "0.99", "1.01")]


def test_a_limit_is_rounded_down_and_what_is_within_it_up() -> None:
    third = Fraction(1, 3)
    assert texts(Line("a custodian", "EUR", 100 + third, 200 + third, at_most=True)) == [("1.00", "2.01", "1.00")]


def test_a_ratio_above_its_limit_by_a_little_is_never_shown_as_equal_to_it() -> None:
    limit, above, below = Fraction(1, 20), Fraction(500_000_000_001, 10**13), Fraction(499_999_999_999, 10**13)
    assert texts(Line("all", RATIO, limit, above, at_most=True))[0][:2] == ("1/20 (5.00 %)", "5.01 %")
    assert texts(Line("all", RATIO, limit, below))[0][:2] == ("1/20 (5.00 %)", "4.99 %")


def test_a_number_of_times_is_exact_and_what_is_not_known_is_none() -> None:
    assert texts(Line("an audit", TIMES, Fraction(2), None)) == [("2", None, None)]
    (line,) = shown(lines=(Line("an audit", TIMES, Fraction(2), Fraction(1)),)).lines
    assert (line.verdict, line.shortfall) == ("NOT_MET", Number("1", "1"))


def test_figures_are_rounded_down_but_for_requirements() -> None:
    value = Fraction(301, 2)
    names = ("required", "exposure", "available", "coins credit")
    found = shown(figures=tuple(Figure(name, "words", value, "EUR", "a source") for name in names)).figures
    assert {figure.name: figure.number for figure in found} == {
        "required": Number("1.51", "301/2"),
        "exposure": Number("1.51", "301/2"),
        "available": Number("1.50", "301/2"),
        "coins credit": Number("1.50", "301/2"),
    }


def test_of_a_rule_for_each_asset_only_the_line_of_what_was_not_checked_says_so() -> None:
    given = figures(
        owed={"A": "1", "B": "1"}, held=coins("customer", "hot", A="5", B="5"), at=prices("JPY", "spot", A="1", B="1")
    )
    unchecked = Unchecked(lines=(UncheckedLine("A", "eip155:1", "customer", "hot", 5, "unavailable"),))
    view = policy_view(evaluate(load_ruleset("jp-psa-in-force"), given), unchecked)
    rules = {rule.id: rule for rule in view.rules}
    assert [(line.subject, line.checked) for line in rules["jp.cover"].lines] == [("A", False), ("B", True)]
    assert [(line.subject, line.checked) for line in rules["jp.hot"].lines] == [("all assets", False)]
    assert [rules[name].rest for name in ("jp.cover", "jp.hot")] == [
        Rest((("A", "unavailable", Number("5", "5")),), 0, ())
    ] * 2
