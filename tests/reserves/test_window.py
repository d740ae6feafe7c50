"""The blocks that a nonce draws around a pin, and the lowest count there."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.records import BitcoinUtxos
from attest.chains.wallets import Pin
from attest.errors import MalformedError
from attest.reserves.window import Lowest, draw, lowest_counts
from tests.examples import examples

CHAIN = "eip155:1"
NONCE = bytes(range(16))
NONCES = st.binary(min_size=16, max_size=64)


@st.composite
def windows(drawing: st.DrawFn) -> dict[str, int]:
    before, after = drawing(st.tuples(st.integers(0, 9000), st.integers(0, 9000)).filter(any))
    return {"before": before, "after": after, "draws": drawing(st.integers(1, min(32, before + after)))}


def naively(nonce: bytes, chain: str, pin: int, *, before: int, after: int, draws: int) -> list[int]:
    """protocol.md, section 4, word for word."""
    candidates = [height for height in range(pin - before, pin + after + 1) if height != pin]
    tag = sha256(b"attest/v1/window").digest()
    drawn: list[int] = []
    i = 0
    while len(drawn) < draws:
        digest = sha256(tag + tag + nonce + chain.encode() + b"\x00" + i.to_bytes(4, "big")).hexdigest()
        height = candidates[int(digest, 16) % len(candidates)]
        if height not in drawn:
            drawn.append(height)
        i += 1
    return sorted(drawn)


def test_the_draw_is_these_numbers() -> None:
    assert draw(NONCE, CHAIN, 23_700_000, before=7200, after=300, draws=3) == VECTOR
    assert draw(NONCE, "bip122:000000000019d6689c085ae165831e93", 920_000, before=144, after=6, draws=3) == BITCOIN


VECTOR = (23694241, 23694462, 23700058)
BITCOIN = (919912, 919930, 919970)


@examples(50)
@given(NONCES, windows(), st.integers(9000, 10**8))
def test_the_draw_is_what_the_protocol_says(nonce: bytes, window: dict[str, int], pin: int) -> None:
    drawn = draw(nonce, CHAIN, pin, **window)
    assert list(drawn) == naively(nonce, CHAIN, pin, **window)
    assert len(set(drawn)) == window["draws"]
    assert pin not in drawn
    assert pin - window["before"] <= drawn[0] <= drawn[-1] <= pin + window["after"]


def test_all_blocks_of_a_window_can_be_drawn() -> None:
    assert draw(NONCE, CHAIN, 16, before=16, after=16, draws=32) == (*range(16), *range(17, 33))


def test_another_nonce_and_another_chain_draw_other_blocks() -> None:
    window = {"before": 7200, "after": 300, "draws": 3}
    drawn = {
        draw(nonce, chain, 10_000, **window)
        for nonce in (NONCE, NONCE + b"\x00", bytes(16))
        for chain in (CHAIN, "eip155:10", "bip122:000000000019d6689c085ae165831e93")
    }
    assert len(drawn) == 9


def test_each_block_is_drawn_as_often_as_another() -> None:
    counts = dict.fromkeys([*range(90, 100), *range(101, 106)], 0)
    for number in range(3000):
        (height,) = draw(number.to_bytes(16), CHAIN, 100, before=10, after=5, draws=1)
        counts[height] += 1
    assert min(counts.values()) > 140
    assert max(counts.values()) < 265


@pytest.mark.parametrize(
    ("pin", "window", "words"),
    [
        (99, {"before": 100, "after": 0, "draws": 1}, "begins before the chain"),
        (100, {"before": 2, "after": 1, "draws": 4}, "4 of 3 blocks cannot be drawn"),
        (100, {"before": 0, "after": 0, "draws": 1}, "1 of 0 blocks cannot be drawn"),
    ],
)
def test_a_window_that_is_too_small_or_too_early_is_refused(pin: int, window: dict[str, int], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        draw(NONCE, CHAIN, pin, **window)


BTC = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"


def reading(wallet: str, amount: int, window: int | None, **fields: str) -> BitcoinUtxos:
    said = {"purpose": "customer", "storage": "cold", "asset": "BTC", "level": "agreed", **fields}
    where = {} if window is None else {"window": window}
    return BitcoinUtxos(
        type="bitcoin-utxos", salt=bytes(16), chain=BTC, wallet=wallet, amount=amount, utxos=(), **where, **said
    )


def test_the_lowest_count_is_of_all_customers_at_one_block() -> None:
    pin = Pin(chain=BTC, height=100, block_hash=bytes(32), time=datetime(2026, 10, 31, tzinfo=UTC))
    readings = [
        *(reading("a", amount, at) for amount, at in ((50, None), (10, 90), (40, 110))),
        *(reading("b", amount, at, level="single") for amount, at in ((1, None), (45, 90), (2, 110))),
        reading("g", 0, None, purpose="guarantee"),
    ]
    assert lowest_counts(readings, [pin]) == {(BTC, "BTC"): Lowest(42, 110, ("agreed", "single"))}
    even = [reading("a", 50, at) for at in (110, 90, None)]
    assert lowest_counts(even, [pin])[BTC, "BTC"].height == 100
    assert lowest_counts([*even[:2], reading("a", 51, None)], [pin])[BTC, "BTC"].height == 90
