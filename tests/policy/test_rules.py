"""Bounds, missing inputs, and what counts and what does not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from attest.amounts import MAX_AMOUNT
from attest.documents import parse_time
from attest.errors import AttestError, MalformedError
from attest.policy.inputs import Cover, Declaration, Deposit, Inputs, Price
from attest.policy.results import policy_results
from attest.policy.rules import evaluate
from attest.policy.source import load_ruleset, ruleset_names
from tests.policy.build import (
    AT,
    coins,
    cover,
    declared,
    deposit,
    figures,
    financial,
    leaf,
    line,
    of,
    prices,
    run,
    stated,
    volumes,
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


def test_guarantee_coins_that_are_not_kept_cold_do_not_match() -> None:
    held = [*coins("customer", "other", BTC="1"), *coins("guarantee", "hot", BTC="1")]
    assert line(of("jp-psa-in-force", "jp.match", figures(held=held))) == (10**8, 0, "NOT_MET")


BAND = [
    {
        "id": "base",
        "kind": "volume-rate-with-ceiling",
        "fiscal_years": 3,
        "buckets": {"spot": {"accrual": "1/3", "ceiling": "1/3"}},
    },
    {"id": "band", "kind": "band", "of": "base", "figure": "ceiling", "floor": 100, "cap": 1000},
]


def band(accepts: dict[str, Any], **tier: Any) -> Any:
    return stated("JPY", BAND[0], {**BAND[1], "accepts": accepts, **({"tiered": True} if tier else {})}, **tier)


@pytest.mark.parametrize(
    ("largest", "required"),
    [("0", 100), ("300", 100), ("301", 101), ("303", 101), ("2999", 1000), ("3000", 1000), ("9999", 1000)],
)
def test_floor_and_cap_are_exact_and_a_requirement_is_rounded_up(largest: str, required: int) -> None:
    said = volumes("JPY", "spot", "0", largest, "0")
    for there, verdict in ((required, "MET"), (required - 1, "NOT_MET")):
        inputs = figures(said=said, deposits=[deposit("JPY", str(there), "compensation")])
        assert line(of(band({"deposits": True}), "band", inputs)) == (required, there, verdict)


def test_a_younger_business_has_fewer_fiscal_years() -> None:
    inputs = figures(said=volumes("JPY", "spot", "600", "900"))
    result = of(band({"deposits": True}), "base", inputs)
    assert (result.figure("accrual"), result.figure("ceiling")) == (200, 300)
    assert result.notes[0] == "2 of 3 fiscal years are declared, and those count"
    older = figures(said=volumes("JPY", "spot", "600", "900", "600", "99999"))
    assert of(band({"deposits": True}), "base", older).figure("ceiling") == 300


def test_a_year_that_is_missing_in_between_is_not_left_out() -> None:
    first, _, third = volumes("JPY", "spot", "600", "99999", "900")
    result = of(band({"deposits": True}), "band", figures(said=[first, third]))
    assert (result.verdict, result.deciding and result.deciding.required) == ("INSUFFICIENT_DATA", None)
    assert "the year of volume before 2025-03-31T15:00:00Z is missing, or another overlaps it" in result.notes


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ([], "no volume of spot is declared in JPY"),
        (volumes("HKD", "spot", "600"), "no volume of spot is declared in JPY"),
        (
            [declared("volume", "spot", "JPY", "600", since="2023-01-01T00:00:00Z", until="2024-01-01T00:00:00Z")],
            "the last year of volume ended at 2024-01-01T00:00:00Z, longer ago than 18 months",
        ),
        (
            [declared("volume", "spot", "JPY", "600", since="2026-01-01T00:00:00Z", until="2026-12-31T00:00:00Z")],
            "no volume of spot is declared in JPY",
        ),
    ],
)
def test_a_volume_that_is_not_declared_is_not_known(said: Iterable[Declaration], note: str) -> None:
    result = of(band({"deposits": True}), "band", figures(said=said))
    assert result.verdict == "INSUFFICIENT_DATA"
    assert note in result.notes


def test_every_bucket_is_declared_or_the_ceiling_is_not_known() -> None:
    said = [*financial("JPY", reserve_opening="0", reserve_used="0", reserve_closing="0")]
    inputs = figures(said=[*said, *volumes("JPY", "shares", "1", "1", "1")])
    result = of("jp-fiea-175", "fiea.reserve", inputs)
    assert result.verdict == "INSUFFICIENT_DATA"
    assert len(result.notes) == 7 * 3
    assert "no volume of bond-futures in the year until 2026-03-31T15:00:00Z is declared in JPY" in result.notes


def test_what_was_used_of_a_reserve_leaves_room_below_the_ceiling() -> None:
    names = {"opening": "reserve-opening", "used": "reserve-used", "closing": "reserve-closing"}
    policy = stated("JPY", {**BAND[0], **names})
    said = [*volumes("JPY", "spot", "300"), *financial("JPY", reserve_opening="90", reserve_used="40")]
    result = of(policy, "base", figures(said=[*said, *financial("JPY", reserve_closing="99")]))
    assert [result.figure(name) for name in ("reserve", "provision", "closing")] == [50, 50, 100]
    assert line(result) == (100, 99, "NOT_MET")
    assert line(of(policy, "base", figures(said=said))) == (100, None, "INSUFFICIENT_DATA")


INSURED = {
    "contracts": [
        {
            "form": "insurance",
            "insurer_authorised": True,
            "insurer_independent": True,
            "initial_term_months": 12,
            "cancellation_notice_days": 90,
            "covers": ["external-theft", "legal-breach"],
            "customers_benefit": True,
        }
    ]
}


def credit(*covers: Cover, accepts: dict[str, Any] = INSURED) -> tuple[Fraction | None, tuple[str, ...]]:
    result = of(band(accepts), "band", figures(said=volumes("JPY", "spot", "3000"), covers=covers))
    return result.figure("available"), result.notes


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"insurer_authorised": False}, "authorised"),
        ({"insurer_authorised": None}, "authorised"),
        ({"insurer_independent": False}, "independent"),
        ({"initial_term_months": 11}, "12 months"),
        ({"initial_term_months": None}, "12 months"),
        ({"cancellation_notice_days": 89}, "90 days"),
        ({"covers": ("legal-breach",)}, "cover external-theft"),
        ({"covers": None}, "cover external-theft"),
        ({"excludes": ("external-theft",)}, "excludes external-theft"),
        ({"customers_benefit": None}, "customers"),
        ({"deductible": None}, "deductible"),
        ({"used": None}, "used"),
        ({"since": None}, "in force"),
        ({"until": None}, "in force"),
    ],
)
def test_insurance_counts_only_when_every_condition_is_known_to_hold(terms: dict[str, Any], reason: str) -> None:
    assert credit(cover("insurance", "JPY", "500"))[0] == 500
    there, notes = credit(cover("insurance", "JPY", "500", **terms))
    assert there == 0
    assert any("does not count" in note and reason in note for note in notes)


@pytest.mark.parametrize(
    ("since", "until", "counts"),
    [
        ("2026-04-01T00:00:00Z", "2026-10-31T15:00:00Z", True),
        ("2026-04-01T00:00:00Z", "2026-10-31T00:00:00Z", True),  # through the day on which it ends
        ("2026-04-01T00:00:00Z", "2026-10-30T23:59:59Z", False),
        ("2026-10-31T15:00:00Z", "2027-10-31T15:00:00Z", True),
        ("2026-10-31T15:00:01Z", "2027-10-31T15:00:00Z", False),  # it begins after the snapshot
    ],
)
def test_insurance_holds_from_its_first_second_through_its_last_day(since: str, until: str, counts: bool) -> None:  # noqa: FBT001
    terms = cover("insurance", "JPY", "500", since=parse_time(since), until=parse_time(until))
    assert credit(terms)[0] == (500 if counts else 0)


def test_what_insurance_stands_for_is_limited() -> None:
    limited = {"contracts": [{**INSURED["contracts"][0], "max_share": "1/3", "haircut": "1/10"}]}
    assert credit(cover("insurance", "JPY", "300", deductible=90, used=10), accepts=limited)[0] == 180
    # A third of 1,000, for both contracts together, and rounded down only where it is compared.
    two = [cover("insurance", "JPY", "300"), cover("insurance", "JPY", "300")]
    assert credit(*two, accepts=limited)[0] == Fraction(1000, 3)
    result = of(band(limited), "band", figures(said=volumes("JPY", "spot", "3000"), covers=two))
    assert line(result) == (1000, 333, "NOT_MET")
    assert result.figure("own funds") == 667
    assert credit(cover("insurance", "JPY", "50", deductible=90))[0] == 0
    assert credit(cover("escrow", "JPY", "300"))[0] == 0


@pytest.mark.parametrize(
    ("terms", "counts"),
    [
        ({"on_demand": True}, True),
        ({"maturity": parse_time("2027-04-30T15:00:00Z")}, True),
        ({"maturity": parse_time("2027-04-30T15:00:01Z")}, False),
        ({}, False),
        ({"on_demand": False}, False),
    ],
)
def test_a_deposit_on_trust_matures_in_time(terms: dict[str, Any], counts: bool) -> None:  # noqa: FBT001
    accepts = {"contracts": [{"form": "trust-deposit", "maturity_within": "6 months"}]}
    there, _ = credit(cover("trust-deposit", "JPY", "300", **{"since": None, "until": None, **terms}), accepts=accepts)
    assert there == (300 if counts else 0)


def test_own_coins_count_at_their_price_less_a_haircut() -> None:
    accepts = {"coins": {"price_basis": "spot", "haircut": "1/3", "assets": ["BTC"]}}
    held = [*coins("compensation", "cold", BTC="1", ETH="5"), *coins("customer", "cold", BTC="7")]
    said = [*volumes("JPY", "spot", "3000"), declared("encumbrance", "compensation", "BTC", "0.5")]
    result = of(band(accepts), "band", figures(said=said, held=held, at=prices("JPY", BTC="1000")))
    assert (result.figure("available"), line(result)) == (Fraction(1000, 3), (1000, 333, "NOT_MET"))
    every = {"coins": {"price_basis": "spot"}}
    missing = of(band(every), "band", figures(said=said, held=held, at=prices("JPY", BTC="1000")))
    assert line(missing) == (1000, None, "INSUFFICIENT_DATA")
    assert "there is no spot price of ETH in JPY" in missing.notes


def test_money_of_another_currency_counts_at_its_price() -> None:
    held = [deposit("EUR", "2.50", "compensation")]
    said = volumes("JPY", "spot", "3000")
    result = of(band({"deposits": True}), "band", figures(said=said, deposits=held, at=prices("JPY", EUR="170")))
    assert line(result) == (1000, 425, "NOT_MET")
    assert of(band({"deposits": True}), "band", figures(said=said, deposits=held)).verdict == "INSUFFICIENT_DATA"


TIER = {
    "authority_status": "tool_example",
    "citation": "a test",
    "lowest": "1/2",
    "highest": "3",
    "size": {
        "price_basis": "spot",
        "steps": [{"at_least": 0, "multiplier": "1"}, {"at_least": 1000, "multiplier": "2"}],
    },
    "volume": {
        "buckets": ["spot", "margin"],
        "fiscal_years": 2,
        "steps": [{"at_least": 0, "multiplier": "1"}, {"at_least": 1500, "multiplier": "3/2"}],
    },
    "posture": {
        "points": {"keys": 60, "test": 40},
        "steps": [{"at_least": 0, "multiplier": "1"}, {"at_least": 100, "multiplier": "1/10"}],
    },
}
KEYS = declared("posture", "keys", until="2026-10-31T00:00:00Z")
TEST = declared("posture", "test", until="2027-10-31T00:00:00Z")


@pytest.mark.parametrize(
    ("owed", "margin", "posture", "multiplier"),
    [
        ("999", "899", [], 1),
        ("1000", "899", [], 2),
        ("999", "900", [], Fraction(3, 2)),
        ("1000", "900", [], 3),
        ("999", "899", [KEYS, TEST], Fraction(1, 2)),
        ("1000", "900", [KEYS, TEST], Fraction(1, 2)),
        ("999", "899", [KEYS, declared("posture", "test", until="2026-10-30T23:59:59Z")], 1),
        ("999", "899", [KEYS, declared("posture", "keys", until="2027-10-31T00:00:00Z")], 1),
        (
            "999",
            "899",
            [KEYS, declared("posture", "test", since="2026-11-01T00:00:00Z", until="2027-10-31T00:00:00Z")],
            1,
        ),
    ],
)
def test_a_tier_scales_by_size_volume_and_posture(
    owed: str, margin: str, posture: list[Declaration], multiplier: Fraction
) -> None:
    said = [*volumes("JPY", "spot", "300", "600"), *volumes("JPY", "margin", "0", margin), *posture]
    result = of(band({"deposits": True}, tier=TIER), "band", figures(owed={"JPY": owed}, said=said))
    assert result.figure("multiplier") == multiplier
    # The floor is applied afterwards.
    assert line(result)[0] == max(100, 200 * multiplier)
    off = of(band({"deposits": True}), "band", figures(owed={"JPY": owed}, said=said))
    assert (off.figure("multiplier"), line(off)[0]) == (None, 200)


def test_size_needs_a_price_for_everything_owed() -> None:
    said = [*volumes("JPY", "spot", "300", "600"), *volumes("JPY", "margin", "0", "0")]
    result = of(band({"deposits": True}, tier=TIER), "band", figures(owed={"BTC": "1"}, said=said))
    assert (result.verdict, result.notes) == ("INSUFFICIENT_DATA", ("there is no spot price of BTC in JPY",))


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


ONCE: dict[str, dict[str, Any]] = {
    "price": {"at": [*prices("JPY", BTC="1"), *prices("JPY", BTC="2")]},
    "cover": {"covers": [cover("insurance", "JPY", "1").model_copy(update={"evidence_leaf": leaf("a")})] * 2},
    "deposit and cover": {
        "deposits": [deposit("JPY", "1", "compensation").model_copy(update={"evidence_leaf": leaf("a")})],
        "covers": [cover("trust-deposit", "JPY", "1").model_copy(update={"evidence_leaf": leaf("a")})],
    },
    "deposit": {
        "deposits": [
            deposit("JPY", "1").model_copy(update={"evidence_leaf": leaf("a")}),
            deposit("JPY", "2", "compensation").model_copy(update={"evidence_leaf": leaf("a")}),
        ]
    },
    "declaration": {"said": [KEYS, KEYS]},
    "figure of the accounts": {"said": [*financial("JPY", cet1="1"), *financial("EUR", cet1="2")]},
    "volume": {"said": [*volumes("JPY", "spot", "1"), *volumes("JPY", "spot", "1")]},
    "custodian": {
        "said": [declared("custodian", "X", "A", "1", tier="a"), declared("custodian", "X", "A", "2", tier="b")]
    },
    "asset without decimals": {
        "owed": {},
        "held": [coins("customer", "hot", BTC="1")[0].model_copy(update={"asset": "NEW"})],
    },
    "amount that is too large": {
        "held": [coins("customer", "hot", A="1")[0].model_copy(update={"amount": MAX_AMOUNT + 1})]
    },
    "negative amount": {"held": [coins("customer", "hot", A="1")[0].model_copy(update={"amount": -1})]},
}


@pytest.mark.parametrize("case", ONCE)
def test_what_would_count_twice_is_refused(case: str) -> None:
    with pytest.raises(MalformedError) as caught:
        evaluate(load_ruleset("jp-psa-in-force"), figures(**ONCE[case]))
    assert caught.value.code == "policy/inputs"


def test_two_pledges_add_up() -> None:
    said = [declared("encumbrance", "customer", "BTC", "0.5") for _ in range(2)]
    inputs = figures(owed={"BTC": "1"}, held=coins("customer", "cold", BTC="1"), said=said)
    assert line(of(stated("JPY", COVERAGE), "coverage", inputs)) == (10**8, 0, "NOT_MET")


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "volume", "name": "spot", "unit": "JPY", "amount": "1", "since": "2026-01-01T00:00:00Z"},
        {"kind": "encumbrance", "name": "everything", "unit": "BTC", "amount": "1"},
        {"kind": "activity", "name": "audit"},
        {"kind": "posture", "name": "x", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"kind": "financial", "name": "x", "unit": "JPY", "amount": "-1", "until": "2026-01-01T00:00:00Z"},
    ],
)
def test_a_declaration_says_what_its_kind_needs(value: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Declaration.from_value({"evidenceLeaf": "ab" * 32, **value}, what="declaration")


def test_prices_with_absurd_denominators_are_refused_before_they_grow() -> None:
    held, at = [], []
    for index in range(40):
        price = prices("JPY", BTC=f"1/{10**36 + 2 * index + 1}")[0]
        at.append(price.model_copy(update={"asset": f"T{index}"}))
        held.append(coins("customer", "hot", BTC="1")[0].model_copy(update={"asset": f"T{index}"}))
    inputs = figures(held=held, at=at).model_copy(update={"decimals": {f"T{index}": 0 for index in range(40)}})
    with pytest.raises(AttestError) as caught:
        evaluate(stated("JPY", HOT), inputs)
    assert caught.value.code == "policy/prices"


def test_a_statement_has_a_result_for_each_asset_and_nulls_for_what_is_not_known() -> None:
    inputs = figures(owed={"BTC": "1", "ETH": "1"}, held=coins("customer", "cold", BTC="2"))
    policy = stated("JPY", COVERAGE, HOT, {"id": "audit", **CADENCE})
    wire = policy_results(run(policy, inputs)).to_value()
    assert (wire["id"], wire["sha256"], wire["authorityStatus"]) == ("stated", policy.sha256.hex(), "tool_example")
    assert wire["results"] == [
        {"rule": "coverage", "verdict": "MET", "required": "100000000", "available": "200000000", "unit": "BTC"},
        {"rule": "coverage", "verdict": "NOT_MET", "required": str(10**18), "available": "0", "unit": "ETH"},
        {"rule": "hot", "verdict": "INSUFFICIENT_DATA", "required": "1/20", "available": None, "unit": "ratio"},
        {"rule": "audit", "verdict": "INSUFFICIENT_DATA", "required": None, "available": None, "unit": None},
    ]


CADENCE = {"kind": "cadence", "activity": "audit", "at_least": 1, "within": "1 day"}


def test_inputs_are_strict_json() -> None:
    inputs = figures(
        owed={"BTC": "1"},
        held=coins("customer", "cold", BTC="1"),
        deposits=[deposit("JPY", "1")],
        covers=[cover("insurance", "JPY", "1")],
        said=[KEYS],
        at=prices("JPY", BTC="1"),
    )
    assert Inputs.from_json(inputs.to_bytes(), what="inputs", max_bytes=10**6) == inputs
    with pytest.raises(MalformedError):
        Inputs.from_value({**inputs.to_value(), "more": 1}, what="inputs")
    assert {Deposit, Price} <= {type(item) for item in (*inputs.deposits, *inputs.prices)}
