"""Real nodes whose answers a test changes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from attest.chains.nodes.rpc import Node
from attest.demo.recording import on_loopback, serve
from tests.world.recorded import decimal_text

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


Answered = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
"""What goes out for a call, instead of what the node said: whole JSON-RPC objects, errors among them."""


def refused(call: dict[str, Any], code: int, message: str, **more: Any) -> dict[str, Any]:
    """An error in the place of a result."""
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message, **more}}


@contextmanager
def fronting(url: str, change: Answered) -> Iterator[str]:
    """The URL of a server in front of the node at `url`, such as a load balancer is, that may change each answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(request) as reply:  # noqa: S310 (loopback)
                said = json.load(reply)
            if isinstance(asked, list):
                by_id = {answer["id"]: answer for answer in said}
                out: Any = [change(call, by_id[call["id"]]) for call in asked]
            else:
                out = change(asked, said)
            data = json.dumps(out).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent."""

    with on_loopback(Handler) as front:
        yield front
