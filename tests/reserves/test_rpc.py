"""Everything a node may do wrong on the wire, by a loopback server that does it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from attest.errors import MalformedError, UnavailableError
from attest.reserves import rpc
from attest.reserves.rpc import Node

Behaviour = Callable[[BaseHTTPRequestHandler, Any], None]


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)


def answers(request: Any) -> Any:
    """What an honest node says: the number in the first parameter."""
    calls = request if isinstance(request, list) else [request]
    result = [{"jsonrpc": "2.0", "id": call["id"], "result": hex(call["params"][0])} for call in calls]
    return result if isinstance(request, list) else result[0]


class FaultServer:
    def __init__(self) -> None:
        self.behaviour: Behaviour = lambda handler, request: reply(handler, json.dumps(answers(request)).encode())
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests += 1
                outer.behaviour(self, request)

            do_GET = do_POST  # noqa: N815 (a followed redirect would come as GET)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def change(self, change: Callable[[Any], Any]) -> None:
        self.behaviour = lambda handler, request: reply(handler, json.dumps(change(answers(request))).encode())


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def node(server: FaultServer) -> Node:
    return Node("n1", server.url, sleep=lambda _: None)


CALLS = [("eth_getBalance", [value]) for value in range(1, 9)]


def test_an_honest_node_is_believed_in_any_order_of_answers(server: FaultServer, node: Node) -> None:
    server.change(lambda batch: batch[::-1])
    assert node.batch(CALLS) == [hex(value) for value in range(1, 9)]


def test_long_batches_are_cut(server: FaultServer, node: Node) -> None:
    calls = [("eth_getBalance", [value]) for value in range(2 * rpc.BATCH_SIZE + 1)]
    assert node.batch(calls) == [hex(value) for value in range(2 * rpc.BATCH_SIZE + 1)]
    assert server.requests == 3


def edited(index: int, **fields: Any) -> Callable[[Any], Any]:
    return lambda batch: [*batch[:index], {**batch[index], **fields}, *batch[index + 1 :]]


WRONG_BATCHES = {
    "drops one": lambda batch: batch[:2] + batch[3:],
    "doubles one": lambda batch: [*batch[:2], batch[1], *batch[2:]],
    "doubles one and drops another": lambda batch: [*batch[:2], batch[1], *batch[3:]],
    "swaps an id for one never asked": edited(3, id=10**6),
    "sends ids as strings": lambda batch: [{**answer, "id": str(answer["id"])} for answer in batch],
    "sends ids as booleans": lambda batch: [{**batch[0], "id": True}, *batch[1:]],
    "answers one null": edited(3, result=None),
    "answers one error": edited(3, error={"code": -32000, "message": "no"}),
    "answers an object": lambda batch: batch[0],
    "answers nothing": lambda _: [],
    "answers null": lambda _: None,
    "adds one": lambda batch: [*batch, {"jsonrpc": "2.0", "id": 0, "result": "0x9"}],
}


@pytest.mark.parametrize("case", WRONG_BATCHES)
def test_a_wrong_batch_is_an_error_naming_the_node(case: str, server: FaultServer, node: Node) -> None:
    server.change(WRONG_BATCHES[case])
    with pytest.raises(UnavailableError, match="node n1"):
        node.batch(CALLS)


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: {**answer, "result": None},
        lambda answer: {**answer, "id": answer["id"] + 1},
        lambda answer: {key: answer[key] for key in ("jsonrpc", "result")},
        lambda answer: {**answer, "error": {"code": -8, "message": "no"}},
        lambda answer: [answer],
    ],
    ids=["null", "other id", "no id", "error", "list"],
)
def test_a_wrong_answer_is_an_error_naming_the_node(
    change: Callable[[Any], Any], server: FaultServer, node: Node
) -> None:
    server.change(change)
    with pytest.raises(UnavailableError, match="node n1"):
        node.call("eth_getBalance", 1)


BODIES = {
    "not JSON": b"<html>",
    "NaN": b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "duplicate key": b'{"jsonrpc":"2.0","id":1,"result":"0x1","result":"0x2"}',
    "deep nesting": b'{"id":1,"result":' + b"[" * 10_000_000,
    "an exponent beyond all": b'{"jsonrpc":"2.0","id":1,"result":1e99999999999999999999}',
    "empty": b"",
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_strict_json_is_an_error(case: str, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, BODIES[case])
    with pytest.raises(UnavailableError, match="node n1"):
        node.call("eth_getBalance", 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_that_passes_is_waited_for(status: int, server: FaultServer, node: Node) -> None:
    honest = server.behaviour

    def recovering(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if server.requests < 3:
            reply(handler, b"busy", status)
        else:
            honest(handler, request)

    server.behaviour = recovering
    assert node.batch(CALLS) == [hex(value) for value in range(1, 9)]
    assert server.requests == 3


@pytest.mark.parametrize("status", [429, 503])
def test_trouble_that_stays_is_an_error(status: int, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, b"busy", status)
    with pytest.raises(UnavailableError, match=f"node n1: HTTP status {status}"):
        node.batch(CALLS)
    assert server.requests == rpc.MAX_TRIES


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404])
def test_another_status_is_an_error_at_once_and_redirects_are_not_followed(
    status: int, server: FaultServer, node: Node
) -> None:
    def redirect(handler: BaseHTTPRequestHandler, _: Any) -> None:
        handler.send_response(status)
        handler.send_header("Location", server.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.behaviour = redirect
    with pytest.raises(UnavailableError, match=f"node n1: HTTP status {status}"):
        node.call("eth_getBalance", 1)
    assert server.requests == 1


def test_a_truncated_body_is_an_error(server: FaultServer, node: Node) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x1"}).encode()
    server.behaviour = lambda handler, _: reply(handler, body, length=len(body) + 10)
    with pytest.raises(UnavailableError, match="node n1: no complete answer"):
        node.call("eth_getBalance", 1)


def test_a_slow_drip_meets_the_deadline(server: FaultServer, node: Node) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not stop.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    server.behaviour = drip
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="node n1"):
        node.call("eth_getBalance", 1, deadline=0.5)
    stop.set()
    assert time.monotonic() - started < 10  # the drip alone would take 20 s


def test_an_endless_answer_is_cut_off(server: FaultServer, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_RESPONSE_BYTES", 1000)
    server.behaviour = lambda handler, _: reply(handler, b" " * 100_000)
    with pytest.raises(UnavailableError, match="more than 1,000 bytes"):
        node.call("eth_getBalance", 1)


def test_a_node_that_is_not_there_is_an_error_without_its_url() -> None:
    node = Node("n1", "http://user:hunter2@127.0.0.1:9", deadline=0.2, sleep=lambda _: None)
    with pytest.raises(UnavailableError, match="node n1") as caught:
        node.call("eth_chainId")
    assert "hunter2" not in str(caught.value)


def test_an_error_that_bitcoin_core_sends_with_status_500_is_told(server: FaultServer, node: Node) -> None:
    body = b'{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}'
    server.behaviour = lambda handler, _: reply(handler, body, 500)
    with pytest.raises(UnavailableError, match="Block height out of range"):
        node.call("getblockhash", 10**6)
    assert server.requests == 1


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
    ],
)
def test_a_url_that_is_none_or_without_protection_is_refused(url: str) -> None:
    with pytest.raises(MalformedError, match="node n1"):
        Node("n1", url)
