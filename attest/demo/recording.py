"""JSON-RPC exchanges of real nodes: recorded through a loopback proxy, replayed from a loopback server.

A recording is JSON Lines, `{"method": …, "params": …, "result": "<JSON text as the node sent it>"}`. A reader
speaks to either over HTTP, exactly as it does to a node.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attest.chains.nodes.rpc import Node, NodeError
from attest.errors import AttestError

Answer = Callable[[str, list[Any]], str]
"""The JSON text of a call's result. Raises `LookupError` or `AttestError` when there is none.

What a node refused is passed on as it said it.
"""


def _dump(value: Any) -> str:
    """JSON text of a node's answer, with the exact decimals in it."""
    text = json.dumps(value, default=lambda number: f"decimal:{Decimal(number)}", sort_keys=True, ensure_ascii=False)
    return re.sub(r'"decimal:([0-9.Ee+-]+)"', r"\1", text)


def _key(method: str, params: list[Any]) -> str:
    return json.dumps([method, params], sort_keys=True)


@contextmanager
def on_loopback(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server on loopback whose requests `handler` answers, each in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """The URL of a JSON-RPC server on loopback that answers each call by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together, so that neither waits for the other's acknowledgement

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            batch = isinstance(request, list)
            body = (f"[{','.join(map(self._reply, request))}]" if batch else self._reply(request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _reply(self, call: dict[str, Any]) -> str:
            head = f'{{"jsonrpc":"2.0","id":{json.dumps(call["id"])}'
            try:
                return f'{head},"result":{answer(call["method"], call["params"])}}}'
            except (LookupError, AttestError) as error:
                told = error.told if isinstance(error, NodeError) else None
                failure = told or {"code": -32601, "message": f"{call['method']}: {error}"}
                return f'{head},"error":{json.dumps(failure, default=str)}}}'

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent: the reader says what went wrong."""

    with on_loopback(Handler) as url:
        yield url


@contextmanager
def recorded_node(path: Path) -> Iterator[str]:
    """The URL of a server that knows the exchanges in `path` and no others."""
    results: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        results[_key(exchange["method"], exchange["params"])] = exchange["result"]

    def answer(method: str, params: list[Any]) -> str:
        try:
            return results[_key(method, params)]
        except KeyError:
            raise LookupError("this call is not in the recording") from None

    with serve(answer) as url:
        yield url


@contextmanager
def recording_proxy(node_url: str, path: Path) -> Iterator[str]:
    """The URL of a proxy to a real node; what went through it is in `path` afterwards, each call once."""
    node = Node("recorded", node_url)
    alone = threading.Lock()  # it serves one thread at a time
    exchanges: dict[str, str] = {}

    def answer(method: str, params: list[Any]) -> str:
        with alone:
            result = _dump(node.call(method, *params))
            exchange = {"method": method, "params": params, "result": result}
            exchanges[_key(method, params)] = json.dumps(exchange, ensure_ascii=False)
        return result

    with serve(answer) as url:
        yield url
    path.write_text("".join(line + "\n" for line in exchanges.values()), encoding="utf-8")
