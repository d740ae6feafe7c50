"""One HTTP exchange at a time over a connection that is kept, over by its deadline whatever the server does.

A socket's own timeout begins anew with every byte that drips in, and looking up a name has none. So a daemon thread
holds the connection, and a caller whose time is up hangs up and leaves. Redirects, proxies, cookies, .netrc and
compression do not exist here: `http.client` knows none of them.
"""

from __future__ import annotations

import base64
import selectors
import socket
import ssl
import time
import weakref
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from queue import Empty, SimpleQueue
from string import punctuation
from threading import Thread
from typing import Final
from urllib.parse import SplitResult, quote, unquote

_CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the HTTP status, the text of its Retry-After header, and the body as it was sent."""

    status: int
    retry_after: str | None
    content: bytes


class NoReplyError(Exception):
    """No whole answer came; its text says why. Another try may get one."""


class OversizeError(Exception):
    """The answer is longer than it may be."""


class Wire:
    """Posts to one URL. It serves one thread at a time; threads with a `Wire` each do not wait for each other."""

    def __init__(self, url: SplitResult, content_type: str = "application/json") -> None:
        """Raise `ValueError` or `HTTPException` when `url` cannot be an address. Nothing is sent yet."""
        self._secure = url.scheme == "https"
        self._host = url.hostname or ""
        self._host.encode("idna")
        self._port = url.port or (HTTPS_PORT if self._secure else HTTP_PORT)
        self._target = quote(url.path or "/", safe=punctuation)
        if url.query:
            self._target += "?" + quote(url.query, safe=punctuation)
        # Some providers turn away a request that names no program.
        self._headers = {"Content-Type": content_type, "Accept-Encoding": "identity", "User-Agent": "attest"}
        if url.username is not None or url.password is not None:
            login = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        HTTPConnection(self._host, self._port)  # refuses what cannot be a host
        self._line: _Line | None = None
        self._exchange: _Exchange | None = None

    def post(self, body: bytes, *, end: float, max_bytes: int) -> Reply:
        """The answer to `body`, which is of the content type, before the time `end` of the monotonic clock.

        Raises `NoReplyError`, or `OversizeError` for an answer of more than `max_bytes`.
        """
        exchange = _Exchange(self._target, self._headers, body, end, max_bytes)
        # Kept only after a whole exchange: any other may have left half an answer in the connection.
        line, self._line = self._line or _Line(self._connection()), None
        self._exchange = exchange
        line.jobs.put(exchange)
        try:
            outcome = exchange.outcome.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            exchange.hang_up()
            raise NoReplyError("no answer in time") from None
        if isinstance(outcome, Exception):
            raise outcome
        self._line = line
        return outcome

    def hang_up(self) -> None:
        """End the exchange that another thread waits for, with a `NoReplyError` there."""
        if (exchange := self._exchange) is not None:
            exchange.outcome.put(NoReplyError("it is not waited for any longer"))
            exchange.hang_up()

    def _connection(self) -> HTTPConnection:
        if self._secure:
            return HTTPSConnection(self._host, self._port, context=_trust())
        return HTTPConnection(self._host, self._port)


@cache
def _trust() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


class _Line:
    """A thread with one connection. Both end when nothing refers to the line any more."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.jobs: SimpleQueue[_Exchange | None] = SimpleQueue()
        Thread(target=_serve, args=(connection, self.jobs), name="attest-wire", daemon=True).start()
        weakref.finalize(self, self.jobs.put, None)


def _serve(connection: HTTPConnection, jobs: SimpleQueue[_Exchange | None]) -> None:
    with closing(connection):
        for exchange in iter(jobs.get, None):
            try:
                exchange.outcome.put(exchange.run(connection))
            except Exception as error:  # noqa: BLE001 (whatever it is, it is the caller's)
                connection.close()
                exchange.outcome.put(error)


@dataclass(slots=True)
class _Exchange:
    target: str
    headers: dict[str, str]
    body: bytes
    end: float
    max_bytes: int
    outcome: SimpleQueue[Reply | Exception] = field(default_factory=SimpleQueue)
    sock: socket.socket | None = None

    def run(self, connection: HTTPConnection) -> Reply:
        try:
            self.sock = self._connected(connection)
            self.sock.settimeout(self._remaining())
            # A server that refuses a long body may answer, and close, before it has read all of it.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", self.target, self.body, self.headers)
            with connection.getresponse() as response:
                whole, content = self._content(response)
                if not whole:
                    connection.close()
                    if response.status == HTTPStatus.OK:
                        raise OversizeError
                return Reply(response.status, response.getheader("Retry-After"), content)
        except TimeoutError:
            raise NoReplyError("no answer in time") from None
        except (OSError, HTTPException) as error:
            raise NoReplyError(f"no complete answer ({type(error).__name__})") from None

    def _content(self, response: HTTPResponse) -> tuple[bool, bytes]:
        """Whether the body is no longer than it may be, and the body: that of an error may be a long page."""
        if response.length is not None and response.length > self.max_bytes:
            return False, b""
        content = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > self.max_bytes:
                return False, b""
            self._remaining()
        if response.length:
            raise NoReplyError("no complete answer (it was cut short)")
        return True, bytes(content)

    def hang_up(self) -> None:
        """Wake the thread that waits for the server, so that it ends too."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _connected(self, connection: HTTPConnection) -> socket.socket:
        if connection.sock is None or _is_stale(connection.sock):
            connection.close()
            connection.timeout = self._remaining()
            connection.connect()
        return connection.sock

    def _remaining(self) -> float:
        if (remaining := self.end - time.monotonic()) <= 0:
            raise NoReplyError("no answer in time")
        return remaining


def _is_stale(idle: socket.socket) -> bool:
    """Whether the server closed the connection, or wrote into it unasked."""
    with selectors.DefaultSelector() as selector:
        selector.register(idle, selectors.EVENT_READ)
        return bool(selector.select(0))
