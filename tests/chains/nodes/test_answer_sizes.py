"""The length of an answer, bounded by what was asked: honest ones pass, others are refused before they take memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from attest import canonical
from attest.canonical import loads_node_answer
from attest.chains.nodes.answer_sizes import MAX_ANSWER_BYTES, Call, answer_size
from attest.chains.nodes.rpc import BATCH_SIZE, Node
from attest.errors import UnavailableError
from tests.world.faults import FaultServer, honest, reply

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
MIB = 1 << 20
ADDRESS = "0x" + "11" * 20
AT = {"blockHash": "0x" + "22" * 32, "requireCanonical": True}
SLOTS = ["0x" + "33" * 32] * 100

# The most that a single answer to each call may take of bytes, in MiB, whatever a node sends.
BOUNDS: dict[str, tuple[Call, float]] = {
    "a chain": (("eth_chainId", []), 0.13),
    "a balance": (("eth_getBalance", [ADDRESS, AT]), 0.13),
    "a call": (("eth_call", [{"to": ADDRESS}, AT]), 0.13),
    "a word": (("eth_getStorageAt", [ADDRESS, "0x0", AT]), 0.13),
    "a code": (("eth_getCode", [ADDRESS, AT]), 2.1),
    "a proof of an account": (("eth_getProof", [ADDRESS, [], AT]), 0.2),
    "a proof of a hundred slots": (("eth_getProof", [ADDRESS, SLOTS, AT]), 8),
    "a block": (("eth_getBlockByNumber", ["latest", False]), 2.1),
    "an access list": (("eth_createAccessList", [{"to": ADDRESS}, AT]), 2.1),
    "logs": (("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x2"}]), 8.1),
    "logs of a block": (("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x1"}]), 32.1),
    "a height": (("getblockcount", []), 0.13),
    "a hash": (("getblockhash", [1]), 0.13),
    "a header": (("getblockheader", ["22" * 32, False]), 0.13),
    "a filter": (("getblockfilter", ["22" * 32]), 2.1),
    "an index": (("getindexinfo", []), 0.13),
    "a count of outputs": (("gettxoutsetinfo", ["none", "22" * 32]), 0.13),
    "the progress of a scan": (("scantxoutset", ["status"]), 0.13),
    "a scan": (("scantxoutset", ["start", []]), 64),
    "a whole block": (("getblock", ["22" * 32, 3]), 64),
}


@pytest.mark.parametrize("case", BOUNDS)
def test_an_answer_is_bounded_by_what_was_asked(case: str) -> None:
    call, most = BOUNDS[case]
    assert 0 < answer_size([call]).bytes <= most * MIB


@pytest.mark.parametrize("case", BOUNDS)
def test_a_batch_is_bounded_by_its_calls_and_never_by_more_than_all_may_have(case: str) -> None:
    call, _ = BOUNDS[case]
    sizes = [answer_size([call] * count) for count in (1, 10, BATCH_SIZE)]
    assert sizes == sorted(sizes)
    assert all(size.bytes <= MAX_ANSWER_BYTES for size in sizes)


def recorded() -> Iterator[tuple[str, list[Any], str]]:
    for path in sorted(FIXTURES.rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            exchange = json.loads(line)
            if isinstance(exchange, dict) and {"method", "params", "result"} <= exchange.keys():
                yield exchange["method"], exchange["params"], exchange["result"]


def test_recorded_answers_of_real_nodes_take_less_than_a_tenth_of_what_they_may() -> None:
    seen = set()
    for method, params, result in recorded():
        seen.add(method)
        size = answer_size([(method, params)])
        assert len(result) * 10 <= size.bytes
        loads_node_answer(result.encode(), what=method, max_bytes=size.bytes, max_values=size.values // 10)
    assert {"eth_getProof", "eth_getBalance", "eth_getBlockByNumber", "scantxoutset", "getblockheader"} <= seen


def trie_path(depth: int) -> list[str]:
    return ["0x" + "ab" * 532] * depth


def log(data: int = 32) -> dict[str, Any]:
    word = "0x" + "44" * 32
    return {
        "address": ADDRESS,
        "topics": [word, word, word],
        "data": "0x" + "00" * data,
        "blockHash": word,
        "blockNumber": "0x1c9c380",
        "blockTimestamp": "0x6745c2bf",
        "transactionHash": word,
        "transactionIndex": "0x10",
        "logIndex": "0x100",
        "removed": False,
    }


def unspent(number: int) -> dict[str, Any]:
    script = f"0020{number:064x}"
    return {
        "txid": f"{number:064x}",
        "vout": number % 100,
        "scriptPubKey": script,
        "desc": f"addr(bc1q{number:058x})#abcdefgh",
        "amount": 0.12345678,
        "coinbase": False,
        "height": 900_000,
        "blockhash": "00" * 32,
        "confirmations": 100,
    }


def transaction(outputs: int, inputs: int, witness: int) -> dict[str, Any]:
    script = {"asm": "0 " + "55" * 32, "desc": "addr(bc1q" + "5" * 58 + ")#abcdefgh", "hex": "0020" + "55" * 32}
    prevout = {"generated": False, "height": 900_000, "value": 0.5, "scriptPubKey": {**script, "type": "x"}}
    spent = {
        "txid": "66" * 32,
        "vout": 1,
        "scriptSig": {"asm": "", "hex": ""},
        "txinwitness": ["77" * 72] * witness,
        "prevout": prevout,
        "sequence": 4294967293,
    }
    paid = {"value": 0.00000546, "n": 1, "scriptPubKey": {**script, "address": "bc1q" + "5" * 58, "type": "x"}}
    return {"txid": "66" * 32, "hash": "66" * 32, "vin": [spent] * inputs, "vout": [paid] * outputs, "hex": "00" * 400}


LARGE: dict[str, tuple[Call, Callable[[], Any]]] = {
    "the deepest proof of an account": (
        ("eth_getProof", [ADDRESS, [], AT]),
        lambda: {"address": ADDRESS, "accountProof": trie_path(65), "storageProof": []},
    ),
    "the deepest proof of a hundred slots": (
        ("eth_getProof", [ADDRESS, SLOTS, AT]),
        lambda: {
            "accountProof": trie_path(65),
            "storageProof": [{"key": slot, "value": "0x" + "f" * 64, "proof": trie_path(65)} for slot in SLOTS],
        },
    ),
    "a block of 28,000 transactions": (
        ("eth_getBlockByHash", ["0x" + "22" * 32, False]),
        lambda: {"hash": "0x" + "22" * 32, "logsBloom": "0x" + "00" * 256, "transactions": ["0x" + "5" * 64] * 28_000},
    ),
    "the largest code of Ethereum": (("eth_getCode", [ADDRESS, AT]), lambda: "0x" + "60" * 24576),
    "a code of a million bytes": (("eth_getCode", [ADDRESS, AT]), lambda: "0x" + "60" * 1_000_000),
    "a revert with a long reason": (
        ("eth_call", [{"to": ADDRESS}, AT]),
        lambda: {"error": {"code": 3, "message": "execution reverted: " + "x" * 20_000, "data": "0x" + "08" * 20_000}},
    ),
    "an access list of 14,000 keys": (
        ("eth_createAccessList", [{"to": ADDRESS}, AT]),
        lambda: {"accessList": [{"address": ADDRESS, "storageKeys": ["0x" + "7" * 64] * 14_000}], "gasUsed": "0x1"},
    ),
    "ten thousand logs": (
        ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x2710"}]),
        lambda: [log() for _ in range(10_000)],
    ),
    "a block of 34,000 logs": (
        ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x1"}]),
        lambda: [log(0) for _ in range(34_000)],
    ),
    "a log of as much data as a block's gas buys": (
        ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x1"}]),
        lambda: [log(7_500_000)],
    ),
    "the largest filter": (("getblockfilter", ["22" * 32]), lambda: {"filter": "ab" * 400_000, "header": "00" * 32}),
    "a scan of 100,000 outputs": (
        ("scantxoutset", ["start", []]),
        lambda: {"success": True, "unspents": [unspent(number) for number in range(100_000)], "total_amount": 1},
    ),
    "a full block of Bitcoin": (
        ("getblock", ["22" * 32, 3]),
        lambda: {"hash": "22" * 32, "tx": [transaction(2, 2, 2) for _ in range(4_000)]},
    ),
    "a block of the smallest outputs": (
        ("getblock", ["22" * 32, 3]),
        lambda: {"hash": "22" * 32, "tx": [transaction(111_000, 1, 1)]},
    ),
    "a block of the smallest inputs": (
        ("getblock", ["22" * 32, 3]),
        lambda: {"hash": "22" * 32, "tx": [transaction(1, 24_000, 2)]},
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_what_a_protocol_permits_passes(case: str) -> None:
    call, make = LARGE[case]
    size = answer_size([call])
    data = json.dumps({"jsonrpc": "2.0", "id": 1, "result": make()}).encode()
    assert len(data) <= size.bytes
    canonical._check_structure(data, case, size.values)


def test_a_hundred_usual_codes_pass_at_once_and_larger_ones_in_halves(server: FaultServer, node: Node) -> None:
    code = "0x" + "60" * 100_000
    answer = {1: "0x" + "60" * 24576, 2: code}

    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        result = [{"jsonrpc": "2.0", "id": call["id"], "result": answer[call["params"][0]]} for call in request]
        reply(handler, json.dumps(result).encode())

    server.behaviour = behaviour
    assert node.batch([("eth_getCode", [1])] * 100) == [answer[1]] * 100
    assert server.sizes == [100]
    assert node.batch([("eth_getCode", [2])] * 100) == [code] * 100
    assert server.sizes[:3] == [100, 100, 50]


SMALL = {
    "objects": b"{},",
    "lists": b"[],",
    "numbers": b"7,",
    "long numbers": b"123456789012345678901234567890,",
    "fractions": b"1.5,",
    "strings": b'"",',
    "words": b'"ab",',
    "truths": b"true,",
    "nested": b'{"a":[{}]},',
    "escapes": b'"\\u0041",',
}
ASKED: dict[str, Callable[[Node], Any]] = {
    "a balance": lambda node: node.call("eth_getBalance", ADDRESS, AT),
    "a block": lambda node: node.call("eth_getBlockByNumber", "latest", False),  # noqa: FBT003
    "a proof": lambda node: node.call("eth_getProof", ADDRESS, SLOTS, AT),
    "a hundred proofs": lambda node: node.batch([("eth_getProof", [ADDRESS, [], AT])] * 100),
    "a hundred balances": lambda node: node.batch([("eth_getBalance", [ADDRESS, AT])] * 100),
    "a header": lambda node: node.call("getblockheader", "22" * 32, False),  # noqa: FBT003
}


def flood(piece: bytes, size: int) -> bytes:
    head, tail = b'{"jsonrpc":"2.0","id":1,"result":[', b"0]}"
    return head + piece * ((size - len(head) - len(tail)) // len(piece)) + tail


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("case", SMALL)
def test_megabytes_of_small_things_are_refused_by_name_of_the_node_and_the_bound(
    case: str, asked: str, server: FaultServer, node: Node
) -> None:
    body = flood(SMALL[case], 6 * MIB)
    server.behaviour = lambda handler, _: reply(handler, body)
    tracemalloc.start()
    try:
        with pytest.raises(UnavailableError, match=r"node n1: .*(the limit of such an answer|not strict JSON)"):
            ASKED[asked](node)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * MIB


def test_a_scan_may_be_long_and_has_so_many_values_as_outputs_have(server: FaultServer, node: Node) -> None:
    body = flood(b"{},", 64 * MIB)
    server.behaviour = lambda handler, _: reply(handler, body)
    with pytest.raises(UnavailableError, match="its answer to scantxoutset has more than 2,625,536 JSON values"):
        node.call("scantxoutset", "start", [])


def test_too_many_values_are_refused_before_they_are_decoded(
    server: FaultServer, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = flood(b"{},", 120_000)
    server.behaviour = lambda handler, _: reply(handler, body)
    monkeypatch.setattr("attest.canonical._NODE_ANSWER", None)
    said = "node n1: its answer to eth_getBalance has more than 8,192 JSON values, the limit of such an answer"
    with pytest.raises(UnavailableError, match=said):
        node.call("eth_getBalance", 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("length", [100_000, 5 * MIB])
def test_a_long_page_of_a_busy_gateway_is_trouble_that_passes(
    status: int, length: int, server: FaultServer, node: Node
) -> None:
    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if server.requests == 1:
            reply(handler, (b"<html>{,[,}" * length)[:length], status)
            handler.close_connection = True
        else:
            honest(handler, request)

    server.behaviour = behaviour
    assert node.call("eth_getBalance", 7) == "0x7"
    assert server.requests == 2


def test_an_answer_that_is_said_to_be_too_long_is_not_read(server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, b"{}", length=1 << 40)
    with pytest.raises(UnavailableError, match="has more than 131,072 bytes"):
        node.call("eth_getBalance", 1)
    server.behaviour = honest
    assert node.call("eth_getBalance", 7) == "0x7"
