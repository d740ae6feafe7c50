"""One HTTP exchange at a time over a kept connection, ended by a deadline whatever the server does.

A socket's own timeout is no deadline, because it begins anew with every byte that arrives, and the look-up of a host
name has none. So a daemon thread owns the connection, and a caller whose time is up shuts the socket and leaves the
thread behind. There are no redirects, proxies, cookies, .netrc or compression, because `http.client` has none of them.
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
    """A whole answer to a request.

    `status`: the HTTP status.
    `retry_after`: the text of the Retry-After header; None without one.
    `content`: the body, in bytes as they were sent; empty when an error's body is longer than allowed.
    """

    status: int
    retry_after: str | None
    content: bytes


class NoReplyError(Exception):
    """No whole answer arrived; the text says why. Another try may get one."""


class OversizeError(Exception):
    """A successful answer (status 200) that is longer than allowed."""


class Wire:
    """A connection that posts to one URL. A `Wire` serves one thread at a time; several do not wait for each other."""

    def __init__(self, url: SplitResult, content_type: str = "application/json") -> None:
        """Prepare requests to `url`; nothing is sent yet.

        `url`: http or https; its user name and password become Basic authentication.
        `content_type`: of every body that is posted.
        Raises `ValueError` or `HTTPException` when `url` cannot be an address.
        """
        self._secure = url.scheme == "https"
        self._host = url.hostname or ""
        self._host.encode("idna")
        self._port = url.port or (HTTPS_PORT if self._secure else HTTP_PORT)
        self._target = quote(url.path or "/", safe=punctuation)
        if url.query:
            self._target += "?" + quote(url.query, safe=punctuation)
        # Some providers refuse requests without a User-Agent.
        self._headers = {"Content-Type": content_type, "Accept-Encoding": "identity", "User-Agent": "attest"}
        if url.username is not None or url.password is not None:
            login = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        HTTPConnection(self._host, self._port)  # refuses what cannot be a host
        self._line: _Line | None = None
        self._exchange: _Exchange | None = None

    def post(self, body: bytes, *, end: float, max_bytes: int) -> Reply:
        """The answer to a POST of `body`.

        `body`: of the content type that the `Wire` was made with.
        `end`: the deadline, in seconds of `time.monotonic`.
        `max_bytes`: the longest body of an answer.
        Raises `NoReplyError` when no whole answer is there by `end`, `OversizeError` when one of status 200 is longer
        than `max_bytes`; an answer of another status is returned without its body then.
        """
        exchange = _Exchange(self._target, self._headers, body, end, max_bytes)
        # The connection is kept only after a whole exchange, because others may leave half an answer in it.
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
        """End the exchange for which another thread waits in `post`; a `NoReplyError` is raised there."""
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
    """A daemon thread with one connection. Both end when the `_Line` is garbage collected."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.jobs: SimpleQueue[_Exchange | None] = SimpleQueue()
        Thread(target=_serve, args=(connection, self.jobs), name="attest-wire", daemon=True).start()
        weakref.finalize(self, self.jobs.put, None)


def _serve(connection: HTTPConnection, jobs: SimpleQueue[_Exchange | None]) -> None:
    with closing(connection):
        for exchange in iter(jobs.get, None):
            try:
                exchange.outcome.put(exchange.run(connection))
            except Exception as error:  # noqa: BLE001 (`post` raises it in the caller's thread)
                connection.close()
                exchange.outcome.put(error)


@dataclass(slots=True)
class _Exchange:
    """A request and the place where its outcome is put.

    `target`: the path and query of the URL.
    `headers`: of the request.
    `body`: of the request.
    `end`: the deadline, in seconds of `time.monotonic`.
    `max_bytes`: the longest body of an answer.
    `outcome`: gets the reply or the error, once.
    `sock`: the socket, once it is connected.
    """

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
            # A server that refuses a long body may answer and close the connection before it has read the body.
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
        """Whether the body is within `max_bytes`, and the body; empty when it is not."""
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
        """Shut the socket, so that the thread that waits for the server ends too."""
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
    """Whether an idle connection cannot be used, because the server closed it or wrote into it unasked."""
    with selectors.DefaultSelector() as selector:
        selector.register(idle, selectors.EVENT_READ)
        return bool(selector.select(0))
