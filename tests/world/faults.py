"""A loopback server that misbehaves as a test tells it."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler, Any], None]
CALLS = [("eth_getBalance", [value]) for value in range(1, 9)]
NUMBERS = [hex(value) for value in range(1, 9)]


def answers(request: Any) -> Any:
    """What an honest node says: the number in the first parameter."""
    calls = request if isinstance(request, list) else [request]
    result = [{"jsonrpc": "2.0", "id": call["id"], "result": hex(call["params"][0])} for call in calls]
    return result if isinstance(request, list) else result[0]


def error(code: int, message: str, request_id: int | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def reply(
    handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, *, length: int | None = None, **headers: str
) -> None:
    """Send `body` under a Content-Length of `length`, or its own; a header's `_` stands for `-`."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def honest(handler: BaseHTTPRequestHandler, request: Any) -> None:
    reply(handler, json.dumps(answers(request)).encode())


def whole_answer(request: Any) -> bytes:
    """An honest answer, header and body."""
    body = json.dumps(answers(request)).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def reset(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The handler's files hold the socket open.
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()


class _Server(ThreadingHTTPServer):
    closed: threading.Semaphore

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients hang up on what this server does."""


class FaultServer:
    """Answers a JSON-RPC request by `behaviour`, and keeps what it was asked and over how many connections."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.behaviour: Behaviour = honest
        self.requests = 0
        self.sizes: list[int] = []
        self.connections = 0
        self.headers: Any = None
        self.target = ""
        self.closing = threading.Event()
        self.closed = threading.Semaphore(0)  # released for each connection this server has closed
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # header and body are sent apart

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests += 1
                outer.sizes.append(len(request) if isinstance(request, list) else 0)
                outer.headers, outer.target = self.headers, self.path
                outer.behaviour(self, request)

            def do_GET(self) -> None:
                """A followed redirect would come as GET."""
                outer.requests += 1
                reply(self, b"")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.closed = self.closed
        self.port: int = self.server.server_address[1]
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def change(self, change: Callable[[Any], Any]) -> None:
        self.behaviour = lambda handler, request: reply(handler, json.dumps(change(answers(request))).encode())
