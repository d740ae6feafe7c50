"""A proxy in front of a real node that does to its answers what networks, providers and false nodes do."""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import rlp  # type: ignore[import-untyped]

from attest.chains.ethereum.answers import _HEADER, _INTEGERS
from attest.chains.ethereum.proof import keccak
from tests.world.recorded import decimal_text

BOMB = gzip.compress(b"0" * 50_000_000)
FLOOD = b'{"jsonrpc":"2.0","id":1,"result":[' + b"{}," * 3_000_000 + b"{}]}"


class RefusedError(Exception):
    """The real node cannot be reached now."""


def ask(url: str, body: bytes) -> tuple[int, bytes]:
    """What the real node at `url` answers: status and body."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise RefusedError
    headers = {"Content-Type": "application/json"}
    if parts.username:
        login = f"{parts.username}:{parts.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    request = urllib.request.Request(f"http://{parts.hostname}:{parts.port}/", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 (loopback)
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        raise RefusedError from None


Lie = Callable[[str, list[Any], Any], Any]
"""What becomes of a result, by the method and the parameters of the call."""


def other_balance(by: int) -> Lie:
    """Balances that are greater, and Bitcoin wallets of one output less with a total that fits."""

    def lie(method: str, _: list[Any], result: Any) -> Any:
        match method:
            case "eth_getBalance":
                return hex(int(result, 16) + by)
            case "eth_call" if isinstance(result, str) and len(result) == 66:
                return f"0x{int(result, 16) + by:064x}"
            case "scantxoutset" if isinstance(result, dict) and len(result.get("unspents", [])) >= by:
                kept = result["unspents"][by:]
                return {**result, "unspents": kept, "total_amount": sum((item["amount"] for item in kept), Decimal(0))}
        return result

    return lie


def other_fork(by: int) -> Lie:
    """Other blocks, whose headers hash to what they are called."""
    names: dict[str, str] = {}

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method in {"eth_getBlockByNumber", "eth_getBlockByHash"} and isinstance(result, dict):
            block = {**result, "timestamp": hex(int(result["timestamp"], 16) + by)}
            fields = [
                int(block[name], 16) if name in _INTEGERS else bytes.fromhex(block[name][2:])
                for name in _HEADER
                if block.get(name) is not None
            ]
            return {**block, "hash": "0x" + keccak(rlp.encode(fields)).hex()}
        if method == "getblockhash" and params != [0]:
            other = sha256(f"{result}{by}".encode()).hexdigest()
            names[other] = result
            return other
        return result

    return lie


def behind(by: int) -> Lie:
    """A chain that ends some blocks earlier."""

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "getblockcount":
            return max(0, result - by)
        if method == "scantxoutset" and isinstance(result, dict) and "height" in result:
            return {**result, "height": max(0, result["height"] - by)}
        if method == "eth_getBlockByNumber" and params[0] in {"latest", "finalized"}:
            return None
        return result

    return lie


class Proxy:
    """One node, as it is seen through trouble: `url` is where it answers.

    A share `rate` of its answers gets one of `troubles`; `lie` changes what it says in a share `lies` of them.
    """

    def __init__(self, chaos: Chaos, upstream: Callable[[], str], seed: str) -> None:
        self._chaos = chaos
        self._upstream = upstream
        self.random = random.Random(seed)
        self.rate = 0.0
        self.troubles: Sequence[str] = ()
        self.lie: Lie | None = None
        self.lies = 1.0
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self._chaos.happen()
        with self._lock:
            trouble = self.random.choice(self.troubles) if self.random.random() < self.rate else ""
            lying = self.lie is not None and self.random.random() < self.lies
        asked = json.loads(body)
        if trouble in BEFORE:
            self._chaos.count(trouble)
            BEFORE[trouble](handler)
            return
        try:
            status, said = ask(self._upstream(), body)
        except RefusedError:
            reset(handler)
            return
        if lying and self.lie is not None:
            said = _changed(asked, said, self.lie)
        if trouble in ANSWERS:
            said = ANSWERS[trouble](asked, said)
        self._chaos.count(trouble)
        AFTER.get(trouble, send)(handler, said, status)


def _changed(asked: Any, said: bytes, lie: Lie) -> bytes:
    calls = {call["id"]: call for call in (asked if isinstance(asked, list) else [asked])}
    answers = json.loads(said, parse_float=Decimal)
    for answer in answers if isinstance(answers, list) else [answers]:
        call = calls.get(answer.get("id"))
        if call is not None and answer.get("result") is not None:
            answer["result"] = lie(call["method"], call["params"], answer["result"])
    return decimal_text(answers).encode()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    length = headers.pop("length", str(len(body)))
    handler.send_header("Content-Length", length)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = handler.close_connection or length != str(len(body))


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RD)


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0\r\n")
    handler.close_connection = True


def reset_in_the_middle(handler: BaseHTTPRequestHandler, body: bytes, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    reset(handler)


def drip(handler: BaseHTTPRequestHandler, body: bytes, _: int) -> None:
    """A byte at a time, until whoever asked has had enough."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for place in range(min(len(body), 400)):
        handler.wfile.write(body[place : place + 1])
        handler.wfile.flush()
        threading.Event().wait(0.02)
    handler.wfile.write(body[400:])


def late(handler: BaseHTTPRequestHandler, body: bytes, status: int) -> None:
    threading.Event().wait(0.15)
    send(handler, body, status)


def very_late(handler: BaseHTTPRequestHandler, body: bytes, status: int) -> None:
    threading.Event().wait(1.5)
    send(handler, body, status)


def _each(said: bytes, change: Callable[[list[Any]], list[Any]]) -> bytes:
    answers = json.loads(said, parse_float=Decimal)
    if not isinstance(answers, list):
        return decimal_text({**answers, "id": 10**9}).encode()
    return decimal_text(change(answers)).encode()


BEFORE: Mapping[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "reset before": reset,
    "429": lambda handler: send(handler, b"slow down", 429, Retry_After="1"),
    "500": lambda handler: send(handler, b"oops", 500),
    "503": lambda handler: send(handler, b"<html>busy</html>", 503),
    "502 with a long page": lambda handler: send(handler, b"<p>{,}" * 50_000, 502),
    "redirect": lambda handler: send(handler, b"", 302, Location="http://127.0.0.1:9/"),
    "redirect to a file": lambda handler: send(handler, b"", 307, Location="file:///etc/hostname"),
    "gzip bomb": lambda handler: send(handler, BOMB, 200, Content_Encoding="gzip"),
    "flood": lambda handler: send(handler, FLOOD, 200),
    "no HTTP": no_http,
    "web page": lambda handler: send(handler, b"<html>It works!</html>", 200),
    "nesting": lambda handler: send(handler, b"[" * 100_000, 200),
    "null": lambda handler: send(handler, b"null", 200),
}
AFTER: Mapping[str, Callable[[BaseHTTPRequestHandler, bytes, int], None]] = {
    "reset in the middle": reset_in_the_middle,
    "cut short": lambda handler, body, status: send(handler, body[: len(body) // 2], status, length=str(len(body))),
    "a length too short": lambda handler, body, status: send(handler, body, status, length=str(len(body) - 2)),
    "a length too long": lambda handler, body, status: send(handler, body, status, length=str(len(body) + 5)),
    "drip": drip,
    "late": late,
    "very late": very_late,
}
ANSWERS: Mapping[str, Callable[[Any, bytes], bytes]] = {
    "ids twice": lambda _, said: _each(said, lambda answers: [answers[0], *answers[:-1]]),
    "one too few": lambda _, said: _each(said, lambda answers: answers[1:]),
    "other ids": lambda _, said: _each(said, lambda answers: [{**item, "id": 10**6} for item in answers]),
    "garbage": lambda _, said: said[: len(said) // 3] + b'"\x00}{' + said[len(said) // 2 :],
}
PASSING = ("late", "reset before", "reset in the middle", "cut short", "429", "500", "503", "502 with a long page")
ALL = tuple(dict.fromkeys([*PASSING, *BEFORE, *AFTER, *ANSWERS]))


class Chaos:
    """The proxies of a case, and what happens to the chains at which of their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._events: dict[int, Callable[[], None]] = {}
        self.counts: dict[str, int] = {}
        self.happened = 0

    def at(self, request: int, event: Callable[[], None]) -> None:
        """Let something happen while the request of this number waits."""
        self._events[request] = event

    def happen(self) -> None:
        with self._lock:
            self._requests += 1
            event = self._events.pop(self._requests, None)
            if event is not None:
                self.happened += 1
                event()

    def count(self, trouble: str) -> None:
        with self._lock:
            self.counts[trouble or "sound"] = self.counts.get(trouble or "sound", 0) + 1

    @contextmanager
    def proxy(self, upstream: Callable[[], str], seed: str) -> Iterator[Proxy]:
        """A proxy that runs, sound until it is told otherwise."""
        proxy = Proxy(self, upstream, seed)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                with suppress(OSError):  # whoever asked has gone
                    proxy.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Stay silent: connections end on purpose."""

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield proxy
        finally:
            server.shutdown()
            server.server_close()
