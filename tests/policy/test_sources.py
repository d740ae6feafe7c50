"""What a verdict was computed from: everything that would change it, so that a reader learns what it rests on."""

from __future__ import annotations

from attest.policy.inputs import Inputs
from attest.policy.results import Result
from tests.policy.build import coins, cover, declared, deposit, figures, of, prices, volumes

JPX = "jp-reserve-draft"


def yen(inputs: Inputs, rule: str = "jpx.reserve") -> Result:
    return of(JPX, rule, inputs)


def test_coverage_rests_on_customers_coins_and_money_and_on_no_others() -> None:
    inputs = figures(
        owed={"BTC": "1"},
        held=[*coins("customer", "cold", BTC="1"), *coins("compensation", "cold", BTC="1")],
        deposits=[deposit("JPY", "1"), deposit("JPY", "2", "compensation")],
    )
    sources = of("jp-psa-in-force", "jp.cover", inputs).sources
    assert sources.coins == {("BTC", "customer", "cold"), ("JPY", "customer", None)}
    assert not sources.lowest


def test_coverage_by_lowest_counts_rests_on_them() -> None:
    inputs = figures(owed={"BTC": "1"}, held=coins("customer", "cold", BTC="2"))
    lowered = inputs.model_copy(update={"fewer": {"BTC": 1}})
    assert of("jp-psa-in-force", "jp.cover", inputs).sources.lowest == frozenset()
    assert of("jp-psa-in-force", "jp.cover", lowered).sources.lowest == {"BTC"}


def test_a_rule_on_another_one_rests_on_what_that_rests_on() -> None:
    said = volumes("JPY", "crypto-spot", "1000000000000", "1000000000000", "1000000000000")
    base = yen(figures(said=said), "jpx.base").sources
    assert base.leaves == {item.evidence_leaf for item in said}
    assert yen(figures(said=said)).sources.leaves >= base.leaves


def test_what_is_accepted_is_rested_on_with_its_prices_and_contracts() -> None:
    said = volumes("JPY", "crypto-spot", "1000000000000", "1000000000000", "1000000000000")
    contract = cover("insurance", "JPY", "1000000000")
    other = cover("escrow", "JPY", "1000000000")
    measure = declared("posture", "quorum-keys", until="2027-06-30T15:00:00Z")
    inputs = figures(
        held=coins("compensation", "cold", BTC="1"),
        deposits=[deposit("JPY", "5", "compensation")],
        covers=[contract, other],
        said=[*said, measure],
        at=prices("JPY", BTC="100"),
    )
    sources = yen(inputs).sources
    assert sources.prices
    assert {("BTC", "compensation", "cold"), ("JPY", "compensation", None)} <= sources.coins
    assert {contract.evidence_leaf, measure.evidence_leaf} <= sources.leaves
    assert other.evidence_leaf not in sources.leaves
