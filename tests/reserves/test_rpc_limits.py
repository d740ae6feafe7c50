"""What a node cannot take now, or at once, by a loopback server with such limits."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from attest.errors import UnavailableError
from attest.reserves import rpc
from attest.reserves.rpc import Node
from tests.reserves.faults import CALLS, NUMBERS, FaultServer, honest, reply


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


def test_a_batch_is_cut_into_pieces(server: FaultServer, node: Node) -> None:
    count = 2 * rpc.BATCH_SIZE + 1
    assert node.batch([("eth_getBalance", [value]) for value in range(count)]) == [hex(i) for i in range(count)]
    assert server.sizes == [rpc.BATCH_SIZE, rpc.BATCH_SIZE, 1]
