"""A bitcoind that has not finished starting is asked again until the deadline, however often it says so."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from attest.chains.nodes.rpc import MAX_TRIES, Node
from attest.errors import UnavailableError
from tests.world.faults import CALLS, NUMBERS, Behaviour, FaultServer, answers, error, reply

WORDS = ("Loading block index…", "Verifying blocks…", "RPC server started", "Rescanning…")


def starting(times: float, *, status: int = 200, in_batch: bool = True) -> Behaviour:
    """Says so many times that it starts, to each call of a batch or to the batch as a whole, and then answers."""
    asked = []

    def behave(handler: BaseHTTPRequestHandler, request: Any) -> None:
        asked.append(request)
        if len(asked) > times:
            reply(handler, json.dumps(answers(request)).encode())
            return
        words = WORDS[len(asked) % len(WORDS)]
        if isinstance(request, list) and in_batch:
            said: Any = [error(-28, words, call["id"]) for call in request]
        else:
            said = error(-28, words, None if isinstance(request, list) else request["id"])
        reply(handler, json.dumps(said).encode(), status)

    return behave


@pytest.mark.parametrize("status", [200, 500])  # 500 before bitcoind 28
@pytest.mark.parametrize("times", [1, 3, MAX_TRIES])
def test_a_node_that_starts_answers_when_it_has_started(
    times: int, status: int, server: FaultServer, node: Node
) -> None:
    server.behaviour = starting(times, status=status)
    assert node.call("eth_getBalance", 1) == "0x1"
    server.behaviour = starting(times, status=status)
    assert node.batch(CALLS) == NUMBERS
    server.behaviour = starting(times, status=status, in_batch=False)
    assert node.batch(CALLS) == NUMBERS
    assert server.requests == 3 * (times + 1)


def test_a_node_that_does_not_finish_starting_is_unavailable_in_its_own_words(server: FaultServer) -> None:
    server.behaviour = starting(float("inf"))
    node = Node("n1", server.url, deadline=0.3, sleep=lambda _: time.sleep(0.01))
    with pytest.raises(UnavailableError, match=r"node n1: .*(?:Loading|Verifying|RPC|Rescanning).*\(tries: "):
        node.call("getblockcount")


@pytest.mark.parametrize("code", [-27, -8, -1, 28, "-28", None])
def test_any_other_refusal_is_told_at_once(code: Any, server: FaultServer, node: Node) -> None:
    server.behaviour = lambda handler, request: reply(
        handler, json.dumps(error(code, "Loading block index…", request["id"])).encode()
    )
    with pytest.raises(UnavailableError, match="was refused: Loading block index"):
        node.call("getblockcount")
    assert server.requests == 1
