"""The split of what counts towards a reserve: whatever the figures, its parts are all of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from attest.policy.evaluate import evaluate
from attest.policy.inputs import Inputs
from attest.policy.results import Evaluation, Result
from attest.policy.rulesets import load_ruleset, parse_policy, ruleset_names
from attest.report.reserve import reserve_views, split
from attest.verification.unchecked import Unchecked
from tests.examples import examples
from tests.policy.build import coins, cover, deposit, figures, financial, prices
from tests.world.figures import inputs

POLICIES: Final = [load_ruleset(name) for name in ruleset_names()]


@examples(10)
@given(inputs())
def test_of_every_rule_set_the_parts_add_up_exactly_to_what_counts(base: Inputs) -> None:
    for result in (result for policy in POLICIES for result in evaluate(policy, base).results):
        parts = split(result)
        assert (parts is None) is (result.figure("available") is None)
        assert sum(value for _, value in parts or ()) == (result.figure("available") or 0)


AMOUNTS: Final = st.integers(0, 10**9).map(str)
PRICES: Final = st.builds("{}/{}".format, st.integers(1, 1000), st.integers(1, 1000))


@examples(60)
@given(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), PRICES)
def test_parts_are_rounded_down_and_miss_the_total_by_less_than_a_unit_each(
    amounts: tuple[str, str, str, str, str], price: str
) -> None:
    evaluation = own("cet1", *amounts, price=price)
    _, row = reserve_views(evaluation, Unchecked())  # the first is of a rule for which nothing counts
    (line,) = result_of(evaluation).lines
    assert line.required is not None
    assert line.available is not None
    assert Fraction(units(row.required.text)) == line.required
    assert Fraction(units(row.available.text)) == line.available
    exact = [Fraction(part.number.exact) for part in row.parts]
    parts = [units(part.number.text) for part in row.parts]
    assert [0 <= value - shown < 1 for value, shown in zip(exact, parts, strict=True)] == [True] * 4
    assert sum(exact) == Fraction(row.available.exact) == result_of(evaluation).figure("available")
    assert 0 <= units(row.available.text) - sum(parts) < len(parts)
    if any(exact):
        assert [Fraction(part.share.number.exact) for part in row.parts if part.share.number is not None] == [
            value / sum(exact) for value in exact
        ]
    assert row.covered.number is not None
    assert Fraction(row.covered.number.exact) == line.available / line.required


def units(text: str) -> int:
    return int(text.replace(",", ""))


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


def own(
    account: str,
    hot: str = "10",
    kept: str = "100",
    money: str = "40",
    limit: str = "9000",
    figure: str = "70",
    price: str = "1",
) -> Evaluation:
    """A rule that accepts coins, money, a figure of the accounts and insurance, with what there is of each."""
    policy = parse_policy((HEAD + OWN.replace("ACCOUNTS", f'["{account}"]')).encode(), "own.toml")
    given_inputs = figures(
        owed={"A": "1", "JPY": "0"},
        held=[*coins("customer", "hot", A=hot), *coins("compensation", "cold", A=kept)],
        deposits=[deposit("JPY", money, "compensation")],
        covers=[cover("insurance", "JPY", limit)],
        said=financial("JPY", **{account: figure}) if account != "not-there" else (),
        at=prices("JPY", "spot", A=price),
    )
    return evaluate(policy, given_inputs)


def result_of(evaluation: Evaluation) -> Result:
    found = evaluation.result("own.reserve")
    assert found is not None
    return found


def test_haircuts_caps_and_figures_of_the_accounts_are_those_of_the_evaluation() -> None:
    found = dict(split(result_of(own("cet1"))) or ())
    assert found == {"coins": Fraction(200, 3), "deposits": 40, "cet1": 70, "insurance": 500}


def test_what_may_count_and_is_not_declared_leaves_no_split() -> None:
    evaluation = own("not-there")
    assert (result_of(evaluation).verdict, split(result_of(evaluation))) == ("INSUFFICIENT_DATA", None)
    assert [row.rule for row in reserve_views(evaluation, Unchecked())] == ["own.base"]


def test_a_figure_of_the_accounts_that_is_named_as_another_one_changes_no_part() -> None:
    for name in ("required", "floor"):
        assert dict(split(result_of(own(name))) or ())[name] == 70
    for name in ("available", "coins credit", "insurance credit", "own funds"):
        assert split(result_of(own(name))) is None
