"""What a statement may declare: the lowest counts of windows, of all assets of a chain, and nothing unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.attestation.arithmetic import check_declarations
from attest.attestation.coverage import Coverage, coverage
from attest.errors import VerificationError
from attest.policy.inputs import Declaration
from attest.verification.policies import inputs_of
from tests.conftest import Exchange

A, B = "eip155:1", "eip155:10"
CUSTOMERS = {(A, "ETH"): 10, (A, "USDC"): 20, (B, "ETH"): 30}
MONEY = {b"m" * 32}


def window(chain: str, asset: str | None, amount: int | None, leaf: bytes, **fields: Any) -> Declaration:
    said = {"kind": "window", "name": chain, "unit": asset, "amount": amount, "evidence_leaf": leaf * 32, **fields}
    return Declaration(**{name: value for name, value in said.items() if value is not None})


def largest(asset: str, amount: int, leaf: bytes) -> Declaration:
    return Declaration(kind="largest-wallet", name="A", unit=asset, amount=amount, evidence_leaf=leaf * 32)


LARGEST = (largest("ETH", 1, b"e"), largest("USDC", 20, b"u"))


def check(declared: Sequence[Declaration]) -> None:
    """The `declared` beside the largest wallets, without which no statement is."""
    before = [item for item in declared if item.kind < "largest-wallet"]
    check_declarations((*before, *LARGEST, *declared[len(before) :]), CUSTOMERS, MONEY)


GOOD = (window(A, "ETH", 10, b"a"), window(A, "USDC", 0, b"a"), window(B, "ETH", 29, b"b"))
LAST = GOOD[:2]


def test_lowest_counts_of_some_chains_or_none_are_taken() -> None:
    for declared in (GOOD, LAST, GOOD[2:], ()):
        check(declared)


def test_a_field_of_a_window_that_is_null_says_no_more_than_one_that_is_absent() -> None:
    check([*LAST, GOOD[2].model_copy(update={"tier": None, "since": None, "until": None})])


BAD = {
    "above the pin": ((*LAST, window(B, "ETH", 31, b"b")), "above that at the pin"),
    "an asset that customers do not hold there": ((*GOOD, window(B, "USDC", 0, b"b")), "no wallet"),
    "a chain where customers hold nothing": ((*GOOD, window("eip155:5", "ETH", 0, b"c")), "no wallet"),
    "an asset left out": ((GOOD[0], GOOD[2]), "does not say the lowest count of USDC"),
    "a time": ((window(B, "ETH", 1, b"b", since=datetime(2026, 1, 1, tzinfo=UTC)),), "other fields"),
    "one twice": ((*GOOD, GOOD[2]), "ascending"),
    "another order": (GOOD[::-1], "ascending"),
    "two records for one chain": ((GOOD[0], window(A, "USDC", 0, b"b")), "several records"),
    "one record for two chains": ((*LAST, window(B, "ETH", 1, b"a")), "record of another line"),
    "the record of a bank document": ((window(B, "ETH", 1, b"m"),), "record of another line"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_window_that_does_not_fit_the_figures_is_refused(case: str) -> None:
    declared, words = BAD[case]
    with pytest.raises(VerificationError, match=words) as caught:
        check(declared)
    assert caught.value.code == "statement/arithmetic"


def form(name: str, leaf: bytes) -> Declaration:
    return Declaration(kind="encumbrance", name=name, evidence_leaf=leaf * 32)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ((form("customer", b"x"), form("guarantee", b"x")), "behind two lines"),
        ((form("customer", b"m"),), "behind two lines"),
        ((form("customer", b"a"), *LAST), "record of another line"),
        ((form("customer", b"x"), form("customer", b"y")), "ascending"),
    ],
)
def test_each_form_stands_behind_one_declaration(declared: Any, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        check(declared)
    check((form("customer", b"x"), form("guarantee", b"y"), *GOOD))


def custodian(name: str, asset: str, amount: int) -> Declaration:
    leaf = sha256(f"{name} {asset}".encode()).digest()
    return Declaration(kind="custodian", name=name, unit=asset, amount=amount, evidence_leaf=leaf)


@pytest.mark.parametrize(("asset", "amount"), [("ETH", 41), ("ETH", 0), ("JPY", 1)])
def test_nobody_keeps_more_of_the_customers_coins_than_there_are(asset: str, amount: int) -> None:
    """A figure of an asset without a line of reserves would be recomputed by nobody."""
    check([custodian("A", "ETH", 40)])
    with pytest.raises(VerificationError, match=f"A keeps no {asset}, or more than all"):
        check([custodian("A", asset, amount)])
    with pytest.raises(VerificationError, match=f"A keeps no {asset}, or more than all"):
        check_declarations([largest(asset, amount, b"x")], CUSTOMERS, MONEY)


def test_custodians_keep_no_more_together_than_there_is() -> None:
    check([custodian("A", "ETH", 30), custodian("A", "USDC", 20), custodian("B", "ETH", 10)])
    with pytest.raises(VerificationError, match="custodians keep more ETH together than all customers have"):
        check([custodian("A", "ETH", 30), custodian("B", "ETH", 11)])


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ((), "names 0 largest wallets of ETH, of which customers have 40"),
        ((largest("USDC", 20, b"u"),), "names 0 largest wallets of ETH"),
        ((largest("ETH", 1, b"e"),), "names 0 largest wallets of USDC"),
        (
            (LARGEST[0], LARGEST[1], largest("ETH", 40, b"f").model_copy(update={"name": "B"})),
            "names 2 largest wallets of ETH",
        ),
    ],
)
def test_each_asset_of_the_customers_has_one_largest_wallet(declared: Any, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        check_declarations(declared, CUSTOMERS, MONEY)


def test_where_customers_have_nothing_there_is_no_largest_wallet() -> None:
    check_declarations((), {(A, "ETH"): 0}, MONEY)
    check_declarations((), {}, MONEY)


@given(
    st.dictionaries(st.sampled_from(["proven", "agreed"]), st.integers(0, 100)),
    st.dictionaries(st.sampled_from([A, B]), st.integers(0, 50)),
    st.integers(0, 200),
)
def test_coverage_is_judged_by_the_lowest_counts(held: Any, fewer: dict[str, int], owed: int) -> None:
    item = Coverage("ETH", 18, owed, held, fewer)
    assert item.counted == sum(held.values()) - sum(fewer.values())
    assert item.met == (item.counted >= owed)
    assert Coverage("ETH", 18, owed, held).met == (sum(held.values()) >= owed)


def test_policies_are_evaluated_over_the_lowest_counts_too(exchange: Exchange) -> None:
    predicate = exchange.verify().statement.predicate
    held = {item.asset: item.held_total for item in coverage(predicate)}
    said = window("eip155:31337", "ETH", held["ETH"] - 7, b"w")
    assert inputs_of(predicate).fewer == {}
    assert inputs_of(predicate.model_copy(update={"declarations": (said,)})).fewer == {"ETH": 7}
    # Of a statement that nobody has checked, the window may be of any chain.
    other = window("eip155:5", "ETH", 7, b"w")
    with pytest.raises(VerificationError, match="an amount is negative"):
        inputs_of(predicate.model_copy(update={"declarations": (other,)}))
