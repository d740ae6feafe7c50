"""Worked examples of reserve rules: each through the rule set that has it, or else through the rule stated here."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from attest.amounts import parse_decimal, ratio_percent
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from attest.policy.inputs import Declaration, parse_rational
from attest.policy.results import Result
from tests.conftest import FIXTURES
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

VECTORS = {item["id"]: item for item in json.loads((FIXTURES / "vectors" / "policy.json").read_text())["vectors"]}
PASS = {True: "MET", False: "NOT_MET"}
Vector = tuple[dict[str, Any], dict[str, Any]]


def vectors(prefix: str, *, only: str = "") -> Any:
    """A test for each vector whose id begins so."""
    names = [name for name in VECTORS if name.startswith(prefix) and only in name]
    CHECKED.update(names)
    return pytest.mark.parametrize("name", names)


CHECKED: set[str] = set()


def vector(name: str) -> Vector:
    return VECTORS[name]["inputs"], VECTORS[name]["expected"]


def figure(result: Result, name: str) -> str:
    value = result.figure(name)
    assert value is not None, name
    return str(value)


# The order's buckets under the vectors' names.
BUCKETS = {
    "equity": "shares",
    "equity_index_fut": "share-index-futures",
    "equity_opt_premium": "share-options-premium",
    "bond_fut": "bond-futures",
    "fx_exch": "currency-futures",
    "": "bond-options-premium",
    " ": "deposit-rate-futures",
    "  ": "bill-rate-futures",
}


@vectors("JP175")
def test_the_reserve_of_securities_firms(name: str) -> None:
    given, expected = vector(name)
    traded = given["volumes_by_bucket_FY[t,t-1,t-2]"]
    said: list[Declaration] = []
    for key, bucket in BUCKETS.items():
        said += volumes("JPY", bucket, *traded.get(key, ["0", "0", "0"]))
    said += financial("JPY", reserve_opening=given["opening_reserve"], reserve_used="0")
    said += financial("JPY", reserve_closing=expected["closing_reserve"])
    result = of("jp-fiea-175", "fiea.reserve", figures(said=said))
    assert figure(result, "accrual") == expected["accrual_cap_i"]
    assert figure(result, "ceiling") == expected["ceiling_ii"]
    assert figure(result, "provision") == expected["provision"]
    assert figure(result, "closing") == expected["closing_reserve"]
    assert figure(result, "releasable") == expected["releasable"]
    assert result.verdict == "MET"
    assert result.deciding is not None
    assert result.deciding.required == int(expected["closing_reserve"]) - int(expected["releasable"])


POSTURE = {"5/4": ["quorum-keys", "independent-security-report", "no-unresolved-incident"]}
POSTURE["1"] = [*POSTURE["5/4"], "penetration-test", "threat-led-test", "cold-ratio-above-minimum"]


@vectors("JPX")
def test_the_planned_reserve(name: str) -> None:
    given, expected = vector(name)
    insurance = given["insurance"]
    said = [
        *volumes("JPY", "crypto-spot", "1", given["max_annual_volume_3FY"], "2"),
        *(declared("posture", item, until="2027-01-01T00:00:00Z") for item in POSTURE[given["tier_multiplier"]]),
    ]
    eligible = {} if insurance["eligible"] else {"insurer_independent": False}
    terms = cover("insurance", "JPY", insurance["limit"], deductible=int(insurance["deductible"]), **eligible)
    funds = deposit("JPY", expected["own_funds_needed"], "compensation")
    inputs = figures(said=said, covers=[terms], deposits=[funds])
    assert of("jp-reserve-draft", "jpx.base", inputs).verdict == "NOT_APPLICABLE"
    result = of("jp-reserve-draft", "jpx.reserve", inputs)
    assert figure(result, "multiplier") == given["tier_multiplier"]
    assert figure(result, "base") == expected["base"]
    assert figure(result, "insurance credit") == expected["insurance_credit"]
    assert figure(result, "own funds") == expected["own_funds_needed"]
    required = int(expected["required"])
    assert line(result) == (required, required, "MET")
    assert result.authority_status == "tool_example"
    short = figures(
        said=said,
        covers=[terms],
        deposits=[deposit("JPY", str(int(expected["own_funds_needed"]) - 1), "compensation")],
    )
    assert line(of("jp-reserve-draft", "jpx.reserve", short)) == (required, required - 1, "NOT_MET")


@vectors("JPC")
def test_what_japan_lets_be_hot(name: str) -> None:
    given, expected = vector(name)
    hot = {asset: Fraction(text) for asset, text in given["client_hot"].items()}
    cold = {asset: str(int(Fraction(text) - hot[asset])) for asset, text in given["client_total"].items()}
    held = [*coins("customer", "hot", **given["client_hot"]), *coins("customer", "cold", **cold)]
    result = of("jp-psa-in-force", "jp.hot", figures(held=held, at=prices("JPY", **given["price"])))
    assert figure(result, "customers' coins in hot or other storage") == expected["hot_value"]
    assert figure(result, "all coins held for customers") == expected["total_value"]
    assert figure(result, "ratio") == expected["ratio"]
    assert result.verdict == PASS[expected["pass"]]


@vectors("JPG")
def test_what_matches_hot_coins_in_japan(name: str) -> None:
    given, expected = vector(name)
    held = [
        *coins("customer", "hot", **given["client_hot"]),
        *coins("guarantee", "cold", **given["own_cold_performance_guarantee"]),
    ]
    result = of("jp-psa-in-force", "jp.match", figures(held=held))
    assert result.verdict == PASS[expected["pass"]]
    short = {item.subject: item.shortfall for item in result.lines}
    assert short == {
        asset: parse_decimal(text, {"BTC": 8, "ETH": 18, "XRP": 6}[asset])
        for asset, text in expected["shortfall"].items()
    }


@vectors("JPN")
def test_the_net_assets_of_a_japanese_exchange(name: str) -> None:
    given, expected = vector(name)
    held = coins("guarantee", "cold", BTC="100")
    price = str(int(given["performance_guarantee_value"]) // 100)
    inputs = figures(held=held, at=prices("JPY", BTC=price), said=financial("JPY", net_assets=given["net_assets"]))
    result = of("jp-psa-in-force", "jp.networth", inputs)
    assert line(result) == (int(given["performance_guarantee_value"]), int(given["net_assets"]), PASS[expected["pass"]])
    assert result.deciding is not None
    assert str(result.deciding.shortfall) == expected["shortfall"]
    assert result.authority_status == VECTORS[name]["authority_status"]


@vectors("JPF")
def test_money_in_trust_in_japan(name: str) -> None:
    given, expected = vector(name)
    inputs = figures(owed={"JPY": given["client_money"]}, deposits=[deposit("JPY", given["trust_principal"])])
    required, there, verdict = line(of("jp-psa-in-force", "jp.trust", inputs))
    assert required is not None
    assert there is not None
    assert (str(there - required), verdict) == (expected["surplus"], PASS[expected["pass"]])


FORMS = {"third_party_insurance": "insurance", "bank_guarantee": "bank-guarantee"}
MATURITY: dict[str, Any] = {
    "trust_demand_deposit": {"on_demand": True},
    "trust_fixed_deposit_5m": {"maturity": "2027-03-31T00:00:00Z"},
    "trust_fixed_deposit_9m": {"maturity": "2027-07-31T00:00:00Z"},
}


def hong_kong(given: dict[str, Any]) -> list[Any]:
    return [
        *coins("customer", "hot", A=given["hot"]),
        *coins("customer", "other", A=given.get("other", "0")),
        *coins("customer", "cold", A=given["cold"]),
    ]


@vectors("HK")
def test_cover_and_cold_storage_in_hong_kong(name: str) -> None:
    from attest.documents import parse_time

    given, expected = vector(name)
    covers = []
    for item in given.get("arrangement", ()):
        terms = dict(MATURITY.get(item["form"], {}))
        if "maturity" in terms:
            terms["maturity"] = parse_time(terms["maturity"])
        covers.append(cover(FORMS.get(item["form"], "trust-deposit"), "HKD", item["amount"], **terms))
    inputs = figures(held=hong_kong(given), covers=covers, at=prices("HKD", A="1"))
    cold = of("hk-sfc-vatp", "hk.cold", inputs)
    assert figure(cold, "ratio") == expected["cold_ratio"]
    assert cold.verdict == PASS[expected.get("cold_ratio_pass(>=98/100)", expected["pass"])]
    required, there, verdict = line(of("hk-sfc-vatp", "hk.compensation", inputs))
    assert required == 100 * int(expected.get("required_compensation") or expected["required"])
    if "eligible_total" in expected:
        assert there == 100 * int(expected["eligible_total"])
        assert there - required == 100 * int(expected["surplus"])
        assert verdict == PASS[expected["pass"]]


DEDUCTIONS = {
    "staff_bonuses": "staff-bonuses-of-net-profit",
    "profit_shares": "profit-shares",
    "discretionary_variable": "discretionary-variable-pay",
    "non_recurring": "non-recurring-expenses",
}


@vectors("EU-", only="binds")
def test_prudential_safeguards_in_the_european_union(name: str) -> None:
    check_mica(name)


@vectors("EU-3")
def test_insurance_of_half_a_year_is_no_safeguard_in_the_european_union(name: str) -> None:
    check_mica(name, initial_term_months=6)


def check_mica(name: str, **terms: Any) -> None:
    given, expected = vector(name)
    said = [
        declared("licence", f"class-{given['class']}"),
        *financial("EUR", expenses=given["total_expenses_after_distribution"], cet1=given["CET1"]),
        *(item for key, text in given["deductions"].items() for item in financial("EUR", **{DEDUCTIONS[key]: text})),
    ]
    covers = [cover("insurance", "EUR", given["insurance_or_guarantee"]["amount"], **terms)]
    result = of("eu-mica-casp", "eu.safeguard", figures(said=said, covers=covers))
    assert figure(result, "minimum") == expected["class_minimum"] + "00"
    assert figure(result, "base") == expected["fixed_overheads"] + "00"
    assert figure(result, "fraction") == expected["quarter"] + "00"
    required, there = (100 * int(expected[key]) for key in ("required", "available"))
    assert line(result) == (required, there, PASS[expected["pass"]])


@vectors("EU-4")
def test_what_a_european_custodian_is_liable_for_is_the_value_at_the_time_of_loss(name: str) -> None:
    given, expected = vector(name)
    lost = {given["asset"]: given["lost"]}
    rule = {
        "id": "liability",
        "kind": "net-worth-floor",
        "accounts": "x",
        "value_of": "customer",
        "price_basis": "spot",
    }
    inputs = figures(held=coins("customer", "hot", **lost), at=prices("EUR", BTC=given["market_price_at_loss"]))
    result = of(stated("EUR", rule), "liability", inputs)
    assert figure(result, "customer coins") == expected["liability_cap"] + "00"


@vectors("KR-", only="minimum")
def test_the_minimum_cover_in_korea(name: str) -> None:
    check_korean_cover(name)


@vectors("KR-1")
def test_five_percent_cover_in_korea(name: str) -> None:
    check_korean_cover(name)


def check_korean_cover(name: str) -> None:
    given, expected = vector(name)
    licence = {"KRW_market": "krw-market", "other": "coin-market"}[given["type"]]
    limit = expected["required_insurance_limit_or_reserve"]
    held = coins("customer", "hot", A="1")
    at = prices("KRW", "mean-12-months", A=given["hot_economic_value(12m avg price)"])
    covers = [cover("insurance", "KRW", limit)]
    said = [declared("licence", licence)]
    result = of("kr-vaupa", "kr.cover", figures(held=held, at=at, covers=covers, said=said))
    assert figure(result, "percent") == expected["five_pct"]
    assert figure(result, "minimum") == expected["minimum"]
    assert line(result) == (int(limit), int(limit), "MET")


@vectors("KR-5")
def test_the_price_basis_matters_in_korea(name: str) -> None:
    given, expected = vector(name)
    held = []
    for asset, item in given["assets"].items():
        held += coins("customer", "cold", **{asset: item["client_cold"]})
        held += coins("customer", "hot", **{asset: str(int(item["client_total"]) - int(item["client_cold"]))})
    mean = prices("KRW", "mean-12-months", **{asset: item["avg12m"] for asset, item in given["assets"].items()})
    spot = prices("KRW", **{asset: item["spot"] for asset, item in given["assets"].items()})
    inputs = figures(held=held, at=[*mean, *spot])
    result = of("kr-vaupa", "kr.cold", inputs)
    assert (figure(result, "ratio"), result.verdict) == (expected["ratio_avg12m"], PASS[expected["pass_avg12m"]])
    rule = {**BY_VALUE, "storage": ["cold"], "at_least": "80/100"}
    other = of(stated("KRW", rule), "ratio", inputs)
    assert (figure(other, "ratio"), other.verdict) == (expected["ratio_spot"], PASS[expected["would_pass_on_spot"]])


BY_VALUE = {"id": "ratio", "kind": "wallet-ratio", "measure": "value", "share_of": "held", "price_basis": "spot"}


@vectors("TW")
def test_taiwans_quantity_of_each_asset_and_value_of_all(name: str) -> None:
    given, expected = vector(name)
    owed = str(sum(int(text) for text in given["client_balances_BTC"]))
    by_units = {"kind": "wallet-ratio", "storage": ["cold"], "measure": "units", "share_of": "owed"}
    policy = stated("JPY", {"id": "quantity", "at_least": "75/100", **by_units})
    result = of(policy, "quantity", figures(owed={"BTC": owed}, held=coins("customer", "cold", BTC=given["cold_BTC"])))
    least = int(expected["per_asset_min_cold"]) * 10**8
    assert line(result) == (least, least, PASS[expected["qty_pass"]])


@vectors("TR")
def test_turkeys_coverage(name: str) -> None:
    given, expected = vector(name)
    policy = stated("JPY", {"id": "coverage", "kind": "coverage", "min_ratio": "1"})
    held = coins("customer", "cold", BTC=given["reserves_C"])
    result = of(policy, "coverage", figures(owed={"BTC": given["client_liability_D"]}, held=held))
    required, there, verdict = line(result)
    assert required is not None
    assert there is not None
    assert (str(Fraction(there, required)), verdict) == (expected["ratio"], PASS[expected["pass"]])


@vectors("AE")
def test_coverage_in_dubai(name: str) -> None:
    given, expected = vector(name)
    inputs = figures(owed=given["liabilities"], held=coins("customer", "cold", **given["reserves"]))
    result = of("ae-vara", "ae.reserve", inputs)
    assert {item.subject: item.verdict == "MET" for item in result.lines} == expected["pass"]
    assert result.verdict == PASS[expected["overall"]]


@vectors("CA")
def test_canadas_caps_on_custodians(name: str) -> None:
    given, expected = vector(name)
    caps = dict(given["caps"])
    rule = {
        "id": "cap",
        "kind": "concentration-cap",
        "self_custody": caps.pop("self"),
        "caps": caps,
        "price_basis": "spot",
    }
    said = [
        declared("custodian", f"custodian of {tier}", "A", amount, tier=tier)
        for tier, amount in given["held"].items()
        if tier != "self"
    ]
    held = coins("customer", "cold", A=given["total_client_crypto_CAD"])
    result = of(stated("CAD", rule), "cap", figures(held=held, said=said, at=prices("CAD", A="1")))
    over = {item.subject: str(int(item.shortfall) // 100) for item in result.lines if item.shortfall}
    assert over == {"the exchange itself": expected["violations"]["self"]}
    assert result.verdict == PASS[expected["pass"]]


@vectors("POR-1")
def test_a_ratio_is_shown_rounded_down(name: str) -> None:
    given, expected = vector(name)
    wallet, client = (parse_decimal(given[key], 2) for key in ("wallet", "client"))
    shown = ratio_percent(wallet, client)
    assert shown == "201.44 %"
    assert shown.startswith(expected["display_floor_1dp"])
    exact = Fraction(wallet, client) * 100
    assert round(exact, 6) == Fraction(expected["ratio_pct_exact_6dp"])  # the vector's figure is to the nearest


@vectors("POR-2")
def test_a_negative_balance_is_no_liability_and_is_counted(name: str, tmp_path: Path) -> None:
    given, expected = vector(name)
    rows = [f"account {index},A,{balance}" for index, balance in enumerate(given["balances"])]
    (tmp_path / "ledger.csv").write_text("\n".join(["account,asset,balance", *rows]))
    totals = ControlTotals()
    owed = sum(
        int.from_bytes(amount.tobytes())
        for columns in read(Source("ledger.csv", folder=tmp_path), {"A": 0}, totals)
        for amount in columns.amounts
    )
    assert str(owed) == expected["liability"]
    assert totals.assets["A"].negative == expected["negative_accounts"]
    assert str(totals.assets["A"].negative_sum) == expected["negative_total_disclosed"]


@vectors("POR-3")
def test_netting_loans_would_change_the_answer(name: str) -> None:
    given, expected = vector(name)
    held, gross, net = (parse_decimal(text, 4) for text in given.values())
    assert ratio_percent(held, gross) == f"{expected['gross_ratio_pct_2dp']} %"
    assert ratio_percent(held, net) == f"{expected['net_ratio_pct_2dp']} %"


def test_every_vector_is_checked() -> None:
    assert len(VECTORS) == 37
    assert set(VECTORS) == CHECKED


def test_rationals_are_exact() -> None:
    assert parse_rational("0.8/10000") == Fraction(1, 12500)
