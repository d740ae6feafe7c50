"""Block filters: the vectors of BIP-158, the slow way as the specification has it, and bytes that are no filter."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attest.chains.bitcoin.block_filter import Scripts, _scaled, filter_header, siphash
from attest.chains.bitcoin.header import lists_exactly
from attest.errors import MalformedError
from tests.world.block_filter import MASK, made_filter, slow_siphash

VECTORS = Path(__file__).resolve().parents[3] / "fixtures/vectors/block-filters.json"
BLOCKS: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
ANY_BLOCK = bytes(range(32))


def test_siphash_gives_what_its_paper_has() -> None:
    words = np.array([[0x0706050403020100], [0x0F0E0D0C0B0A0908]], np.uint64)  # 15 bytes, and their number
    assert int(siphash(words, 0x0706050403020100, 0x0F0E0D0C0B0A0908)[0]) == 0xA129CA6149BE45E5
    assert slow_siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


@given(st.lists(st.integers(0, MASK), min_size=1), st.integers(1, 2**45))
@example([0, 1, MASK], 2**32)
@example([2**32 - 1, 2**32, MASK], 2**45)
def test_a_hash_is_scaled_as_with_whole_numbers(hashes: list[int], size: int) -> None:
    scaled = _scaled(np.array(hashes, np.uint64), size)
    assert scaled.tolist() == [value * size >> 64 for value in hashes]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block["note"])
def test_every_script_of_a_published_block_is_found_in_its_filter_and_others_are_not(block: dict[str, Any]) -> None:
    content, name = bytes.fromhex(block["filter"]), bytes.fromhex(block["block"])
    assert filter_header(content, bytes.fromhex(block["previous"])).hex() == block["header"]
    scripts = {bytes.fromhex(script) for script in block["scripts"]}
    assert made_filter(scripts, name) == content
    for script in scripts:
        assert Scripts([script]).may_be_in(content, name)
        assert Scripts([b"\x00\x14" + bytes(20), script, b"\x51"]).may_be_in(content, name)
        assert not Scripts([script]).may_be_in(content, name[::-1])
        assert not Scripts([script[:-1], script + b"\0"]).may_be_in(content, name)


@given(st.sets(st.binary(min_size=1, max_size=70), max_size=40), st.binary(min_size=32, max_size=32), st.randoms())
def test_no_script_of_a_block_is_ever_left_out(scripts: set[bytes], block_hash: bytes, order: random.Random) -> None:
    content = made_filter(scripts, block_hash)
    for script in scripts:
        assert Scripts([script]).may_be_in(content, block_hash)
    others = [order.randbytes(22) for _ in range(5)]
    assert Scripts([*others, *scripts]).may_be_in(content, block_hash) == bool(scripts)


@pytest.mark.parametrize("count", [252, 253, 3000, 6000])
def test_filters_of_large_blocks_hold_their_scripts_and_hardly_any_other(count: int) -> None:
    known = random.Random(count)  # noqa: S311 (the same scripts every time)
    scripts = {known.randbytes(known.choice([22, 23, 25, 34])) for _ in range(count)}
    content = made_filter(scripts, ANY_BLOCK)
    assert all(Scripts([script]).may_be_in(content, ANY_BLOCK) for script in list(scripts)[::50])
    assert sum(Scripts([known.randbytes(34)]).may_be_in(content, ANY_BLOCK) for _ in range(50)) == 0


def test_one_script_among_very_many_is_found() -> None:
    known = random.Random(7)  # noqa: S311 (the same scripts every time)
    sought = [known.randbytes(34) for _ in range(20_000)]
    content = made_filter({known.randbytes(22) for _ in range(20)} | {sought[-1]}, ANY_BLOCK)
    assert Scripts(sought).may_be_in(content, ANY_BLOCK)


BROKEN = {
    "nothing": b"",
    "a count without numbers": b"\x01",
    "a count that is cut off": b"\xfd\x01",
    "a count of eight bytes that is cut off": b"\xff" + bytes(7),
    "more numbers than there are bits": b"\xff" + b"\xff" * 8 + bytes(40),
    "a quotient without an end": b"\x01" + b"\xff" * 10,
    "a remainder that is cut off": b"\x01\xff\xff\xfe",
    "a byte too many": bytes.fromhex("019dfca8") + b"\0",
    "padding that is not zero": bytes.fromhex("019dfca9"),
    "another count": bytes.fromhex("029dfca8"),
    "no numbers and a byte": b"\x00\x00",
}


@pytest.mark.parametrize("case", BROKEN)
def test_bytes_that_are_no_filter_are_refused(case: str) -> None:
    with pytest.raises(MalformedError, match="is not coded as BIP-158 says"):
        Scripts([b"\x51"]).may_be_in(BROKEN[case], ANY_BLOCK)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_filter_or_refused(content: bytes) -> None:
    with suppress(MalformedError):
        Scripts([b"\x51", b"\x52\x53"]).may_be_in(content, ANY_BLOCK)


def test_a_block_header_commits_to_all_transactions_of_its_block_in_their_order() -> None:
    """Block 100,000 of Bitcoin's main network, which has four."""
    header = bytes.fromhex(
        "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc"
        "38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710"
    )
    txids = [
        bytes.fromhex(txid)
        for txid in (
            "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
            "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
            "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
            "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
        )
    ]
    assert lists_exactly(header, txids)
    for others in ([], txids[:3], txids[:1], txids[::-1], [*txids, txids[0]], [*txids[1:], bytes(32)]):
        assert not lists_exactly(header, others)
