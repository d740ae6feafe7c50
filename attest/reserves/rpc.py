"""JSON-RPC that never turns a broken answer into a number.

web3's own `batch_requests` pairs answers with requests by position and lets a dropped element shift
balances to the wrong address; here the set of ids must be equal, nothing may be null, and only
transport errors, 429 and 5xx are tried again.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTP_PORT, HTTPS_PORT, HTTPException
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from attest.canonical import loads_node_answer
from attest.errors import MalformedError, UnavailableError
from attest.reserves.wire import NoReplyError, OversizeError, Reply, Wire

MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
BATCH_SIZE: Final = 100
MAX_TRIES: Final = 6
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SECRET_CHARS: Final = 4
# How nodes say that a batch, or the answer to it, is too large. Only the words tell: code -32005 is that to Besu and
# Nethermind and a rate limit to Infura, -32003 is that to geth and a rejected transaction elsewhere.
_TOO_LARGE: Final = re.compile(
    r"(?!.*\b(?:rate|revert)).*(?:"
    # geth: batch too large. reth: The batch request was too large. Erigon: batch limit 100 exceeded. Nethermind: Batch
    # size limit exceeded; MaxBatchResponseBodySize of 32768KB exceeded. dRPC: Batch of more than 3 requests are not
    # allowed on free plan. Hedera: Batch request amount 101 exceeds max 100.
    r"batch.*(?:too large|too big|limit|exceed|more than)"
    # Besu: Number of requests exceeds max batch size. Gnosis: Too many ["eth_getLogs"] methods in the batch.
    r"|(?:exceed|too many).*batch"
    # geth: response too large. reth: Response is too big. Alchemy: Response size is larger than 150MB limit.
    # Rootstock: Response size limit exceeded.
    r"|re(?:quest|sponse)\b.*(?:too large|too big|larger than|size.*exceed)"
    r")",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED_CHARS: Final = 300
_IN_WARMUP: Final = -28  # bitcoind's RPC_IN_WARMUP: it loads its index or verifies blocks, and answers nothing yet

Call = tuple[str, Sequence[Any]]


class _BusyError(Exception):
    """The node asks to come back, at the earliest after `wait` seconds."""

    def __init__(self, text: str, wait: float) -> None:
        super().__init__(text)
        self.wait = wait


class _StartingError(_BusyError):
    """The node has not finished starting: it is asked again until the deadline, however often that is."""


class _TooLargeError(Exception):
    """Fewer calls at once may go through; `error` is for when they cannot be fewer."""

    def __init__(self, error: UnavailableError) -> None:
        super().__init__()
        self.error = error


class Node:
    """One node's JSON-RPC endpoint. It serves one thread at a time.

    `url` may carry a user name, a password and API keys; none of it is ever shown, errors name the node by `name`.
    Two spellings of one url have the same `place`.
    A request and its retries together end at `deadline`, in seconds, whatever the node does.
    """

    def __init__(
        self, name: str, url: str, *, deadline: float = 60.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = name
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            self._wire = Wire(parts)
        except (ValueError, HTTPException):
            sound = False
        if not sound:
            raise MalformedError("node/url", f"node {name}: the url is not http(s)://host…")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise MalformedError(
                "node/url",
                f"node {name}: plain http is only for a node on this machine",
                hint="use https, or a tunnel that ends on 127.0.0.1",
            )
        self.place = _place(parts)
        self._secrets = _secrets(parts)
        self._deadline = deadline
        self._sleep = sleep
        self._batch_size = BATCH_SIZE
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any, deadline: float | None = None) -> Any:
        """The `result` of one call. Raises `UnavailableError`; a null result is an error too."""
        request_id = next(self._ids)
        try:
            answer = self._post(_request(request_id, method, params), deadline)
            if _id(answer) != request_id:
                if _id(answer) is None and (error := _error_in(answer)) is not None:
                    raise self._refusal(method, error)
                raise self._error("answer", f"the answer to {method} does not carry the request's id")
            return self._result(method, answer)
        except _TooLargeError as error:
            raise error.error from None

    def pause(self, seconds: float) -> None:
        """Wait, because the node is busy."""
        self._sleep(seconds)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The `result` of each call, in the order of `calls`.

        Calls travel `BATCH_SIZE` at a time, or as many as this node was found to take.
        Raises `UnavailableError` when an answer is missing, doubled, null, an error or of another request.
        """
        results: list[Any] = []
        while len(results) < len(calls):
            chunk = calls[len(results) : len(results) + self._batch_size]
            try:
                results += self._batch(chunk)
            except _TooLargeError as error:
                if len(chunk) == 1:
                    raise error.error from None
                self._batch_size = len(chunk) // 2
        return results

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        ids = [next(self._ids) for _ in calls]
        body = [_request(i, method, params) for i, (method, params) in zip(ids, calls, strict=True)]
        answers = self._post(body, None)
        by_id = {_id(answer): answer for answer in answers} if isinstance(answers, list) else {}
        if not isinstance(answers, list) or len(answers) != len(ids) or by_id.keys() != set(ids):
            if (error := _error_in(answers)) is not None:
                raise self._refusal(f"a batch of {len(ids)}", error)
            said = f"by {len(answers)} answers with other ids" if isinstance(answers, list) else "by no list"
            raise self._error("answer", f"a batch of {len(ids)} was answered {said}")
        return [self._result(method, by_id[i]) for i, (method, _) in zip(ids, calls, strict=True)]

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        if (error := answer.get("error")) is not None:
            raise self._refusal(method, error)
        if answer.get("result") is None:
            raise self._error("null", f"{method} was answered with null")
        return answer["result"]

    def _post(self, body: Any, deadline: float | None) -> Any:
        data = json.dumps(body).encode()
        end = time.monotonic() + (self._deadline if deadline is None else deadline)
        for attempt in itertools.count(1):
            wait, tries = 0.0, MAX_TRIES
            try:
                return self._answer(self._wire.post(data, end=end, max_bytes=MAX_RESPONSE_BYTES))
            except OversizeError:
                text = f"an answer of more than {MAX_RESPONSE_BYTES:,} bytes"
                raise _TooLargeError(self._error("answer", text)) from None
            except NoReplyError as error:
                trouble = str(error)
            except _BusyError as error:
                trouble, wait = str(error), error.wait
                tries = max(tries, attempt + 1) if isinstance(error, _StartingError) else tries
            left = end - time.monotonic()
            if wait > max(left, 0.0):
                trouble += f"; it asks to wait {wait:,.0f} s, longer than the deadline allows"
            # Full jitter, so that many readers do not come back at the same instant.
            pause = max(wait, random.uniform(0, 0.25 * 2 ** min(attempt, MAX_TRIES)))  # noqa: S311
            if attempt >= tries or pause >= left:
                raise self._error("unreachable", f"{trouble} (tries: {attempt})")
            self._sleep(pause)
        raise AssertionError

    def _answer(self, reply: Reply) -> Any:
        status, answer = reply.status, None
        try:
            answer = loads_node_answer(reply.content, what="the answer", max_bytes=MAX_RESPONSE_BYTES)
        except MalformedError as error:
            if status == HTTPStatus.OK:
                raise self._error("answer", self._quoted(error.message)) from None
        if (starting := _starting(answer)) is not None:
            raise _StartingError(f"it is still starting ({self._quoted(starting)})", 0.0)
        if status == HTTPStatus.OK:
            return answer
        refused = self._error("http", f"HTTP status {status}")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise _TooLargeError(refused)
        if (told := _error_in(answer)) is not None:
            # Bitcoin Core before 28 reports an error of the call itself with status 500.
            if status == HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(told, dict):
                return answer
            # Nethermind refuses too large a batch with status 503, Hedera's relay with 400.
            if isinstance(too_large := self._refusal("a request", told), _TooLargeError):
                raise too_large
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _BusyError(f"HTTP status {status}", _seconds(reply.retry_after or ""))
        raise refused

    def _refusal(self, what: str, error: Any) -> UnavailableError | _TooLargeError:
        code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
        text = str(message)
        refused = self._error("refused", f"{what} was refused: {self._quoted(text)} (code {self._quoted(str(code))})")
        return _TooLargeError(refused) if _TOO_LARGE.match(text[:_QUOTED_CHARS]) else refused

    def _quoted(self, text: str) -> str:
        """What the node wrote, which may hold the url."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:_QUOTED_CHARS]

    def _error(self, code: str, text: str) -> UnavailableError:
        return UnavailableError(
            f"node/{code}",
            f"node {self.name}: {text}",
            hint="nothing was read from this node; mend it or name another in the config",
        )


def _request(request_id: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}


def _id(answer: Any) -> int | None:
    """The id, if it is an integer: 1.0 and true are equal to 1 and are not 1."""
    request_id = answer.get("id") if isinstance(answer, dict) else None
    return request_id if type(request_id) is int else None


def _error_in(answer: Any) -> Any:
    """The error with which a node answers a batch as a whole: geth and Erigon send a list of only that."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    return first.get("error") if isinstance(first, dict) else None


def _starting(answer: Any) -> str | None:
    """What a bitcoind that starts says it is doing; None for every other answer."""
    error = _error_in(answer)
    return str(error.get("message")) if isinstance(error, dict) and error.get("code") == _IN_WARMUP else None


def _seconds(retry_after: str) -> float:
    """The delay that a Retry-After header asks for, as seconds or a date (RFC 9110 section 10.2.3); 0 if neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0


def _place(url: SplitResult) -> tuple[object, ...]:
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname
    port = url.port or (HTTPS_PORT if url.scheme == "https" else HTTP_PORT)
    return (host, port, url.path.rstrip("/"), url.query)


def _secrets(url: SplitResult) -> list[str]:
    """Every part of a url that may be a password or an API key, as it stands there and decoded, the longest first."""
    parts = [url.username or "", url.password or "", *re.split("[/&=]", f"{url.path}&{url.query}")]
    found = {text for part in parts for text in (part, unquote(part)) if len(text) >= _SECRET_CHARS}
    return sorted(found, key=len, reverse=True)
