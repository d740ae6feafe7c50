"""Refusals that pass, of a request or of single calls of a batch: what they cost, and when they are an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from attest.chains.nodes import rpc
from attest.chains.nodes.refusals import HINTS
from attest.chains.nodes.rpc import Node
from attest.errors import UnavailableError
from tests.world.faults import CALLS, NUMBERS, Behaviour, FaultServer, answers, error, reply

Refusing = Callable[[Any], Any]
"""What an element of an answer becomes; the element holds the id."""


def refusing(code: int, message: str, **more: Any) -> Refusing:
    return lambda answer: {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": code, "message": message, **more}}


def null(answer: Any) -> Any:
    return {**answer, "result": None}


# What passes, the code of the error when it does not, and after how many tries.
PASSING: dict[str, tuple[Refusing, str, int]] = {
    "a rate limit": (refusing(-32005, "request rate limited"), "node/busy", 6),
    "a rate limit by its code": (refusing(429, "no"), "node/busy", 6),
    "a capacity": (refusing(-32000, "exceeded its compute units per second capacity"), "node/busy", 6),
    "a lagging backend": (refusing(-32000, "header not found"), "node/behind", 6),
    "a block that is not known yet": (refusing(-39001, "Unknown block"), "node/behind", 6),
    "a call that took too long": (refusing(-32002, "request timed out"), "node/timeout", 3),
    "a pruned state": (refusing(-32000, "missing trie node 1f (path )"), "node/no-state", 3),
    "null": (null, "node/null", 6),
}


def changing(server: FaultServer, change: Refusing, which: Callable[[int], bool], times: int) -> Behaviour:
    """Answers where `which` elements of a batch, by place, are changed in the first so many requests."""

    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        said = answers(request)
        if server.requests <= times:
            if isinstance(said, list):
                said = [change(item) if which(place) else item for place, item in enumerate(said)]
            else:
                said = change(said)
        reply(handler, json.dumps(said).encode())

    return behaviour


PLACES: dict[str, Callable[[int], bool]] = {
    "the first": lambda place: place == 0,
    "the last": lambda place: place == len(CALLS) - 1,
    "every other": lambda place: place % 2 == 1,
    "all but one": lambda place: place != 3,
    "all": lambda _: True,
}


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("case", PASSING)
def test_calls_of_a_batch_that_were_refused_for_now_are_asked_again_and_no_others(
    case: str, places: str, server: FaultServer, node: Node
) -> None:
    which = PLACES[places]
    server.behaviour = changing(server, PASSING[case][0], which, 1)
    assert node.batch(CALLS) == NUMBERS
    assert server.sizes == [len(CALLS), sum(map(which, range(len(CALLS))))]


@pytest.mark.parametrize("case", PASSING)
def test_a_call_that_was_refused_for_now_is_asked_again(case: str, server: FaultServer, node: Node) -> None:
    change, _, tries = PASSING[case]
    server.behaviour = changing(server, change, lambda _: True, tries - 1)
    assert node.call("eth_getBalance", 7) == "0x7"
    assert server.requests == tries


@pytest.mark.parametrize("asked", ["a call", "a batch"])
@pytest.mark.parametrize("case", PASSING)
def test_what_does_not_pass_is_an_error_with_its_reason_after_so_many_tries(
    case: str, asked: str, server: FaultServer, node: Node
) -> None:
    change, code, tries = PASSING[case]
    server.behaviour = changing(server, change, lambda _: True, 10**6)
    with pytest.raises(UnavailableError, match=rf"node n1: eth_getBalance was .* \(tries: {tries}\)") as caught:
        node.call("eth_getBalance", 7) if asked == "a call" else node.batch(CALLS)
    assert server.requests == tries
    assert (caught.value.code, caught.value.hint) == (code, HINTS[code.removeprefix("node/")])


def test_tries_are_counted_from_the_last_progress(server: FaultServer, node: Node) -> None:
    """A provider that answers three calls a second is not refused for having been asked more than six times."""

    def slow(handler: BaseHTTPRequestHandler, request: Any) -> None:
        said = [item if place < 3 else refusing(429, "slow down")(item) for place, item in enumerate(answers(request))]
        reply(handler, json.dumps(said).encode())

    server.behaviour = slow
    calls = [("eth_getBalance", [value]) for value in range(30)]
    assert node.batch(calls) == [hex(value) for value in range(30)]
    assert server.sizes == list(range(30, 0, -3))


WHOLE: dict[str, Callable[[Any], tuple[int, Any]]] = {
    "an object": lambda _: (200, error(-32005, "Too many requests")),
    "a list with an error of no id": lambda _: (200, [error(-32005, "batch rate limit exceeded")]),
    "a list with an error of the first": lambda batch: (200, [error(429, "no", batch[0]["id"])]),
    "HTTP 400": lambda batch: (400, [error(-32000, "header not found", call["id"]) for call in batch]),
    "HTTP 404": lambda _: (404, error(-32001, "block not found")),
    "HTTP 403": lambda _: (403, error(-32005, "rate limit")),
    "HTTP 500": lambda _: (500, error(-32000, "header not found")),
    "HTTP 429": lambda _: (429, error(-32005, "daily request count exceeded, request rate limited")),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_batch_that_was_refused_for_now_as_a_whole_is_asked_again(case: str, server: FaultServer, node: Node) -> None:
    def recovering(handler: BaseHTTPRequestHandler, request: Any) -> None:
        status, body = WHOLE[case](request) if server.requests == 1 else (200, answers(request))
        reply(handler, json.dumps(body).encode(), status)

    server.behaviour = recovering
    assert node.batch(CALLS) == NUMBERS
    assert server.sizes == [len(CALLS)] * 2


BACKOFF = {"data": {"rate": {"allowed_rps": 1, "backoff_seconds": 20, "current_rps": 2.2}}}


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize(
    ("more", "headers", "at_least"),
    [(BACKOFF, {}, 20), ({}, {"Retry_After": "25"}, 25), (BACKOFF, {"Retry_After": "9"}, 20), ({}, {}, 0)],
    ids=["in the error", "in the header", "in both", "nowhere"],
)
def test_a_provider_is_left_alone_for_as_long_as_it_asks(
    more: Any, headers: dict[str, str], at_least: int, status: int, server: FaultServer
) -> None:
    slept: list[float] = []

    def asking(handler: BaseHTTPRequestHandler, request: Any) -> None:
        if server.requests > 1:
            reply(handler, json.dumps(answers(request)).encode())
            return
        body = refusing(-32005, "daily request count exceeded, request rate limited", **more)(request)
        reply(handler, json.dumps(body).encode(), status, **headers)

    server.behaviour = asking
    assert Node("n1", server.url, sleep=slept.append).call("eth_getBalance", 7) == "0x7"
    assert len(slept) == 1
    assert at_least <= slept[0] <= max(at_least, 0.5)


def test_a_provider_that_asks_for_more_than_the_deadline_is_an_error_at_once(server: FaultServer) -> None:
    more = {"data": {"rate": {"backoff_seconds": 86400}}}
    server.behaviour = changing(server, refusing(-32005, "daily request count exceeded", **more), lambda _: True, 9)
    with pytest.raises(UnavailableError, match=r"daily request count exceeded .*; it asks to wait 86,400 s, longer"):
        Node("n1", server.url, sleep=lambda _: None).call("eth_getBalance", 7)
    assert server.requests == 1


@pytest.mark.parametrize(
    ("method", "asked"), [("eth_getBlockByNumber", rpc.MAX_TRIES), ("getblock", 1), ("evm_mine", 1), ("eth_syncing", 1)]
)
def test_null_is_waited_on_only_where_it_means_that_a_block_is_not_there_yet(
    method: str, asked: int, server: FaultServer, node: Node
) -> None:
    server.behaviour = changing(server, null, lambda _: True, 10**6)
    with pytest.raises(UnavailableError, match=f"{method} was answered with null") as caught:
        node.call(method, 7)
    assert (caught.value.code, server.requests) == ("node/null", asked)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_revert_is_the_contracts_word_and_asked_once(status: int, server: FaultServer, node: Node) -> None:
    body = refusing(3, "execution reverted: rate limit exceeded", data="0x08c379a0")
    server.behaviour = lambda handler, request: reply(handler, json.dumps(body(request)).encode(), status)
    with pytest.raises(UnavailableError, match="execution reverted") as caught:
        node.call("eth_call", {})
    assert (caught.value.code, server.requests) == ("node/reverted", 1)
