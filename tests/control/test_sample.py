"""Which addresses a nonce draws: by value, from what was read, and the same for everyone."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.control.sample import Sample, drawn_scripts
from attest.errors import MalformedError
from attest.verification.control.step import _escape

AMOUNTS = st.dictionaries(st.binary(min_size=1, max_size=4), st.integers(0, 2**64), min_size=1, max_size=30)


def sample(draws: int, nonce: bytes = b"\x5a" * 16) -> Sample:
    return Sample(draws=draws, nonce=nonce, reading_root=bytes(32), reading_count=1)


def naive(amounts: dict[bytes, int], wallet: str, nonce: bytes, draws: int) -> set[bytes]:
    """As protocol.md says it, one unit after another."""
    tag = sha256(b"attest/v1/control-sample").digest()
    total, drawn = sum(amounts.values()), set()
    for i in range(draws):
        message = nonce + wallet.encode() + b"\x00" + i.to_bytes(4, "big")
        unit = int.from_bytes(sha256(tag + tag + message).digest(), "big") % total
        for script in sorted(amounts):
            if unit < amounts[script]:
                drawn.add(script)
                break
            unit -= amounts[script]
    return drawn


@given(AMOUNTS, st.text(min_size=1, max_size=9), st.binary(min_size=16, max_size=64), st.integers(1, 40))
def test_the_draw_is_that_of_the_specification(
    amounts: dict[bytes, int], wallet: str, nonce: bytes, draws: int
) -> None:
    drawn = drawn_scripts(amounts, wallet, sample(draws, nonce))
    if len(amounts) <= draws or not any(amounts.values()):
        assert drawn == amounts.keys()
    else:
        assert drawn == naive(amounts, wallet, nonce, draws)
        assert all(amounts[script] for script in drawn)


def test_dust_does_not_hide_where_the_value_is() -> None:
    amounts = {i.to_bytes(4): 1 for i in range(5_000)} | {b"whale": 10**9}
    assert b"whale" in drawn_scripts(amounts, "cold", sample(1))


def test_another_nonce_or_wallet_draws_others() -> None:
    amounts = {i.to_bytes(4): 1 for i in range(1_000)}
    one = drawn_scripts(amounts, "cold", sample(20))
    assert one != drawn_scripts(amounts, "warm", sample(20))
    assert one != drawn_scripts(amounts, "cold", sample(20, b"\x5b" * 16))


def test_a_wallet_of_nothing_signs_for_nothing() -> None:
    assert drawn_scripts({}, "cold", sample(1)) == frozenset()


@pytest.mark.parametrize("change", [{"draws": 0}, {"draws": 100_001}, {"nonce": "ab" * 15}, {"nonce": "-"}])
def test_a_sample_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        Sample.from_value({**sample(1).to_value(), **change}, what="x")


@pytest.mark.parametrize("draws", [1, 2, 22, 60, 500, 100_000])
def test_the_risk_is_never_told_smaller_than_it_is(draws: int) -> None:
    told = Fraction(_escape(draws).removesuffix(" %"))
    assert 0 <= told - 100 * Fraction(9, 10) ** min(draws, 1_000) < Fraction(1, 100)
