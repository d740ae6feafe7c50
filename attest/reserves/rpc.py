"""JSON-RPC over HTTP that never turns a broken answer into a number.

web3's own `batch_requests` pairs answers with requests by position and lets a dropped element shift
balances to the wrong address; here the set of ids must be equal, nothing may be null, and only
transport errors, 429 and 5xx are tried again.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from attest.canonical import loads_node_answer
from attest.errors import MalformedError, UnavailableError

MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
BATCH_SIZE: Final = 100
MAX_TRIES: Final = 6
_CHUNK_BYTES: Final = 1 << 16
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

Call = tuple[str, Sequence[Any]]


class _TransientError(Exception):
    """A failure worth another try; its text says what happened."""


class Node:
    """One node's JSON-RPC endpoint.

    `url` may carry a user name and password; it is never shown, errors name the node by `name`.
    A request and its retries together take about `deadline` seconds; a node that drips its header holds longer.
    """

    def __init__(
        self, name: str, url: str, *, deadline: float = 60.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise MalformedError("node/url", f"node {name}: the url is not http(s)://host…")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise MalformedError(
                "node/url",
                f"node {name}: plain http is only for a node on this machine",
                hint="use https, or a tunnel that ends on 127.0.0.1",
            )
        self.name = name
        self._url = url
        self._deadline = deadline
        self._sleep = sleep
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc entry that the config does not name
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any, deadline: float | None = None) -> Any:
        """The `result` of one call. Raises `UnavailableError`; a null result is an error too."""
        request_id = next(self._ids)
        answer = self._post(_request(request_id, method, params), deadline)
        if not isinstance(answer, dict) or answer.get("id") != request_id:
            raise self._error("answer", f"the answer to {method} does not carry the request's id")
        return self._result(method, answer)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The `result` of each call, in the order of `calls`.

        Raises `UnavailableError` when an answer is missing, doubled, null, an error or of another request.
        """
        return [result for chunk in _chunks(calls) for result in self._batch(chunk)]

    def _batch(self, calls: Sequence[Call]) -> Iterator[Any]:
        ids = [next(self._ids) for _ in calls]
        body = [_request(i, method, params) for i, (method, params) in zip(ids, calls, strict=True)]
        answers = self._post(body, None)
        if not isinstance(answers, list):
            raise self._error("answer", f"the answer to a batch of {len(calls)} is not a list")
        by_id = {
            answer["id"]: answer for answer in answers if isinstance(answer, dict) and type(answer.get("id")) is int
        }
        if len(answers) != len(ids) or by_id.keys() != set(ids):
            raise self._error("answer", f"a batch of {len(ids)} was answered by {len(answers)} answers with other ids")
        for request_id, (method, _) in zip(ids, calls, strict=True):
            yield self._result(method, by_id[request_id])

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        if (error := answer.get("error")) is not None:
            text = error.get("message") if isinstance(error, dict) else error
            raise self._error("refused", f"{method} was refused: {str(text)[:300]}")
        if answer.get("result") is None:
            raise self._error("null", f"{method} was answered with null")
        return answer["result"]

    def _post(self, body: Any, deadline: float | None) -> Any:
        data = json.dumps(body).encode()
        end = time.monotonic() + (self._deadline if deadline is None else deadline)
        for attempt in itertools.count(1):
            try:
                return self._exchange(data, end)
            except _TransientError as error:
                # Full jitter, so that many readers do not come back at the same instant.
                pause = random.uniform(0, 0.25 * 2**attempt)  # noqa: S311
                if attempt == MAX_TRIES or time.monotonic() + pause >= end:
                    raise self._error("unreachable", f"{error}, {attempt} times") from None
                self._sleep(pause)
        raise AssertionError

    def _exchange(self, data: bytes, end: float) -> Any:
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise _TransientError("no answer in time")
        try:
            with self._session.post(
                self._url,
                data=data,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                timeout=remaining,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response, end)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            raise self._error("url", "the url is not one") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _TransientError(f"no complete answer ({type(error).__name__})") from None
        return self._parse(response.status_code, content)

    def _read(self, response: requests.Response, end: float) -> bytes:
        content = bytearray()
        while chunk := response.raw.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > MAX_RESPONSE_BYTES:
                raise self._error("answer", f"an answer of more than {MAX_RESPONSE_BYTES:,} bytes")
            if time.monotonic() >= end:
                raise _TransientError("the answer did not arrive in time")
        return bytes(content)

    def _parse(self, status: int, content: bytes) -> Any:
        if status == requests.codes.too_many_requests or status > requests.codes.server_error:
            raise _TransientError(f"HTTP status {status}")
        # Bitcoin Core before 28 reports an error of the call itself with status 500.
        if status not in {requests.codes.ok, requests.codes.server_error}:
            raise self._error("http", f"HTTP status {status}")
        try:
            return loads_node_answer(content, what="the answer", max_bytes=MAX_RESPONSE_BYTES)
        except MalformedError as error:
            if status == requests.codes.server_error:
                raise _TransientError(f"HTTP status {status}") from None
            raise self._error("answer", error.message) from None

    def _error(self, code: str, text: str) -> UnavailableError:
        return UnavailableError(
            f"node/{code}",
            f"node {self.name}: {text}",
            hint="nothing was read from this node; mend it or name another in the config",
        )


def _request(request_id: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}


def _chunks(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    for start in range(0, len(calls), BATCH_SIZE):
        yield calls[start : start + BATCH_SIZE]
