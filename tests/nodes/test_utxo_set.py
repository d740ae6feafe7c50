"""What is read of a real node's dump is what that node, and another one, say of their own sets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from attest.chains.bitcoin.utxo_set.dump import Output
from attest.chains.bitcoin.utxo_set.read import UtxoSet, read_utxo_set
from attest.chains.nodes.rpc import Node
from attest.demo.funding import fund_bitcoin
from attest.demo.nodes import bitcoind
from attest.demo.plan import load_plan
from attest.errors import UnavailableError

REGTEST = bytes.fromhex("fabfb5da")
VECTORS = Path(__file__).resolve().parents[2] / "fixtures" / "vectors"
PLAN = load_plan().bitcoin
EARLIER = 120  # some payments are confirmed there, and some of their coins are spent later


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Node, Node]]:
    """Two nodes that made the same chain, each for itself."""
    with ExitStack() as stack:
        first, second = (Node("bitcoind", stack.enter_context(bitcoind())) for _ in range(2))
        fund_bitcoin(first)
        fund_bitcoin(second)
        yield first, second


@pytest.fixture(scope="module")
def scripts(nodes: tuple[Node, Node]) -> list[bytes]:
    addresses = [wallet.address for wallet in PLAN.wallets if wallet.address is not None]
    for wallet in PLAN.wallets:
        if wallet.descriptor is not None:
            addresses += nodes[0].call("deriveaddresses", wallet.descriptor, [0, wallet.last_index])
    answers = nodes[0].batch([("validateaddress", [address]) for address in [*addresses, PLAN.faucet_address]])
    return [bytes.fromhex(answer["scriptPubKey"]) for answer in answers]


def read(path: Path, scripts: list[bytes]) -> UtxoSet:
    return read_utxo_set(path, magic=REGTEST, scripts=scripts, with_muhash=True)


def scan(node: Node, scripts: list[bytes]) -> list[Output]:
    answer = node.call("scantxoutset", "start", [f"raw({script.hex()})" for script in scripts])
    return sorted(
        Output(
            bytes.fromhex(unspent["txid"]),
            unspent["vout"],
            bytes.fromhex(unspent["scriptPubKey"]),
            int(unspent["amount"] * 10**8),
            unspent["height"],
            unspent["coinbase"],
        )
        for unspent in answer["unspents"]
    )


@contextmanager
def rolled_back(node: Node, height: int) -> Iterator[None]:
    """`node` while it takes the block after `height` for invalid."""
    block_hash = node.call("getblockhash", height + 1)
    order(node, "invalidateblock", block_hash)
    yield
    order(node, "reconsiderblock", block_hash)


def order(node: Node, method: str, block_hash: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        node.call(method, block_hash)
    assert caught.value.code == "node/null"  # which says that it was done


def test_the_latest_set_is_what_the_node_says_it_is(
    nodes: tuple[Node, Node], scripts: list[bytes], tmp_path: Path
) -> None:
    node, _ = nodes
    answer = node.call("dumptxoutset", str(tmp_path / "latest.dat"), "latest")
    found = read(tmp_path / "latest.dat", scripts)
    info = node.call("gettxoutsetinfo", "hash_serialized_3")
    assert found.hash_serialized.hex() == answer["txoutset_hash"] == info["hash_serialized_3"]
    assert found.block_hash.hex() == answer["base_hash"] == info["bestblock"]
    assert found.outputs == answer["coins_written"] == info["txouts"]
    assert found.muhash is not None
    assert found.muhash.hex() == node.call("gettxoutsetinfo", "muhash")["muhash"]
    assert sorted(found.found) == scan(node, scripts)
    assert {output.coinbase for output in found.found} == {True, False}


def test_an_earlier_set_is_what_another_nodes_index_says_of_that_height(
    nodes: tuple[Node, Node], scripts: list[bytes], tmp_path: Path
) -> None:
    dumper, other = nodes
    tip = dumper.call("getbestblockhash")
    dumper.call("dumptxoutset", str(tmp_path / "earlier.dat"), "rollback", {"rollback": EARLIER})
    found = read(tmp_path / "earlier.dat", scripts)
    assert dumper.call("getbestblockhash") == tip

    info = other.call("gettxoutsetinfo", "muhash", EARLIER)
    assert found.muhash is not None
    assert found.muhash.hex() == info["muhash"]
    assert found.block_hash.hex() == info["bestblock"] == other.call("getblockhash", EARLIER)
    assert found.outputs == info["txouts"]

    now = scan(other, scripts)
    with rolled_back(other, EARLIER):
        assert sorted(found.found) == scan(other, scripts)
    spent_since = set(found.found) - set(now)
    assert spent_since
    assert scan(other, scripts) == now


def test_a_dump_of_nothing_is_read(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    answer = nodes[0].call("dumptxoutset", str(tmp_path / "genesis.dat"), "rollback", {"rollback": 0})
    found = read(tmp_path / "genesis.dat", [])
    assert (found.outputs, found.hash_serialized.hex()) == (0, answer["txoutset_hash"])
    assert found.muhash is not None
    assert found.muhash.hex() == nodes[1].call("gettxoutsetinfo", "muhash", 0)["muhash"]


def test_recording_outputs_of_every_kind_again_gives_what_is_committed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(VECTORS / "record_utxo_set.py"), str(tmp_path)], check=True)
    said, committed = (
        json.loads((folder / "utxo-set.json").read_text(encoding="utf-8")) for folder in (tmp_path, VECTORS)
    )
    assert said["scripts"] == committed["scripts"]
    assert coins(said) == coins(committed)
    found = read(tmp_path / "utxo-set.dat", [bytes.fromhex(script) for script in said["scripts"].values()])
    assert found.hash_serialized.hex() == said["txoutset_hash"]
    assert found.muhash is not None
    assert found.muhash.hex() == said["muhash"]
    assert len(found.found) == len(said["unspents"])


def coins(said: Any) -> Counter[tuple[Any, ...]]:
    """What another release of bitcoind, which may build other blocks, records too."""
    return Counter((u["vout"], u["script"], u["amount"], u["height"], u["coinbase"]) for u in said["unspents"])
