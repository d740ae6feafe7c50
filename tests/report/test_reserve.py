"""The split of what counts towards a reserve: whatever the figures, its parts are all of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from hypothesis import given, settings

from attest.attestation.unchecked import Unchecked
from attest.policy.inputs import Inputs
from attest.policy.results import Result
from attest.policy.rules import evaluate
from attest.policy.source import load_ruleset, parse_policy, ruleset_names
from attest.report.reserve import reserve_views, split
from tests.policy.build import coins, cover, deposit, figures, financial, prices
from tests.policy.test_properties import inputs

POLICIES: Final = [load_ruleset(name) for name in ruleset_names()]


def results(given_inputs: Inputs) -> list[Result]:
    return [result for policy in POLICIES for result in evaluate(policy, given_inputs).results]


@settings(max_examples=20)
@given(inputs())
def test_the_parts_add_up_exactly_to_what_counts(base: Inputs) -> None:
    known = [result for result in results(base) if result.figure("available") is not None]
    for result in known:
        parts = split(result)
        assert parts is not None
        assert sum(value for _, value in parts) == result.figure("available")
        assert all(value >= 0 for _, value in parts)
    for result in results(base):
        if result.figure("available") is None:
            assert split(result) is None


@settings(max_examples=20)
@given(inputs())
def test_parts_are_rounded_down_and_miss_the_total_by_less_than_a_unit_each(base: Inputs) -> None:
    for policy in POLICIES:
        evaluation = evaluate(policy, base)
        places = evaluation.decimals[policy.currency]
        for row in reserve_views(evaluation, Unchecked()):
            (line,) = next(item for item in evaluation.results if item.rule.id == row.rule).lines
            assert units(row.required.text, places) == line.required
            assert units(row.available.text, places) == line.available
            parts = [units(part.number.text, places) for part in row.parts]
            assert 0 <= units(row.available.text, places) - sum(parts) < max(1, len(parts))
            assert sum(Fraction(part.number.exact) for part in row.parts) == Fraction(row.available.exact)
            assert sum(part.share.hundredths for part in row.parts) <= 10_000
            if units(row.available.text, places):
                shares = [Fraction(part.share.number.exact) for part in row.parts if part.share.number is not None]
                assert sum(shares) == 1
            assert line.required is not None
            assert line.available is not None
            if line.required:
                assert row.covered.number is not None
                assert Fraction(row.covered.number.exact) == line.available / line.required


def units(text: str, decimals: int) -> int:
    whole, _, part = text.replace(",", "").partition(".")
    assert len(part) == decimals
    return int(whole + part)


OWN: Final = """
[[rules]]
id = "own.reserve"
kind = "band"
citation = "made up"
of = "own.base"
figure = "required"
floor = 1000

[rules.accepts]
coins = { price_basis = "spot", haircut = "1/3" }
deposits = true
accounts = ACCOUNTS

[[rules.accepts.contracts]]
form = "insurance"
max_share = "1/2"
"""
HEAD: Final = """
id = "own"
version = "1"
title = "Own rules"
jurisdiction = "JP"
currency = "JPY"
currency_decimals = 0
authority_status = "tool_example"
as_of = "2026-10-01"
spot_max_age = "24 hours"
mean_max_age = "35 days"
accounts_max_age = "18 months"

[[rules]]
id = "own.base"
kind = "weighted-sum-cover"
citation = "made up"
price_basis = "spot"
weights = { hot = "1", other = "1", cold = "0" }
[rules.accepts]
"""


def own(account: str) -> Result:
    """A rule that accepts coins, money, a figure of the accounts and insurance; each is there."""
    policy = parse_policy((HEAD + OWN.replace("ACCOUNTS", f'["{account}"]')).encode(), "own.toml")
    given_inputs = figures(
        owed={"A": "1", "JPY": "0"},
        held=[*coins("customer", "hot", A="10"), *coins("compensation", "cold", A="100")],
        deposits=[deposit("JPY", "40", "compensation")],
        covers=[cover("insurance", "JPY", "9000")],
        said=financial("JPY", **{account: "70"}) if account != "not-there" else (),
        at=prices("JPY", "spot", A="1"),
    )
    result = evaluate(policy, given_inputs).result("own.reserve")
    assert result is not None
    return result


def test_haircuts_caps_and_figures_of_the_accounts_are_those_of_the_evaluation() -> None:
    assert dict(split(own("cet1")) or ()) == {"coins": Fraction(200, 3), "deposits": 40, "cet1": 70, "insurance": 500}


def test_what_may_count_and_is_not_declared_leaves_no_split() -> None:
    result = own("not-there")
    assert (result.verdict, split(result)) == ("INSUFFICIENT_DATA", None)


def test_a_figure_of_the_accounts_that_is_named_as_another_one_changes_no_part() -> None:
    for name in ("required", "floor"):
        assert dict(split(own(name)) or ())[name] == 70
    for name in ("available", "coins credit", "insurance credit", "own funds"):
        assert split(own(name)) is None
