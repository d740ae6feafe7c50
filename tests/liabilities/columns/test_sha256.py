"""Every engine gives the digests of hashlib and hmac."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import mmap
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.liabilities.columns import sha256
from attest.liabilities.columns.kernel import Kernels, compile_kernels
from attest.liabilities.columns.sha256 import Midstate, hash_columns, hash_rows, hash_variable
from tests.examples import examples

HOST = llvm.get_host_cpu_features()
X86 = llvm.get_default_triple().startswith("x86_64")
# Name, LLVM CPU ("" for this host), lanes, and the feature the host must have to run the code.
TARGETS = {
    "host": ("", 0, None),
    "znver4-16": ("znver4", 16, "avx512vl"),
    "skylake-avx512-16": ("skylake-avx512", 16, "avx512vl"),
    "haswell-8": ("haswell", 8, "avx2"),
    "haswell-16": ("haswell", 16, "avx2"),
    "x86-64-4": ("x86-64", 4, "sse2"),
}
RUNNABLE = [name for name, (_, _, need) in TARGETS.items() if not need or (X86 and HOST.get(need))]
ENGINES = ["hashlib", *RUNNABLE]
every_engine = pytest.mark.parametrize("engine", ENGINES)


@cache
def compiled(name: str) -> Kernels:
    cpu, lanes, _ = TARGETS[name]
    return compile_kernels(cpu, "", lanes)


@contextmanager
def forced(engine: str) -> Iterator[int]:
    """Send every hash through one engine; yield its lanes."""
    saved = sha256._compiled, sha256._KERNEL_ROWS
    kernels = None if engine == "hashlib" else compiled(engine)
    sha256._compiled, sha256._KERNEL_ROWS = kernels, 0 if kernels else 1 << 62
    try:
        yield kernels.lanes if kernels else 16
    finally:
        sha256._compiled, sha256._KERNEL_ROWS = saved


def random_bytes(seed: int, *shape: int) -> sha256.Bytes:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def expected(midstate: Midstate, messages: list[bytes]) -> list[bytes]:
    return [hashlib.sha256(midstate.prefix + message).digest() for message in messages]


def listed(rows: sha256.Bytes) -> list[bytes]:
    return [row.tobytes() for row in rows]


PREFIXES = [b"", b"\x07" * 64, bytes(range(128))]


@every_engine
@pytest.mark.parametrize("prefix", PREFIXES, ids=len)
def test_every_width(engine: str, prefix: bytes) -> None:
    midstate = Midstate(prefix)
    with forced(engine) as lanes:
        for width in range(301):
            rows = random_bytes(width, lanes + 1, width)
            assert listed(hash_rows(midstate, rows)) == expected(midstate, listed(rows)), width


@every_engine
def test_every_row_count(engine: str) -> None:
    midstate = Midstate.tagged("rows")
    with forced(engine) as lanes:
        counts = [*range(2 * lanes + 2), sha256._CHUNK - 1, sha256._CHUNK, 3 * sha256._CHUNK + 5]
        for n in counts:
            rows = random_bytes(n, n, 36)
            digests = hash_rows(midstate, rows)
            assert digests.shape == (n, 32)
            assert listed(digests) == expected(midstate, listed(rows)), n


@examples(300)
@given(
    engine=st.sampled_from(ENGINES),
    n=st.integers(0, 70),
    width=st.integers(0, 300),
    prefix=st.sampled_from(PREFIXES),
    seed=st.integers(0, 2**32),
)
def test_rows(engine: str, n: int, width: int, prefix: bytes, seed: int) -> None:
    rows, midstate = random_bytes(seed, n, width), Midstate(prefix)
    with forced(engine):
        assert listed(hash_rows(midstate, rows)) == expected(midstate, listed(rows))


@examples(300)
@given(
    engine=st.sampled_from(ENGINES),
    n=st.integers(0, 70),
    layout=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["dense", "even", "odd", "wide", "back", "one"])),
        min_size=1,
        max_size=6,
    ),
    strided_out=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_columns(engine: str, n: int, layout: list[tuple[int, str]], *, strided_out: bool, seed: int) -> None:
    columns = []
    for i, (words, kind) in enumerate(layout):
        table = random_bytes(seed + i, 2 * n + 1, 4 * words + 7)
        columns.append(
            {
                "dense": np.ascontiguousarray(table[:n, : 4 * words]),
                "even": table[: 2 * n : 2, : 4 * words],
                "odd": table[1 : 2 * n + 1 : 2, 3 : 4 * words + 3],
                "wide": table[:n, 7:],
                "back": table[n:0:-1, : 4 * words],
                "one": np.broadcast_to(table[0, : 4 * words], (n, 4 * words)),
            }[kind]
        )
    messages = [b"".join(parts) for parts in zip(*map(listed, columns), strict=True)]
    out = np.zeros((n, 48), np.uint8)[:, 5:37] if strided_out else None
    midstate = Midstate.tagged("columns")
    with forced(engine):
        digests = hash_columns(midstate, columns, out)
    assert out is None or digests is out
    assert listed(digests) == expected(midstate, messages)


@every_engine
def test_strided_out_leaves_the_gaps(engine: str) -> None:
    table, rows = random_bytes(1, 100, 48), random_bytes(2, 100, 80)
    before = table.copy()
    with forced(engine):
        hash_rows(Midstate(), rows, table[:, 8:40])
    assert (table[:, :8] == before[:, :8]).all()
    assert (table[:, 40:] == before[:, 40:]).all()
    assert listed(table[:, 8:40]) == expected(Midstate(), listed(rows))


@every_engine
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint64])
def test_variable_of_every_length(engine: str, dtype: type[np.integer]) -> None:
    lengths = np.random.default_rng(3).permutation(np.repeat(np.arange(301), 3))
    data = random_bytes(4, int(lengths.sum()) + 20)
    # The data neither starts nor ends with the messages.
    offsets = (9 + np.concatenate([[0], np.cumsum(lengths)])).astype(dtype)
    midstate = Midstate.tagged("variable")
    with forced(engine):
        digests = hash_variable(midstate, data, offsets)
    assert listed(digests) == expected(midstate, [data[i:j].tobytes() for i, j in pairwise(offsets.tolist())])


@examples(300)
@given(
    engine=st.sampled_from(ENGINES),
    messages=st.lists(st.binary(max_size=300), max_size=60),
    prefix=st.sampled_from(PREFIXES),
)
def test_variable(engine: str, messages: list[bytes], prefix: bytes) -> None:
    data = np.frombuffer(b"".join(messages), np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in messages])]).astype(np.int64)
    with forced(engine):
        digests = hash_variable(Midstate(prefix), data, offsets)
    assert listed(digests) == expected(Midstate(prefix), messages)


@every_engine
@pytest.mark.parametrize("longest", [256, 1024, 1100])
def test_variable_over_many_chunks(engine: str, longest: int) -> None:
    n = 2 * sha256._CHUNK + 77
    lengths = np.random.default_rng(longest).integers(1, 257, n)
    lengths[5::1000] = longest
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    data = random_bytes(5, int(offsets[-1]))
    view = data.tobytes()
    messages = [view[i:j] for i, j in pairwise(offsets.tolist())]
    with forced(engine):
        assert listed(hash_variable(Midstate(), data, offsets)) == expected(Midstate(), messages)


FIPS_180 = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
            b"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
        ),
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
    (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]


@every_engine
@pytest.mark.parametrize(("message", "digest"), FIPS_180, ids=["0", "24", "448", "896", "8000000"])
def test_fips_180_examples(engine: str, message: bytes, digest: str) -> None:
    rows = np.tile(np.frombuffer(message, np.uint8), (3, 1)).reshape(3, len(message))
    offsets = np.arange(4) * len(message)
    with forced(engine):
        assert [d.hex() for d in listed(hash_rows(Midstate(), rows))] == [digest] * 3
        digests = hash_variable(Midstate(), rows.reshape(-1), offsets)
    assert [d.hex() for d in listed(digests)] == [digest] * 3


@every_engine
@pytest.mark.parametrize("size", [0, 1, 32, 63, 64, 65, 200])
def test_hmac(engine: str, size: int) -> None:
    key, rows = random_bytes(size, size).tobytes(), random_bytes(6, 40, 36)
    inner, outer = Midstate.hmac(key)
    with forced(engine):
        digests = hash_rows(outer, hash_rows(inner, rows))
    assert listed(digests) == [hmac.digest(key, m, "sha256") for m in listed(rows)]


@every_engine
def test_tagged(engine: str) -> None:
    rows, tag = random_bytes(7, 40, 80), hashlib.sha256("träd/leaf".encode()).digest()
    with forced(engine):
        digests = hash_rows(Midstate.tagged("träd/leaf"), rows)
    assert listed(digests) == [hashlib.sha256(tag + tag + m).digest() for m in listed(rows)]


def test_midstate() -> None:
    inner, outer = Midstate.hmac(b"secret")
    assert inner != outer
    assert inner.length == outer.length == 64
    assert Midstate.tagged("x") == Midstate(hashlib.sha256(b"x").digest() * 2)
    assert repr(inner) == repr(outer) == "Midstate()"
    with pytest.raises(ValueError, match="63 bytes"):
        Midstate(b"x" * 63)


def test_compiles_once_enough_rows_have_been_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def count() -> Kernels:
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return compiled("host")

    compiled("host")
    monkeypatch.setattr(sha256, "_compiled", None)
    monkeypatch.setattr(sha256, "_rows_seen", 0)
    monkeypatch.setattr(sha256, "_COMPILE_ROWS", 100)
    monkeypatch.setattr(sha256, "compile_kernels", count)
    rows = random_bytes(8, 40, 32)

    def check(_: int) -> int:
        assert listed(hash_rows(Midstate(), rows)) == expected(Midstate(), listed(rows))
        return len(calls)

    assert [check(i) for i in range(2)] == [0, 0]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(check, range(64))) == {1}
    sha256.warm_up()
    assert len(calls) == 1


@every_engine
def test_refuses_what_it_cannot_hash(engine: str) -> None:
    rows, plain = random_bytes(9, 4, 32), Midstate()
    data, offsets = rows.reshape(-1), np.array([0, 50, 128])
    wrong_columns: list[Any] = [
        [],
        [rows, rows[:3]],
        [rows[:, :30]],
        [rows[:, ::2]],
        [rows.view(np.int8)],
        [data],
    ]
    frozen = np.zeros((4, 32), np.uint8)
    frozen.flags.writeable = False
    wrong_outs: list[Any] = [
        rows,
        rows[::-1],
        frozen,
        np.zeros((3, 32), np.uint8),
        np.zeros((4, 32)),
    ]
    wrong_outs.append(np.zeros((4, 64), np.uint8)[:, ::2])
    wrong_data: list[Any] = [rows, data[::2], data.view(np.int8)]
    wrong_offsets = [[], [-1, 5], [0, 129], [0, 60, 50], [0, 2**40, 128], [[0, 1]], [0.0, 1.0]]
    overflowing = np.array([0, 2**63 - 1, 2**63, 2**64 - 1, 100], np.uint64)
    with forced(engine):
        for columns in wrong_columns:
            with pytest.raises(ValueError, match=r"column"):
                hash_columns(plain, columns)
        for out in wrong_outs:
            with pytest.raises(ValueError, match="out must"):
                hash_rows(plain, rows, out)
        with pytest.raises(ValueError, match="rows must"):
            hash_rows(plain, data)
        for wrong in [*map(np.array, wrong_offsets), overflowing]:
            with pytest.raises(ValueError, match="offsets"):
                hash_variable(plain, data, wrong)
        for wrong in wrong_data:
            with pytest.raises(ValueError, match="data must"):
                hash_variable(plain, wrong, offsets)


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
def test_data_ending_at_an_unmapped_page() -> None:
    """A message may be the last thing in its mapping: nothing past it may be read."""
    page = mmap.PAGESIZE
    area = mmap.mmap(-1, 2 * page)
    whole = np.frombuffer(area, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(whole.ctypes.data + page)
    assert libc.mprotect(address, ctypes.c_size_t(page), 0) == 0
    for engine in RUNNABLE:
        with forced(engine):
            for size in (20, 32, 36, 80, 96):
                rows = whole[page - 17 * size : page].reshape(17, size)
                assert listed(hash_rows(Midstate(), rows)) == expected(Midstate(), listed(rows))
                offsets = np.arange(18) * size
                digests = hash_variable(Midstate(), rows.reshape(-1), offsets)
                assert listed(digests) == expected(Midstate(), listed(rows))
    libc.mprotect(address, ctypes.c_size_t(page), mmap.PROT_READ | mmap.PROT_WRITE)
