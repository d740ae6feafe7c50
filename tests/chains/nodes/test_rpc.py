"""Everything a node may do wrong in its answers, by a loopback server that does it."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from attest.chains.nodes import rpc
from attest.chains.nodes.rpc import Node
from attest.errors import MalformedError, UnavailableError
from tests.world.faults import CALLS, NUMBERS, Behaviour, FaultServer, error, honest, reply, reset


def test_an_honest_node_is_believed_in_any_order_of_answers(server: FaultServer, node: Node) -> None:
    server.change(lambda batch: batch[::-1])
    assert node.batch(CALLS) == NUMBERS


def edited(index: int, **fields: Any) -> Callable[[Any], Any]:
    return lambda batch: [*batch[:index], {**batch[index], **fields}, *batch[index + 1 :]]


def with_ids(change: Callable[[int], Any]) -> Callable[[Any], Any]:
    return lambda batch: [{**answer, "id": change(answer["id"])} for answer in batch]


WRONG_BATCHES = {
    "drops one": lambda batch: batch[:2] + batch[3:],
    "drops all but one": lambda batch: batch[:1],
    "doubles one": lambda batch: [*batch[:2], batch[1], *batch[2:]],
    "doubles one and drops another": lambda batch: [*batch[:2], batch[1], *batch[3:]],
    "swaps an id for one never asked": edited(3, id=10**6),
    "swaps an id for another's": edited(3, id=2),
    "sends ids as strings": with_ids(str),
    "sends ids as fractions": with_ids(float),
    "sends ids as null": with_ids(lambda _: None),
    "sends ids as lists": with_ids(lambda i: [i]),
    "sends an id as true": edited(0, id=True),
    "leaves an id out": lambda batch: [{"jsonrpc": "2.0", "result": "0x1"}, *batch[1:]],
    "answers one nothing": lambda batch: [{"jsonrpc": "2.0", "id": 1}, *batch[1:]],
    "answers one error": edited(3, error={"code": -32000, "message": "no"}, result=None),
    "answers result and error": edited(3, error={"code": -32000, "message": "no"}),
    "answers result and an empty error": edited(3, error={}),
    "answers with one no object": lambda batch: ["0x1", *batch[1:]],
    "answers an object": lambda batch: batch[0],
    "answers nothing": lambda _: [],
    "answers null": lambda _: None,
    "answers a number": lambda _: 7,
    "adds one": lambda batch: [*batch, {"jsonrpc": "2.0", "id": 0, "result": "0x9"}],
}


@pytest.mark.parametrize("case", WRONG_BATCHES)
def test_a_wrong_batch_is_an_error_naming_the_node(case: str, server: FaultServer, node: Node) -> None:
    server.change(WRONG_BATCHES[case])
    with pytest.raises(UnavailableError, match="node n1"):
        node.batch(CALLS)
    assert server.requests == 1


WRONG_ANSWERS = {
    "nothing": lambda answer: {"jsonrpc": "2.0", "id": answer["id"]},
    "another id": lambda answer: {**answer, "id": answer["id"] + 1},
    "no id": lambda answer: {"jsonrpc": "2.0", "result": answer["result"]},
    "the id as a string": lambda answer: {**answer, "id": str(answer["id"])},
    "the id as a fraction": lambda answer: {**answer, "id": float(answer["id"])},
    "the id as true": lambda answer: {**answer, "id": True},
    "the id as null": lambda answer: {**answer, "id": None},
    "an error": lambda answer: {"id": answer["id"], "error": {"code": -8, "message": "no"}},
    "result and error": lambda answer: {**answer, "error": {"code": -8, "message": "no"}},
    "an error that is a text": lambda answer: {**answer, "error": "no"},
    "a list": lambda answer: [answer],
    "a text": lambda answer: answer["result"],
}


@pytest.mark.parametrize("case", WRONG_ANSWERS)
def test_a_wrong_answer_is_an_error_naming_the_node(case: str, server: FaultServer, node: Node) -> None:
    server.change(WRONG_ANSWERS[case])
    with pytest.raises(UnavailableError, match="node n1"):
        node.call("eth_getBalance", 1)
    assert server.requests == 1


def test_an_error_about_a_request_whose_id_was_not_read_is_told(server: FaultServer, node: Node) -> None:
    server.change(lambda _: error(-32600, "Must be authenticated!"))
    with pytest.raises(UnavailableError, match=r"eth_getBalance was refused: Must be authenticated! \(code -32600\)"):
        node.call("eth_getBalance", 1)


GOOD = b'{"jsonrpc":"2.0","id":1,"result":"0x1"}'
BODIES = {
    "HTML": b"<html>",
    "two answers": GOOD + GOOD,
    "NaN": b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "a duplicate key": b'{"jsonrpc":"2.0","id":1,"result":"0x1","result":"0x2"}',
    "deep nesting": b'{"id":1,"result":' + b"[" * 4_000,
    "deep nesting after an escape": b'{"id":1,"x":"\\"","result":' + b"[" * 4_000,
    "an exponent beyond all": b'{"jsonrpc":"2.0","id":1,"result":1e99999999999999999999}',
    "a number too long to read": b'{"jsonrpc":"2.0","id":1,"result":' + b"9" * 10_000 + b"}",
    "a lone surrogate": b'{"jsonrpc":"2.0","id":1,"result":"\\ud800"}',
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "empty": b"",
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_strict_json_is_an_error(case: str, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, BODIES[case])
    with pytest.raises(UnavailableError, match="node n1: the answer is not strict JSON") as caught:
        node.call("eth_getBalance", 1)
    assert caught.value.code == "node/answer"
    assert server.requests == 1


def chunked(*chunks: bytes) -> Behaviour:
    def behaviour(handler: BaseHTTPRequestHandler, _: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.close_connection = True

    return behaviour


def raw(data: bytes) -> Behaviour:
    def behaviour(handler: BaseHTTPRequestHandler, _: Any) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return behaviour


def cut(handler: BaseHTTPRequestHandler, _: Any) -> None:
    reply(handler, GOOD, length=len(GOOD) + 1)
    handler.close_connection = True


LINE_FAULTS: dict[str, Behaviour] = {
    "a body cut short": cut,
    "chunks cut short": chunked(GOOD),
    "a reset": reset,
    "silence": raw(b""),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "an endless header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "too many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000),
    "a status that is no number": raw(b"HTTP/1.1 OK\r\n\r\n" + GOOD),
}


@pytest.mark.parametrize("case", LINE_FAULTS)
def test_an_answer_that_is_not_whole_is_tried_again_and_then_an_error(
    case: str, server: FaultServer, node: Node
) -> None:
    server.behaviour = LINE_FAULTS[case]
    with pytest.raises(UnavailableError, match=rf"node n1: no complete answer.*tries: {rpc.MAX_TRIES}") as caught:
        node.call("eth_getBalance", 1)
    assert caught.value.code == "node/unreachable"
    assert server.requests == rpc.MAX_TRIES


def test_a_content_length_that_cuts_the_body_is_an_error_and_poisons_no_later_answer(
    server: FaultServer, node: Node
) -> None:
    server.behaviour = lambda handler, _: reply(handler, GOOD, length=len(GOOD) - 1)
    with pytest.raises(UnavailableError, match="node n1: the answer is not strict JSON"):
        node.call("eth_getBalance", 1)
    server.behaviour = honest
    assert node.batch(CALLS) == NUMBERS


def test_a_header_cut_short_is_an_error(server: FaultServer, node: Node) -> None:
    server.behaviour = raw(b"HTTP/1.1 200 OK\r\nContent-Le")
    with pytest.raises(UnavailableError, match="node n1"):
        node.call("eth_getBalance", 1)


def test_a_compressed_answer_is_not_inflated(server: FaultServer, node: Node) -> None:
    bomb = gzip.compress(GOOD + b" " * 30_000_000)
    server.behaviour = lambda handler, _: reply(handler, bomb, Content_Encoding="gzip")
    with pytest.raises(UnavailableError, match="node n1: the answer is not strict JSON"):
        node.call("eth_getBalance", 1)
    assert server.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("endless", [chunked(*[b" " * 1000] * 10_000), raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 10**7)])
def test_an_endless_answer_is_cut_off(endless: Behaviour, server: FaultServer, node: Node) -> None:
    server.behaviour = endless
    said = r"node n1: its answer to eth_getBalance has more than 131,072 bytes, the limit of such an answer"
    with pytest.raises(UnavailableError, match=said) as caught:
        node.call("eth_getBalance", 1)
    assert caught.value.code == "node/too-long"
    server.behaviour = honest
    assert node.call("eth_getBalance", 7) == "0x7"
    assert server.requests == 2


@pytest.mark.parametrize("status", [204, 301, 302, 303, 307, 308, 400, 401, 403, 404])
def test_another_status_is_an_error_at_once_and_redirects_are_not_followed(
    status: int, server: FaultServer, node: Node
) -> None:
    target = FaultServer()
    body = b"" if status == 204 else GOOD
    server.behaviour = lambda handler, _: reply(handler, body, status, Location=target.url)
    with pytest.raises(UnavailableError, match=f"node n1: HTTP status {status}"):
        node.call("eth_getBalance", 1)
    target.close()
    assert (server.requests, target.requests) == (1, 0)


def test_an_error_that_bitcoin_core_sends_with_status_500_is_told(server: FaultServer, node: Node) -> None:
    body = b'{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}'
    server.behaviour = lambda handler, _: reply(handler, body, 500)
    with pytest.raises(UnavailableError, match=r"getblockhash was refused: Block height out of range \(code -8\)"):
        node.call("getblockhash", 10**6)
    assert server.requests == 1


SECRETS = ("hunter2", "p%40ssw0rd", "p@ssw0rd", "PATHKEY0", "QUERYKEY1", "QUERY%2FKEY2", "QUERY/KEY2")


def echo(handler: BaseHTTPRequestHandler, request: Any) -> None:
    text = f"no access for {' '.join(SECRETS)} at {handler.path}"
    reply(handler, json.dumps(error(-32600, text, request["id"])).encode())


def echo_key(handler: BaseHTTPRequestHandler, _: Any) -> None:
    reply(handler, b'{"QUERYKEY1":1,"QUERYKEY1":2}')


def busy(handler: BaseHTTPRequestHandler, _: Any) -> None:
    reply(handler, b"busy", 429)


@pytest.mark.parametrize("behaviour", [echo, echo_key, busy, *LINE_FAULTS.values()])
def test_no_error_shows_a_secret_of_the_url(behaviour: Behaviour, server: FaultServer) -> None:
    server.behaviour = behaviour
    place = f"127.0.0.1:{server.port}/v3/PATHKEY0?apikey=QUERYKEY1&k=QUERY%2FKEY2"
    for url in (f"http://hunter2:p%40ssw0rd@{place}", "http://hunter2:p%40ssw0rd@127.0.0.1:9/PATHKEY0?QUERYKEY1"):
        node = Node("n1", url, sleep=lambda _: None)
        with pytest.raises(UnavailableError, match="node n1") as caught:
            node.call("eth_chainId")
        shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + repr(node)
        assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "ftp://127.0.0.1",
        "127.0.0.1:8545",
        "http://node.example:8545",
        "http://10.0.0.1",
        "https://",
        "https://no de.example",
        "https://a..example",
        "https://" + "a" * 64 + ".example",
        "https://node.example:0",
    ],
)
def test_a_url_that_is_none_or_without_protection_is_refused(url: str) -> None:
    with pytest.raises(MalformedError, match="node n1"):
        Node("n1", url)
