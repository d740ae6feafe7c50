"""The one block of a chain, chosen by nodes some blocks apart, one of which may be old or on a fork of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.ethereum.records import EthereumHeader
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import (
    MAX_TIP_AGE,
    Block,
    PinLostError,
    PinRule,
    first_height,
    height_at_depth,
    lost,
    not_reached,
    refuse_stale,
)
from attest.chains.records import DroppedNode, NodeAgreement
from attest.chains.wallets import Pin, Wallet
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.reserves.journal import Journal
from attest.reserves.reading import ChainToRead, pin_block, read_chain

CHAIN = "eip155:1"
NOW = datetime(2026, 10, 31, 15, tzinfo=UTC)
NODES = {name: Node(name, "http://127.0.0.1:1") for name in "abcde"}  # nothing is sent there


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 10**9))
def test_the_first_height_is_the_one_a_linear_search_finds(ends: list[bool], low: int) -> None:
    holds = sorted(ends)
    holds[-1] = True
    high = low + len(holds) - 1
    asked: list[int] = []

    def at(height: int) -> bool:
        asked.append(height)
        return holds[height - low]

    assert first_height(low, high, at) == low + holds.index(True)
    assert len(asked) <= len(holds).bit_length()


def test_the_block_at_a_depth_has_so_many_confirmations_or_is_none() -> None:
    assert [height_at_depth("n", 9, depth) for depth in (1, 2, 10)] == [9, 8, 0]
    with pytest.raises(UnavailableError, match="node n: no block has 11 confirmations yet, its newest is at height 9"):
        height_at_depth("n", 9, 11)


def test_a_node_whose_newest_block_is_old_is_behind_and_gives_no_answer() -> None:
    refuse_stale("n", NOW - MAX_TIP_AGE, NOW)
    with pytest.raises(UnavailableError, match=r"node n is behind: .* 2026-10-31T08:59:59Z") as caught:
        refuse_stale("n", NOW - MAX_TIP_AGE - timedelta(seconds=1), NOW)
    assert caught.value.code == "pin/stale"


@dataclass
class Chains:
    """A reader of chains in memory, one a node: a block is its letter on top of all before it."""

    blocks: dict[str, str]
    lies: Mapping[str, Block] = field(default_factory=dict)
    while_reading: Callable[[], object] = lambda: None
    chain: str = CHAIN

    def block(self, blocks: str) -> Block:
        pin = Pin(chain=CHAIN, height=len(blocks) - 1, block_hash=sha256(blocks.encode()).digest(), time=NOW)
        return Block(pin, blocks.encode())

    def check_chain(self, node: Node) -> None:
        if not self.blocks[node.name].startswith("g"):
            raise VerificationError("x/chain", f"node {node.name} is on another chain")

    def choose(self, node: Node, rule: PinRule, now: datetime) -> Block:
        assert (rule, now) == ("latest", NOW)
        return self.lies.get(node.name, self.block(self.blocks[node.name]))

    def confirm(self, node: Node, pin: Pin) -> bytes:
        lie = self.lies.get(node.name)
        if lie is not None and pin == lie.pin:
            return lie.header
        chain = self.blocks[node.name]
        if pin.height >= len(chain):
            raise UnavailableError("node/null", f"node {node.name}: the block was answered with null")
        block = self.block(chain[: pin.height + 1])
        if block.pin != pin:
            raise lost(node.name, pin)
        return block.header

    def header_record(self, block: Block) -> Record:
        return EthereumHeader(type="ethereum-header", salt=bytes(16), chain=CHAIN, header=block.header)

    def read(self, *_: Any) -> list[Record]:
        self.while_reading()
        return []

    def beside(self, *_: Any) -> list[Any]:
        return []

    def unlisted(self, *_: Any) -> list[tuple[Wallet, str, int]]:
        return []

    def quorum(self, needed: int) -> Quorum:
        return Quorum(CHAIN, [NODES[name] for name in self.blocks], needed, lambda _: None)


class Pinned(NamedTuple):
    """Whose chain ends where, the block that is pinned, and who is left."""

    needed: int
    chains: Sequence[str]
    block: str
    left: str


PINNED = {
    "one node": Pinned(1, ["gabc"], "gabc", "a"),
    "all at one block": Pinned(2, ["gabc", "gabc", "gabc"], "gabc", "abc"),
    "all some blocks apart, all needed": Pinned(3, ["gabcde", "gabc", "gabcd"], "gabc", "abc"),
    "all some blocks apart, two needed": Pinned(2, ["gabc", "gabcde", "gabcd"], "gabcd", "bc"),
    "an old one does not choose": Pinned(2, ["g", "gabcde", "gabcd"], "gabcd", "bc"),
    "an old one does not choose when the others are level": Pinned(2, ["gabcd", "gabcd", "ga"], "gabcd", "ab"),
    "two old ones of five do not choose": Pinned(3, ["g", "gabcd", "gabc", "gabc", "ga"], "gabc", "bcd"),
    "one ahead on a fork does not choose": Pinned(2, ["gxyzzzz", "gabc", "gabc"], "gabc", "bc"),
    "one ahead on a fork from the tip does not choose": Pinned(2, ["gabcxyz", "gabc", "gabc"], "gabc", "abc"),
    "one on a fork as high does not choose, asked first": Pinned(2, ["gabx", "gabc", "gabc"], "gabc", "bc"),
    "one on a fork as high does not choose, asked second": Pinned(2, ["gabc", "gabx", "gabc"], "gabc", "ac"),
    "one on a fork as high does not choose, asked last": Pinned(2, ["gabc", "gabc", "gabx"], "gabc", "ab"),
    "a fork as high as the lower of two": Pinned(2, ["gabx", "gabc", "gabcd"], "gabc", "bc"),
    "one on another chain is out": Pinned(2, ["gabc", "xabc", "gabc"], "gabc", "ac"),
}


@pytest.mark.parametrize("case", PINNED)
def test_the_pin_is_a_block_that_enough_nodes_have(case: str) -> None:
    needed, chains, block, left = PINNED[case]
    reader = Chains(dict(zip("abcde", chains, strict=False)))
    quorum = reader.quorum(needed)
    assert pin_block(reader, quorum, "latest", NOW) == reader.block(block)
    assert "".join(node.name for node in quorum.nodes) == left


@pytest.mark.parametrize(
    ("chains", "block", "left"),
    [
        (["g", "gabcd", "gabcd"], "gabcd", "bc"),
        (["gabcd", "gabc", "gabcd"], "gabcd", "ac"),
        (["gabcd", "gabcd", "gabcdef"], "gabcd", "ab"),
        (["gabcd", "gabcd", "g"], "gabcd", "ab"),
    ],
    ids=["an old one and a slow one", "one is a block behind", "the slow one is ahead", "the slow one is old"],
)
def test_a_node_slow_to_offer_a_block_lets_no_other_choose_an_old_one(
    chains: Sequence[str], block: str, left: str
) -> None:
    """The third answers late, and is dropped only when the two others offer one block."""
    reader = Chains(dict(zip("abc", chains, strict=True)))
    late = threading.Event()
    choose = reader.choose

    def slowly(node: Node, rule: PinRule, now: datetime) -> Block:
        if node.name == "c":
            assert late.wait(30)
        return choose(node, rule, now)

    object.__setattr__(reader, "choose", slowly)
    quorum = Quorum(CHAIN, [NODES[name] for name in "abc"], 2, lambda _: None, grace=0)
    threading.Timer(0.1, late.set).start()
    assert pin_block(reader, quorum, "latest", NOW) == reader.block(block)
    late.set()
    assert "".join(node.name for node in quorum.nodes) == left


def test_a_block_that_only_a_liar_has_is_not_pinned() -> None:
    reader = Chains({"a": "gabc", "b": "gabc", "c": "gabc"})
    for height in (3, 99):
        pin = Pin(chain=CHAIN, height=height, block_hash=bytes(32), time=NOW)
        for name in "abc":
            lying = Chains(reader.blocks, {name: Block(pin, b"")})
            assert pin_block(lying, lying.quorum(2), "latest", NOW) == reader.block("gabc")


def test_a_node_of_another_chain_pins_nothing() -> None:
    reader = Chains({"a": "xabc"})
    with pytest.raises(VerificationError, match="node a is on another chain"):
        pin_block(reader, reader.quorum(1), "latest", NOW)


def test_without_a_block_that_enough_nodes_have_there_is_no_pin() -> None:
    for chains in (["gab", "gxy"], ["gab", "gxy", "guv"], ["gabc", "xabc"], ["gabc", "gxy", "xab"]):
        reader = Chains(dict(zip("abc", chains, strict=False)))
        with pytest.raises(VerificationError):
            pin_block(reader, reader.quorum(2), "latest", NOW)


@given(st.data())
def test_no_fewer_than_needed_nodes_choose_or_have_the_pin(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    needed = data.draw(st.integers(count // 2 + 1, count))
    chains = ["g" + data.draw(st.text("ab", max_size=4)) for _ in range(count)]
    reader = Chains(dict(zip("abcde", chains, strict=False)))
    quorum = reader.quorum(needed)
    try:
        pin = pin_block(reader, quorum, "latest", NOW).pin
    except AttestError:
        return
    have = [name for name, chain in reader.blocks.items() if reader.block(chain[: pin.height + 1]).pin == pin]
    assert len(have) >= needed
    assert [node.name for node in quorum.nodes] == have
    # Neither those that are ahead alone nor those that are behind alone say how high it is.
    assert pin.height == sorted((len(chain) - 1 for chain in chains), reverse=True)[needed - 1]


@given(st.integers(1, 5), st.text("ab", max_size=8), st.data())
def test_nodes_of_one_chain_always_have_a_pin(count: int, chain: str, data: st.DataObject) -> None:
    needed = data.draw(st.integers(count // 2 + 1, count))
    heights = [data.draw(st.integers(0, len(chain))) for _ in range(count)]
    reader = Chains({name: "g" + chain[:height] for name, height in zip("abcde", heights, strict=False)})
    assert pin_block(reader, reader.quorum(needed), "latest", NOW).pin.height == sorted(heights)[-needed]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 minute,"),
        (60, "1 minute,"),
        (61, "2 minutes,"),
        (7200, "120 minutes,"),
        (7201, "3 hours,"),
        (172_800, "48 hours,"),
        (172_801, "3 days,"),
        (10**12, "11,574,075 days,"),
    ],
)
def test_how_long_a_chain_takes_to_settle_the_end_of_a_month_is_told(seconds: int, said: str) -> None:
    error = not_reached("a", NOW, int(NOW.timestamp()) - seconds)
    assert f"run again in about {said}" in str(error.hint)


def read(reader: Chains, journal: Path, quorum: Quorum) -> Block:
    chain = ChainToRead(reader, quorum, "latest", [], Journal(journal, bytes(32)), NOW)
    return read_chain(chain, progress=lambda _: None)[0]


def test_a_node_that_differed_before_a_reading_was_interrupted_stays_out(tmp_path: Path) -> None:
    reader = Chains({"a": "gabc", "b": "gabc", "c": "gabc"})
    read(reader, tmp_path / "j", reader.quorum(2))
    before = NodeAgreement(
        type="nodes",
        salt=bytes(16),
        chain=CHAIN,
        needed=2,
        agreed=("a", "c"),
        dropped=(DroppedNode(name="b", reason="nodes/differs"),),
    )
    Journal(tmp_path / "j", bytes(32)).keep("x", [], before)
    quorum = reader.quorum(2)
    read(reader, tmp_path / "j", quorum)
    assert (quorum.record().agreed, quorum.record().dropped) == (before.agreed, before.dropped)


def test_a_pin_that_is_gone_after_reading_voids_it(tmp_path: Path) -> None:
    reader = Chains({"a": "gabc", "b": "gabc"})
    reader.while_reading = lambda: reader.blocks.update(a="gabxyz", b="gabxyz")
    with pytest.raises(PinLostError, match="node a has replaced the pinned block 3"):
        read(reader, tmp_path / "j", reader.quorum(2))


def test_a_reading_goes_on_at_the_block_that_was_pinned_though_the_chain_grew(tmp_path: Path) -> None:
    reader = Chains({"a": "gabc", "b": "gabc"})
    first = read(reader, tmp_path / "j", reader.quorum(2))
    reader.blocks = {"a": "gabcde", "b": "gabcd"}
    assert read(reader, tmp_path / "j", reader.quorum(2)) == first == reader.block("gabc")
    reader.blocks["b"] = "xabc"
    with pytest.raises(VerificationError, match="node b is on another chain"):
        read(reader, tmp_path / "j", reader.quorum(2))
    reader.blocks = {"a": "gabx", "b": "gabxyz"}
    with pytest.raises(PinLostError):
        read(reader, tmp_path / "j", reader.quorum(2))
