"""Real nodes whose answers a test changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from attest.demo.recording import serve
from attest.reserves.rpc import Node
from tests.reserves.conftest import decimal_text

Change = Callable[[list[Any], Any], Any]


def answering(node: Node, change: Callable[[str, list[Any]], Any]) -> AbstractContextManager[str]:
    """The URL of a server that answers as `node`, but where `change` has an answer of its own."""

    def answer(method: str, params: list[Any]) -> str:
        changed = change(method, params)
        return decimal_text(node.call(method, *params) if changed is None else changed)

    return serve(answer)


class Liar:
    """A server that asks a node and changes what it says."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changes: dict[str, Change] = {}
        self.url = ""

    def answer(self, method: str, params: list[Any]) -> str:
        result = self._node.call(method, *params)
        return decimal_text(self._changes[method](params, result) if method in self._changes else result)

    def changing(self, **changes: Change) -> Node:
        """The server as a node that changes the results of these methods and no others."""
        self._changes = changes
        return Node("n1", self.url, deadline=10, sleep=lambda _: None)


@contextmanager
def lying(node: Node) -> Iterator[Liar]:
    """A liar that asks `node`."""
    liar = Liar(node)
    with serve(liar.answer) as liar.url:
        yield liar
