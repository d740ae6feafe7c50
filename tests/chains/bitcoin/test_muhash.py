from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.utxo_set import muhash
from attest.chains.bitcoin.utxo_set.muhash import MuHash
from attest.errors import UnavailableError
from tests.world.muhash import MODULUS, finish, naive, number

# The set {0, 1} without 2, each a little-endian number of 32 bytes, in src/test/crypto_tests.cpp of Bitcoin Core.
CORE_VECTOR = "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"


def fast(elements: list[bytes], expected: int = 0) -> bytes:
    with MuHash(expected) as context:
        context.add(elements)
        return context.digest()


def test_the_naive_version_is_that_of_bitcoin_core() -> None:
    first, second, third = (number(bytes((i,)) + bytes(31)) for i in range(3))
    assert finish(first * second * pow(third, -1, MODULUS) % MODULUS).hex() == CORE_VECTOR


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_the_fast_version_is_the_naive_one_in_any_order(elements: list[bytes]) -> None:
    assert fast(elements) == naive(elements) == fast(elements[::-1])


def test_elements_that_come_in_pieces_are_one_set() -> None:
    elements = [bytes((i % 256, i // 256)) for i in range(2_500)]  # more than are multiplied at once
    with MuHash(0) as context:
        for start in range(0, len(elements), 7):
            context.add(elements[start : start + 7])
        assert context.digest() == naive(elements)


@pytest.fixture
def parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muhash, "_PARALLEL", 1)
    monkeypatch.setattr(muhash, "_BATCH", 32 * 8)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)


@pytest.mark.usefixtures("parallel")
def test_worker_processes_find_the_same() -> None:
    elements = [bytes((i,)) for i in range(100)]
    assert fast(elements, expected=100) == naive(elements)


@pytest.mark.usefixtures("parallel")
@pytest.mark.parametrize("when", ["while elements come", "before the end"])
def test_a_worker_that_dies_is_an_error_and_never_another_hash(when: str) -> None:
    with MuHash(100) as context, pytest.raises(UnavailableError, match="hash outputs") as caught:
        context.add([bytes((i,)) for i in range(64)])
        for worker in context._workers:
            worker.kill()
            worker.wait()
        if when == "while elements come":
            context.add([bytes(32)] * 100_000)
        context.digest()
    assert caught.value.code == "muhash/worker"


@pytest.mark.usefixtures("parallel")
def test_no_worker_is_left_when_the_reading_fails() -> None:
    with pytest.raises(ZeroDivisionError), MuHash(100) as context:
        workers = list(context._workers)
        raise ZeroDivisionError
    assert len(workers) == 2
    assert all(worker.returncode is not None for worker in workers)


@pytest.mark.usefixtures("parallel")
def test_a_worker_that_does_not_start_is_an_error_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = muhash._start, []

    def once() -> Any:
        if started:
            raise OSError
        started.append(start())
        return started[0]

    monkeypatch.setattr(muhash, "_start", once)
    with pytest.raises(UnavailableError, match="hash outputs"), MuHash(100):
        pass
    assert started[0].returncode == 0


def test_a_product_is_reduced_also_when_chance_leaves_it_above_the_modulus() -> None:
    assert muhash._times(MODULUS + 5, b"") == 5
