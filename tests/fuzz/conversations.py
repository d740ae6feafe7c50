"""Readings from nodes that say what some bytes have: the result of each call on a line, in the order of the calls."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult

import pytest

from attest.canonical import loads_node_answer
from attest.chains.ethereum.answers import _HEADER, _INTEGERS
from attest.chains.ethereum.proof import keccak
from attest.chains.nodes import rpc
from attest.chains.nodes.answer_sizes import MAX_ANSWER_BYTES
from attest.errors import AttestError
from attest.wire import OversizeError, Reply
from tests.world.recorded import decimal_text

MAX_CALLS = 2000  # of one reading to one node, which needs less than two hundred
MAX_MESSAGE = 2000  # characters: what a node says is quoted, not copied
REVERTED = b'"error":{"code":3,"message":"execution reverted"}'  # the one error that was recorded of contracts
NO_SUCH_METHOD = b'"error":{"code":-32601,"message":"Index is not enabled"}'

Answer = Callable[[dict[str, Any]], bytes]
"""What a node says to a call: `"result":` or `"error":`, and JSON."""


def recording(*paths: Path) -> dict[str, bytes]:
    """The results of calls (`call_key`) in recordings."""
    exchanges = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return {call_key(item["method"], item["params"]): item["result"].encode() for item in exchanges}


def call_key(method: str, params: Any) -> str:
    """What makes two calls the same; a file may be written into any folder."""
    if method == "dumptxoutset":
        params = [Path(params[0]).name, *params[1:]]
    return json.dumps([method, params], sort_keys=True)


class Conversation(NamedTuple):
    """What `read` finds when it asks the nodes at its URLs, of which there are `nodes`, and what real ones said.

    `holds` says whether something that liars made it find may be found in the place of what is true;
    `outvoted` the same of what is found when two honest nodes speak against a liar, None that they cannot.
    """

    read: Callable[[Sequence[str]], Any]
    recorded: Mapping[str, bytes]
    holds: Callable[[Any, Any], bool]
    outvoted: Callable[[Any, Any], bool] | None = None
    nodes: int = 1


class Lies:
    """A conversation as a parser: `parse` reads what its bytes have in the place of `seed`, which honest nodes said.

    `truth` is what is found then."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        honest = _Recorded(conversation.recorded)
        with _answered(*[honest] * conversation.nodes) as urls:
            self.truth = conversation.read(urls)
        self._asked, self.seed = honest.asked, b"\n".join(honest.said)

    def parse(self, data: bytes) -> object:
        """What one liar is believed; raises `AssertionError` when that may not be, `AttestError`."""
        conversation = self._conversation
        lines = data.split(b"\n")
        # Every other time the lies do not contradict themselves, so that what comes after is reached.
        consistent = zlib.crc32(data) % 2 == 1

        def liar() -> Answer:
            return _Liar(self._asked, lines, consistent=consistent)

        if conversation.outvoted is not None:
            with _answered(liar(), *(_Recorded(conversation.recorded) for _ in range(2))) as urls:
                try:
                    found = conversation.read(urls)
                except AttestError as error:
                    raise AssertionError(f"one liar of three nodes stops the reading: {error}") from error
            assert conversation.outvoted(found, self.truth), "one liar of three nodes is believed"
        with _answered(*(liar() for _ in range(conversation.nodes))) as urls:
            try:
                found = conversation.read(urls)
            except AttestError as error:
                if len(error.message) > MAX_MESSAGE:
                    raise AssertionError(f"a message of {len(error.message)} characters") from error
                raise
        assert conversation.holds(found, self.truth), "a lie passes for proven"
        return found


class _Recorded:
    """Says what was recorded, and keeps it."""

    def __init__(self, recorded: Mapping[str, bytes]) -> None:
        self._recorded = recorded
        self.asked: list[str] = []
        self.said: list[bytes] = []

    def __call__(self, call: dict[str, Any]) -> bytes:
        asked = call_key(call["method"], call["params"])
        result = self._recorded.get(asked)
        if result is None:
            return REVERTED if call["method"] == "eth_call" else NO_SUCH_METHOD
        self.asked.append(asked)
        self.said.append(result)
        return b'"result":' + result


@dataclass
class _Liar:
    """Says to a call what the next of its lines has; to one that nobody made, what a line of that method has."""

    asked: Sequence[str]
    lines: Sequence[bytes]
    consistent: bool
    _next: dict[str, int] = field(default_factory=dict)
    _calls: int = 0

    def __post_init__(self) -> None:
        self._answers: dict[str, list[bytes]] = {}
        for asked, line in zip(self.asked, self.lines, strict=False):
            for name in (asked, json.loads(asked)[0]):
                self._answers.setdefault(name, []).append(line)

    def __call__(self, call: dict[str, Any]) -> bytes:
        self._calls += 1
        assert self._calls <= MAX_CALLS, "a node is asked without end"
        name = call_key(call["method"], call["params"])
        lines = self._answers.get(name) or self._answers.get(call["method"])
        if not lines:
            return NO_SUCH_METHOD
        number = self._next.get(name, 0)
        self._next[name] = number + 1
        line = lines[min(number, len(lines) - 1)]
        return b'"result":' + (_consistent(line) if self.consistent else line)


def _consistent(line: bytes) -> bytes:
    """The result with the hash and the total that belong to it, where it is a block or a scan that has such."""
    try:
        value = loads_node_answer(line, what="x", max_bytes=MAX_ANSWER_BYTES, max_values=MAX_ANSWER_BYTES)
        if "unspents" in value:
            value["total_amount"] = sum((item["amount"] for item in value["unspents"]), Decimal())
        elif "stateRoot" in value:
            value["hash"] = "0x" + keccak(_header(value)).hex()
        else:
            return line
        return decimal_text(value).encode()
    except (AttestError, ValueError, TypeError, KeyError, ArithmeticError):
        return line


def _header(block: dict[str, Any]) -> bytes:
    import rlp

    def item(name: str) -> Any:
        digits = block[name][2:]
        return int(digits, 16) if name in _INTEGERS else bytes.fromhex(digits)

    return bytes(rlp.encode([item(name) for name in _HEADER if block.get(name) is not None]))


class _Wire:
    """In the place of `attest.wire.Wire`: nothing is sent anywhere."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def post(self, body: bytes, *, end: float, max_bytes: int) -> Reply:  # noqa: ARG002
        request = json.loads(body)
        if isinstance(request, list):
            content = b"[" + b",".join(map(self._reply, request)) + b"]"
        else:
            content = self._reply(request)
        if len(content) > max_bytes:
            raise OversizeError
        return Reply(200, None, content)

    def _reply(self, call: dict[str, Any]) -> bytes:
        return b'{"jsonrpc":"2.0","id":%d,%b}' % (call["id"], self._answer(call))


@contextmanager
def _answered(*answers: Answer) -> Iterator[list[str]]:
    """The URLs of nodes that answer so."""

    def wire(url: SplitResult) -> _Wire:
        return _Wire(answers[int(url.path[1:])])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rpc, "Wire", wire)
        yield [f"http://127.0.0.1/{number}" for number in range(len(answers))]
