"""Coins that their token denies to move: what a reading, a line and a statement may say of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.ethereum.records import EthereumTokenAnswer, EthereumTokenBalance
from attest.errors import MalformedError, VerificationError
from attest.exchange.stated import reserve_lines
from attest.reserves.lines import ReserveLine
from attest.verification.evidence.recheck import Rechecked, recheck
from tests.examples import examples
from tests.world.tries import CHAINS, World, world

WALLETS = ("w1", "w2", "w3")
UNIT = 10**18
DENIED = world(CHAINS[0], WALLETS, 20, denied={"w2", "w3"})


def rechecked(readings: list[Any], lines: Any, of: World = DENIED) -> Rechecked:
    return recheck(
        dict(enumerate([of.header, *readings])),
        decimals={"ETH": 18, "DAI": 18},
        pins=[of.pin],
        reserves=lines,
    )


def with_lines(**fields: Any) -> list[ReserveLine]:
    """The lines of all readings, that of the token with other fields."""
    return [line.model_copy(update=fields) if line.asset == "DAI" else line for line in reserve_lines(DENIED.readings)]


def test_what_is_denied_is_proven_and_counts_and_is_said() -> None:
    lines = reserve_lines(DENIED.readings)
    (line,) = [line for line in lines if line.asset == "DAI"]
    assert (line.amount, line.wallets, line.denied) == (6 * UNIT, 3, 5 * UNIT)
    assert {line.denied for line in lines if line.asset == "ETH"} == {0}
    found = rechecked(DENIED.readings, lines)
    assert found.readings == found.readings_stated


def other_reading(wallet: str, **fields: Any) -> list[Any]:
    return [
        reading.model_copy(update=fields)
        if isinstance(reading, EthereumTokenBalance) and reading.wallet == wallet
        else reading
        for reading in DENIED.readings
    ]


READINGS: dict[str, tuple[Callable[[], list[Any]], str]] = {
    "a denied word without the field": (lambda: other_reading("w2", denied=False), "recheck/amount"),
    "the field without the bit": (lambda: other_reading("w1", denied=True), "recheck/denied"),
    "more than is there": (lambda: other_reading("w2", amount=2 * UNIT + 1), "recheck/amount"),
    "less than is there": (lambda: other_reading("w2", amount=2 * UNIT - 1), "recheck/amount"),
}


@pytest.mark.parametrize("case", READINGS)
def test_a_reading_that_is_not_the_word_in_its_slot_fails(case: str) -> None:
    readings, code = READINGS[case][0](), READINGS[case][1]
    with pytest.raises(VerificationError) as caught:
        rechecked(readings, reserve_lines(readings))
    assert caught.value.code == code


@examples(60)
@given(st.integers(0, 6 * UNIT) | st.sampled_from([0, 5 * UNIT - 1, 5 * UNIT + 1, 6 * UNIT]))
def test_any_other_sum_than_that_of_its_readings_fails_a_line_whose_readings_are_all_there(stated: int) -> None:
    if stated == 5 * UNIT:
        return
    with pytest.raises(VerificationError) as caught:
        rechecked(DENIED.readings, with_lines(denied=stated))
    assert caught.value.code == "recheck/denied"


@pytest.mark.parametrize(
    ("stated", "holds"), [(5 * UNIT, True), (6 * UNIT, True), (3 * UNIT, True), (3 * UNIT - 1, False), (0, False)]
)
def test_of_a_line_with_withheld_readings_no_more_may_be_disclosed_than_it_states(stated: int, *, holds: bool) -> None:
    shown = [reading for reading in DENIED.readings if reading.wallet != "w2"]
    if holds:
        found = rechecked(shown, with_lines(denied=stated))
        assert found.readings < found.readings_stated
        return
    with pytest.raises(VerificationError) as caught:
        rechecked(shown, with_lines(denied=stated))
    assert caught.value.code == "recheck/denied"


LINE = {
    "asset": "DAI",
    "chain": CHAINS[0],
    "purpose": "customer",
    "storage": "cold",
    "evidence": "proven",
    "control": "none",
    "amount": "5",
    "wallets": 1,
}


@pytest.mark.parametrize("denied", ["0", "-1", 3, 0, True, None, "01", "", [], "5.0"])
def test_a_line_has_the_field_only_for_an_amount_above_nothing(denied: Any) -> None:
    assert ReserveLine.from_value({**LINE, "denied": "5"}, what="a line").denied == 5
    assert ReserveLine.from_value(LINE, what="a line").denied == 0
    with pytest.raises(MalformedError):
        ReserveLine.from_value({**LINE, "denied": denied}, what="a line")


@pytest.mark.parametrize("denied", [False, None, "true", 1, 0, "5", {}])
def test_a_record_has_the_field_only_as_true(denied: Any) -> None:
    value = next(item for item in DENIED.readings if isinstance(item, EthereumTokenBalance) and item.denied).to_value()
    assert value["denied"] is True
    assert EthereumTokenBalance.from_value(value, what="a record").to_value() == value
    with pytest.raises(MalformedError):
        EthereumTokenBalance.from_value({**value, "denied": denied}, what="a record")


def test_what_nodes_answered_is_never_denied() -> None:
    value = {
        "type": "ethereum-token-answer",
        "salt": "00" * 16,
        "chain": CHAINS[0],
        "wallet": "w1",
        "purpose": "customer",
        "storage": "cold",
        "asset": "DAI",
        "level": "agreed",
        "amount": "5",
        "address": "0x" + "11" * 20,
        "contract": "0x" + "22" * 20,
    }
    assert EthereumTokenAnswer.from_value(value, what="a record").amount == 5
    with pytest.raises(MalformedError):
        EthereumTokenAnswer.from_value({**value, "denied": True}, what="a record")
