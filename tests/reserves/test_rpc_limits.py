"""What a node cannot take now, or at once, by a loopback server with such limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import UnavailableError
from attest.reserves import rpc
from attest.reserves.rpc import Node
from tests.reserves.faults import CALLS, NUMBERS, Behaviour, FaultServer, honest, reply


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
