"""What is refused before anything is evaluated, and what a statement holds afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from attest.amounts import MAX_AMOUNT
from attest.errors import AttestError, MalformedError
from attest.policy.evaluate import evaluate
from attest.policy.inputs import Declaration, Deposit, Inputs, Price
from attest.policy.results import policy_results
from attest.policy.rulesets import load_ruleset
from tests.policy.build import (
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
COVERAGE = {"id": "coverage", "kind": "coverage", "min_ratio": "1", "deduct": ["encumbrance", "borrowing"]}
KEYS = declared("posture", "keys", until="2026-10-31T00:00:00Z")


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
