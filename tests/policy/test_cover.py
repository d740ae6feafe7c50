"""Requirements of money: volumes, bands and tiers, and what stands for them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest

from attest.documents import parse_time
from attest.policy.inputs import Cover, Declaration
from tests.policy.build import (
    coins,
    cover,
    declared,
    deposit,
    figures,
    financial,
    line,
    of,
    prices,
    stated,
    volumes,
)

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
