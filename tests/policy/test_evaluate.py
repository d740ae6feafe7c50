"""Bounds, missing inputs, and what counts and what does not."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from attest.errors import MalformedError
from attest.policy.inputs import Inputs
from attest.policy.results import policy_results
from attest.policy.rulesets import load_ruleset, ruleset_names
from tests.policy.build import (
    AT,
    coins,
    declared,
    deposit,
    figures,
    financial,
    line,
    of,
    prices,
    run,
    stated,
)

HOT = {
    "id": "hot",
    "kind": "wallet-ratio",
    "storage": ["hot"],
    "measure": "value",
    "share_of": "held",
    "at_most": "5/100",
    "price_basis": "spot",
}


def shares(hot: str, cold: str) -> Inputs:
    held = [*coins("customer", "hot", BTC=hot), *coins("customer", "cold", BTC=cold)]
    return figures(held=held, at=prices("JPY", BTC="1000"))


@pytest.mark.parametrize(
    ("hot", "cold", "at_most", "at_least"),
    [
        ("5", "95", "MET", "MET"),
        ("5.00000001", "95", "NOT_MET", "MET"),
        ("4.99999999", "95", "MET", "NOT_MET"),
        ("0", "95", "MET", "NOT_MET"),
        ("0", "0", "NOT_APPLICABLE", "NOT_APPLICABLE"),
    ],
)
def test_a_bound_is_inclusive_to_the_smallest_unit(hot: str, cold: str, at_most: str, at_least: str) -> None:
    least = {**HOT, "id": "least", "at_least": "5/100"}
    del least["at_most"]
    evaluation = run(stated("JPY", HOT, least), shares(hot, cold))
    assert [result.verdict for result in evaluation.results] == [at_most, at_least]


def test_a_bound_on_units_is_rounded_against_the_exchange() -> None:
    rule = {"id": "x", "kind": "wallet-ratio", "storage": ["hot"], "measure": "units", "share_of": "held"}
    held = [*coins("customer", "hot", A="1"), *coins("customer", "cold", A="2")]
    assert line(of(stated("JPY", {**rule, "at_most": "1/2"}), "x", figures(held=held))) == (1, 1, "MET")
    assert line(of(stated("JPY", {**rule, "at_most": "1/4"}), "x", figures(held=held))) == (0, 1, "NOT_MET")
    assert line(of(stated("JPY", {**rule, "at_least": "1/3"}), "x", figures(held=held))) == (1, 1, "MET")
    assert line(of(stated("JPY", {**rule, "at_least": "2/5"}), "x", figures(held=held))) == (2, 1, "NOT_MET")


def test_a_missing_or_stale_price_is_never_zero() -> None:
    held = [*coins("customer", "hot", BTC="1"), *coins("customer", "cold", BTC="99", ETH="1")]
    policy = stated("JPY", HOT)
    result = of(policy, "hot", figures(held=held, at=prices("JPY", BTC="1000")))
    assert (result.verdict, result.notes) == ("INSUFFICIENT_DATA", ("there is no spot price of ETH in JPY",))
    assert result.deciding is not None
    assert (result.deciding.required, result.deciding.available) == (Fraction(1, 20), None)
    mean = [*prices("JPY", BTC="1000"), *prices("JPY", "mean-12-months", ETH="1")]
    assert of(policy, "hot", figures(held=held, at=mean)).verdict == "INSUFFICIENT_DATA"
    dollars = [*prices("JPY", BTC="1000"), *prices("HKD", ETH="1")]
    assert of(policy, "hot", figures(held=held, at=dollars)).verdict == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(0), "MET"),
        (timedelta(hours=24), "MET"),
        (timedelta(hours=24, seconds=1), "INSUFFICIENT_DATA"),
        (timedelta(seconds=-1), "INSUFFICIENT_DATA"),
    ],
)
def test_a_price_is_of_the_snapshot_or_a_little_before_it(age: timedelta, verdict: str) -> None:
    price = prices("JPY", BTC="1000")[0].model_copy(update={"time": AT - age})
    held = coins("customer", "cold", BTC="1")
    assert of(stated("JPY", HOT), "hot", figures(held=held, at=[price])).verdict == verdict


def test_no_price_is_needed_for_what_is_not_there() -> None:
    held = [*coins("customer", "cold", BTC="1"), *coins("customer", "hot", ETH="0")]
    assert of(stated("JPY", HOT), "hot", figures(held=held, at=prices("JPY", BTC="7"))).verdict == "MET"


COVERAGE = {"id": "coverage", "kind": "coverage", "min_ratio": "1", "deduct": ["encumbrance", "borrowing"]}


def test_with_nothing_owed_coverage_is_met() -> None:
    assert line(of(stated("JPY", COVERAGE), "coverage", figures(held=coins("customer", "hot", BTC="1")))) == (
        0,
        10**8,
        "MET",
    )
    nothing = of(stated("JPY", COVERAGE), "coverage", figures())
    assert (nothing.verdict, nothing.lines) == ("MET", ())
    assert of("jp-psa-in-force", "jp.match", figures()).verdict == "MET"


def test_a_currency_that_nobody_backs_is_short() -> None:
    inputs = figures(owed={"JPY": "10", "EUR": "5"}, deposits=[deposit("JPY", "11")])
    assert {item.subject: item.verdict for item in of(stated("JPY", COVERAGE), "coverage", inputs).lines} == {
        "JPY": "MET",
        "EUR": "NOT_MET",
    }
    trust = stated("JPY", {"id": "trust", "kind": "money-in-trust"})
    assert line(of(trust, "trust", figures(owed={"JPY": "10"}))) == (10, 0, "NOT_MET")
    # What is set aside to compensate customers is not what they are owed.
    reserve = figures(owed={"JPY": "10"}, deposits=[deposit("JPY", "10", "compensation")])
    assert of(trust, "trust", reserve).verdict == "NOT_MET"


@pytest.mark.parametrize("purpose", ["guarantee", "compensation"])
def test_other_coins_are_not_the_customers(purpose: str) -> None:
    inputs = figures(owed={"BTC": "1"}, held=coins(purpose, "cold", BTC="5"))
    assert line(of(stated("JPY", COVERAGE), "coverage", inputs)) == (10**8, 0, "NOT_MET")


def test_pledged_and_borrowed_coins_do_not_count() -> None:
    said = [
        declared("encumbrance", "customer", "BTC", "0.5"),
        declared("borrowing", "customer", "BTC", "0.25"),
        declared("borrowing", "guarantee", "BTC", "9"),
    ]
    inputs = figures(owed={"BTC": "1"}, held=coins("customer", "cold", BTC="1.5"), said=said)
    result = of(stated("JPY", COVERAGE), "coverage", inputs)
    assert line(result) == (10**8, 75_000_000, "NOT_MET")
    assert result.notes[0].startswith("0.50000000 BTC of the customer coins do not count: they are pledged (evidence ")
    held = [*coins("customer", "hot", BTC="1"), *coins("guarantee", "cold", BTC="9.5")]
    assert line(of("jp-psa-in-force", "jp.match", figures(held=held, said=said))) == (10**8, 5 * 10**7, "NOT_MET")
    whole = {**COVERAGE, "deduct": []}
    assert of(stated("JPY", whole), "coverage", inputs).verdict == "MET"


def test_coins_that_were_not_there_around_the_pin_do_not_cover() -> None:
    borrowed = figures(owed={"BTC": "10", "ETH": "1"}, held=coins("customer", "cold", BTC="10", ETH="1"))
    rule = {"id": "r", "kind": "coverage", "min_ratio": "1"}
    assert of(stated("JPY", rule), "r", borrowed).verdict == "MET"
    lowest = borrowed.model_copy(update={"fewer": {"BTC": 400_000_000, "ETH": 0}})
    found = of(stated("JPY", rule), "r", lowest)
    assert [(item.subject, item.available, item.verdict) for item in found.lines] == [
        ("BTC", 600_000_000, "NOT_MET"),
        ("ETH", 10**18, "MET"),
    ]
    assert found.notes == ("4.00000000 BTC do not count: they were not there at a block around the pin",)


@pytest.mark.parametrize("money", [{"at": prices("BTC", ETH="30")}, {"deposits": [deposit("BTC", "0")]}])
def test_a_coin_that_lies_on_a_chain_is_no_money_whatever_is_priced_in_it(money: dict[str, Any]) -> None:
    held = [*coins("customer", "cold", ETH="10"), *coins("customer", "hot", BTC="10")]
    inputs = figures(owed={"BTC": "10", "ETH": "10", "EUR": "5"}, held=held, **money)
    cold = {"kind": "wallet-ratio", "storage": ["cold"], "measure": "units", "share_of": "owed", "at_least": "1"}
    found = of(stated("JPY", {**cold, "id": "r"}), "r", inputs)
    assert ("BTC", "NOT_MET") in [(item.subject, item.verdict) for item in found.lines]
    trust = of(stated("JPY", {"id": "r", "kind": "money-in-trust"}), "r", inputs)
    assert trust.lines == ()


def test_guarantee_coins_that_are_not_kept_cold_do_not_match() -> None:
    held = [*coins("customer", "other", BTC="1"), *coins("guarantee", "hot", BTC="1")]
    assert line(of("jp-psa-in-force", "jp.match", figures(held=held))) == (10**8, 0, "NOT_MET")


NET = {"id": "net", "kind": "net-worth-floor", "accounts": "net-assets", "at_least": 50}


def test_the_newest_accounts_that_are_not_too_old_count() -> None:
    old = declared("financial", "net-assets", "JPY", "60", until="2025-04-30T15:00:00Z")
    later = declared("financial", "net-assets", "JPY", "99", until="2026-11-01T15:00:00Z")
    policy = stated("JPY", NET)
    assert line(of(policy, "net", figures(said=[*financial("JPY", net_assets="50"), old, later]))) == (50, 50, "MET")
    assert line(of(policy, "net", figures(said=[*financial("JPY", net_assets="49"), old]))) == (50, 49, "NOT_MET")
    assert line(of(policy, "net", figures(said=[old]))) == (50, 60, "MET")
    older = declared("financial", "net-assets", "JPY", "60", until="2025-04-30T14:59:59Z")
    assert line(of(policy, "net", figures(said=[older]))) == (50, None, "INSUFFICIENT_DATA")
    assert line(of(policy, "net", figures(said=[later]))) == (50, None, "INSUFFICIENT_DATA")
    assert line(of(policy, "net", figures(said=financial("EUR", net_assets="60")))) == (50, None, "INSUFFICIENT_DATA")


def test_without_a_licence_no_minimum_is_known() -> None:
    held, at = coins("customer", "hot", A="1"), prices("KRW", "mean-12-months", A="1")
    result = of("kr-vaupa", "kr.cover", figures(held=held, at=at))
    assert (result.verdict, result.notes) == (
        "INSUFFICIENT_DATA",
        ("no licence is declared; the rule knows krw-market, coin-market, custody",),
    )
    both = [declared("licence", "custody"), declared("licence", "krw-market")]
    assert line(of("kr-vaupa", "kr.cover", figures(held=held, at=at, said=both)))[0] == 3_000_000_000
    past = [declared("licence", "krw-market", until="2026-10-30T00:00:00Z"), both[0]]
    assert line(of("kr-vaupa", "kr.cover", figures(held=held, at=at, said=past)))[0] == 500_000_000


@pytest.mark.parametrize(
    ("done", "verdict"),
    [
        ([], "INSUFFICIENT_DATA"),
        (["2025-10-31T15:00:00Z"], "MET"),
        (["2025-10-31T14:59:59Z"], "NOT_MET"),
        (["2026-11-01T00:00:00Z"], "INSUFFICIENT_DATA"),
        (["2026-10-31T15:00:00Z"], "MET"),
    ],
)
def test_what_is_due_was_done_in_time(done: list[str], verdict: str) -> None:
    said = [declared("activity", "segregation-audit", since=time) for time in done]
    assert of("jp-psa-in-force", "jp.audit", figures(said=said)).verdict == verdict


def test_one_audit_is_not_two() -> None:
    policy = stated(
        "JPY", {"id": "audit", "kind": "cadence", "activity": "audit", "at_least": 2, "within": "12 months"}
    )
    twice = [declared("activity", "audit", since="2026-10-01T00:00:00Z") for _ in range(2)]
    assert of(policy, "audit", figures(said=twice)).verdict == "NOT_MET"


@pytest.mark.parametrize(
    ("held", "verdict"), [("100", "MET"), ("105", "MET"), ("95", "MET"), ("106", "NOT_MET"), ("94", "NOT_MET")]
)
def test_a_gap_counts_in_both_directions(held: str, verdict: str) -> None:
    rule = {"id": "gap", "kind": "reconciliation-gap", "max_gap": "5/100"}
    inputs = figures(owed={"A": "100"}, held=coins("customer", "cold", A=held))
    assert of(stated("JPY", rule), "gap", inputs).verdict == verdict
    shown = of("kr-vaupa", "kr.gap", inputs)
    assert (shown.verdict, shown.lines[0].required, shown.lines[0].available) == ("NOT_APPLICABLE", 100, int(held))


def test_custodians_keep_no_more_than_there_is() -> None:
    rule = {"id": "cap", "kind": "concentration-cap", "caps": {"bank": "1/2"}, "price_basis": "spot"}
    held, at = coins("customer", "cold", A="10"), prices("JPY", A="1")
    for kept, verdict in (("5", "MET"), ("6", "NOT_MET"), ("11", "INSUFFICIENT_DATA")):
        said = [declared("custodian", "X", "A", kept, tier="bank")]
        assert of(stated("JPY", rule), "cap", figures(held=held, at=at, said=said)).verdict == verdict
    unknown = [declared("custodian", "X", "A", "1", tier="friend")]
    assert of(stated("JPY", rule), "cap", figures(held=held, at=at, said=unknown)).verdict == "INSUFFICIENT_DATA"


def test_the_largest_wallet_is_shown_beside_the_reserve_whatever_it_is() -> None:
    said = [
        declared("largest-wallet", "cold-1", "BTC", "2"),
        declared("largest-wallet", "cold-1", "ETH", "1"),
        declared("largest-wallet", "cold-2", "BTC", "2.5"),
    ]
    at = prices("JPY", BTC="100", ETH="60")
    inputs = figures(said=said, at=at, deposits=[deposit("JPY", "13", "compensation")])
    result = of("jp-psa-in-force", "stress", inputs)
    assert line(result) == (260, 13, "NOT_APPLICABLE")
    assert result.deciding is not None
    assert result.deciding.shortfall == 247
    assert of("jp-psa-in-force", "stress", figures()).verdict == "INSUFFICIENT_DATA"


@pytest.mark.parametrize("name", [name for name in ruleset_names() if name != "jp-fiea-175"])
def test_every_rule_set_shows_the_stress(name: str) -> None:
    assert [rule.kind for rule in load_ruleset(name).rules].count("stress-exposure") == 1


@pytest.mark.parametrize(
    ("bounds", "applies"),
    [
        ({"effective_from": "2026-10-31"}, True),
        ({"effective_from": "2026-11-01"}, False),
        ({"effective_to": "2026-10-31"}, True),
        ({"effective_to": "2026-10-30"}, False),
    ],
)
def test_a_rule_applies_from_its_first_day_to_its_last(bounds: dict[str, str], applies: bool) -> None:  # noqa: FBT001
    result = of(stated("JPY", {**COVERAGE, **bounds}), "coverage", figures(owed={"BTC": "1"}))
    assert result.verdict == ("NOT_MET" if applies else "NOT_APPLICABLE")
    assert policy_results(run(stated("JPY", {**COVERAGE, **bounds}), figures())).results[0].unit is None


def test_a_value_that_is_required_is_rounded_up() -> None:
    rule = {"id": "net", "kind": "net-worth-floor", "accounts": "x", "value_of": "guarantee", "price_basis": "spot"}
    inputs = figures(held=coins("guarantee", "cold", A="1"), at=prices("JPY", A="1/3"), said=financial("JPY", x="0"))
    assert line(of(stated("JPY", rule), "net", inputs)) == (1, 0, "NOT_MET")


def test_a_deduction_that_is_declared_and_too_old_is_not_left_out() -> None:
    said = [declared("licence", "class-2"), *financial("EUR", expenses="900", cet1="900000")]
    old = declared("financial", "profit-shares", "EUR", "1", until="2020-01-01T00:00:00Z")
    assert of("eu-mica-casp", "eu.safeguard", figures(said=said)).verdict == "MET"
    assert of("eu-mica-casp", "eu.safeguard", figures(said=[*said, old])).verdict == "INSUFFICIENT_DATA"


def test_a_custodian_of_two_tiers_has_the_lower_cap() -> None:
    rule = {"id": "cap", "kind": "concentration-cap", "caps": {"bank": "1", "friend": "1/2"}, "price_basis": "spot"}
    held, at = coins("customer", "cold", A="10", B="1"), prices("JPY", A="1", B="1")
    for first, second in (("bank", "friend"), ("friend", "bank")):
        said = [
            declared("custodian", "X", "A", "10", tier=first),
            declared("custodian", "X", "B", "1", tier=second),
        ]
        assert line(of(stated("JPY", rule), "cap", figures(held=held, at=at, said=said))) == (5, 11, "NOT_MET")


@pytest.mark.parametrize(
    "change",
    [
        {"share_of": "owed"},
        {"price_basis": None},
        {"measure": "units"},
        {"at_least": "1/2"},
    ],
)
def test_a_share_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    rule = {key: value for key, value in {**HOT, **change}.items() if value is not None}
    with pytest.raises(MalformedError):
        stated("JPY", rule)
