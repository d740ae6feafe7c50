"""What a node cannot take now, or at once, by a loopback server with such limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.nodes import rpc
from attest.chains.nodes.answer_sizes import Size
from attest.chains.nodes.rpc import Node
from attest.errors import UnavailableError
from tests.world.faults import CALLS, NUMBERS, Behaviour, FaultServer, answers, error, honest, reply


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_that_passes_is_waited_for(status: int, server: FaultServer, node: Node) -> None:
    def recovering(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if server.requests < 3:
            reply(handler, b"busy", status)
        else:
            honest(handler, request)

    server.behaviour = recovering
    assert node.batch(CALLS) == NUMBERS
    assert server.requests == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble_that_stays_is_an_error(status: int, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, b"busy", status)
    with pytest.raises(UnavailableError, match=rf"node n1: HTTP status {status} \(tries: {rpc.MAX_TRIES}\)"):
        node.batch(CALLS)
    assert server.requests == rpc.MAX_TRIES


@pytest.mark.parametrize("body", [b'{"error":"Internal Server Error"}', b'{"message":"no"}', b"[]", b"null", b"7"])
def test_a_status_500_without_a_json_rpc_error_is_tried_again(body: bytes, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, _: reply(handler, body, 500)
    with pytest.raises(UnavailableError, match="node n1: HTTP status 500"):
        node.call("eth_getBalance", 1)
    assert server.requests == rpc.MAX_TRIES


def asking(server: FaultServer, status: int, retry_after: int | str) -> Behaviour:
    """Busy at first, honest afterwards. A number of seconds is asked for as a date."""

    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        text = retry_after
        if isinstance(text, int):
            text = format_datetime(datetime.now(UTC) + timedelta(seconds=text), usegmt=True)
        if server.requests == 1:
            reply(handler, b"busy", status, Retry_After=text.encode().decode("latin-1"))
        else:
            honest(handler, request)

    return behaviour


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("retry_after", "at_least"), [("20", 20), (" 20 ", 20), (600, 500)])
def test_a_node_is_left_alone_for_as_long_as_it_asks(
    retry_after: int | str, at_least: int, status: int, server: FaultServer
) -> None:
    slept: list[float] = []
    node = Node("n1", server.url, deadline=1000, sleep=slept.append)
    server.behaviour = asking(server, status, retry_after)
    assert node.batch(CALLS) == NUMBERS
    assert len(slept) == 1
    assert slept[0] >= at_least


@pytest.mark.parametrize("retry_after", ["61", 600, "9" * 400])
def test_a_node_that_asks_for_more_than_the_deadline_is_an_error_at_once(
    retry_after: int | str, server: FaultServer
) -> None:
    slept: list[float] = []
    node = Node("n1", server.url, deadline=60, sleep=slept.append)
    server.behaviour = asking(server, 429, retry_after)
    with pytest.raises(
        UnavailableError, match=r"node n1: HTTP status 429; it asks to wait .* longer than the deadline"
    ):
        node.batch(CALLS)
    assert (server.requests, slept) == (1, [])


@pytest.mark.parametrize(
    "retry_after",
    [
        *("-5", "soon", "1.5", "", "٣"),
        *(-600, "Wed, 21 Oct 2015 07:28:00 -0000"),
        *("Wed, 99 Foo 2026 25:61:61 GMT", "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"),
    ],
)
def test_a_retry_after_that_asks_for_nothing_is_an_ordinary_wait(retry_after: int | str, server: FaultServer) -> None:
    slept: list[float] = []
    server.behaviour = asking(server, 503, retry_after)
    assert Node("n1", server.url, sleep=slept.append).batch(CALLS) == NUMBERS
    assert 0 <= slept[0] <= 0.5


@given(text=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ ([A-Z]{3}|[+-]\d+)"))
def test_no_retry_after_stops_the_reader(text: str) -> None:
    assert isinstance(rpc._seconds(text), float)


def test_a_batch_is_cut_into_pieces(server: FaultServer, node: Node) -> None:
    count = 2 * rpc.BATCH_SIZE + 1
    assert node.batch([("eth_getBalance", [value]) for value in range(count)]) == [hex(i) for i in range(count)]
    assert server.sizes == [rpc.BATCH_SIZE, rpc.BATCH_SIZE, 1]


NGINX = "<html><head><title>413 Request Entity Too Large</title></head></html>"
# How each node turns down a batch of more calls than it takes: status and body, or its text.
TOO_LARGE: dict[str, Callable[[Any], tuple[int, Any]]] = {
    "geth": lambda batch: (200, [error(-32600, "batch too large", batch[0]["id"])]),
    "geth's answer": lambda batch: (
        200,
        [*answers(batch[:3]), *(error(-32003, "response too large", call["id"]) for call in batch[3:])],
    ),
    "older Erigon": lambda batch: (
        200,
        error(-32000, f"batch limit 30 exceeded (can increase by --rpc.batch.limit). Requested batch of: {len(batch)}"),
    ),
    "Erigon": lambda batch: (200, [error(-32600, "batch limit 30 exceeded", batch[0]["id"])]),
    "reth": lambda _: (200, error(-32010, "The batch request was too large")),
    "reth's answer": lambda _: (200, error(-32011, "The batch response was too large")),
    "reth's body": lambda _: (413, error(-32007, "Request is too big")),
    "Nethermind": lambda _: (503, error(-32005, "Batch size limit exceeded")),
    "Nethermind's answer": lambda batch: (
        200,
        [
            *answers(batch[:3]),
            *(error(-32005, "MaxBatchResponseBodySize of 32768KB exceeded", c["id"]) for c in batch[3:]),
        ],
    ),
    "Besu": lambda _: (200, error(-32005, "Number of requests exceeds max batch size")),
    "Hedera": lambda batch: (
        400,
        [error(-32203, f"Batch request amount {len(batch)} exceeds max 30", call["id"]) for call in batch],
    ),
    "dRPC": lambda _: (500, error(31, "Batch of more than 30 requests are not allowed on free plan")),
    "Gnosis": lambda _: (200, error(-32600, 'Too many ["eth_getBalance"] methods in the batch')),
    "Alchemy": lambda batch: (
        200,
        [error(-32008, "Response size is larger than 150MB limit.", call["id"]) for call in batch],
    ),
    "nginx": lambda _: (413, NGINX),
}


def taking(limit: int, refusal: Callable[[Any], tuple[int, Any]]) -> Behaviour:
    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if len(request) <= limit:
            honest(handler, request)
        else:
            status, body = refusal(request)
            reply(handler, (body if isinstance(body, str) else json.dumps(body)).encode(), status)

    return behaviour


@pytest.mark.parametrize("case", TOO_LARGE)
def test_a_batch_too_large_for_the_node_is_halved_and_the_size_is_kept(case: str, server: FaultServer) -> None:
    # Nor does it matter that the url has the node's words in it, which no error shows.
    node = Node("n1", server.url + "/batch/response/request", sleep=lambda _: None)
    server.behaviour = taking(30, TOO_LARGE[case])
    calls = [("eth_getBalance", [value]) for value in range(110)]
    assert node.batch(calls) == [hex(value) for value in range(110)]
    assert server.sizes == [100, 50, 25, 25, 25, 25, 10]
    server.sizes.clear()
    assert node.batch(calls[:60]) == [hex(value) for value in range(60)]
    assert server.sizes == [25, 25, 10]


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_cannot_be_halved_is_an_error(case: str, server: FaultServer, node: Node) -> None:
    server.behaviour = taking(0, TOO_LARGE[case])
    if case in {"geth's answer", "Nethermind's answer"}:
        server.behaviour = taking(0, lambda batch: (200, [error(-32003, "response too large", batch[0]["id"])]))
    with pytest.raises(UnavailableError, match=r"node n1: .*(was refused: .*code|HTTP status 413)"):
        node.batch(CALLS)
    assert server.sizes == [8, 4, 2, 1]


def test_an_answer_over_our_own_limit_is_asked_for_in_halves(
    server: FaultServer, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.dumps(answers([{"id": 10, "params": [1]}] * 50)))
    monkeypatch.setattr(rpc, "answer_size", lambda _: Size(size, 10_000))
    assert node.batch([("eth_getBalance", [1])] * 100) == ["0x1"] * 100
    assert server.sizes[:2] == [100, 50]


OTHER_REFUSALS: dict[str, Callable[[Any], tuple[int, Any]]] = {
    "too wide a search": lambda _: (200, error(-32005, "query returned more than 10000 results")),
    "no batches": lambda _: (200, error(-32005, "Batched requests are not supported by this server")),
    "no login": lambda _: (200, error(-32600, "Must be authenticated!")),
    "no such method": lambda batch: (
        200,
        [error(-32601, "the method eth_x does not exist/is not available", call["id"]) for call in batch],
    ),
    "a code alone": lambda batch: (200, [error(-32003, "transaction rejected", call["id"]) for call in batch]),
}


@pytest.mark.parametrize("case", OTHER_REFUSALS)
def test_another_error_is_neither_halved_nor_tried_again(case: str, server: FaultServer, node: Node) -> None:
    server.behaviour = taking(0, OTHER_REFUSALS[case])
    _, body = OTHER_REFUSALS[case]([{"id": 1}])
    told = (body[0] if isinstance(body, list) else body)["error"]
    with pytest.raises(UnavailableError) as caught:
        node.batch(CALLS)
    assert caught.value.code == "node/refused"
    assert caught.value.message.endswith(f"was refused: {told['message']} (code {told['code']})")
    assert server.requests == 1
