"""JSON-RPC that never turns a broken answer into a number.

web3's own `batch_requests` pairs answers with requests by position and lets a dropped element shift
balances to the wrong address; here the set of ids must be equal, nothing may be null, and only
what another try may better is asked again: transport errors, 429 and 5xx, and refusals that pass (`refusals.py`),
whether of a request or of single calls of a batch.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTP_PORT, HTTPS_PORT, HTTPException
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from attest.canonical import TooManyValuesError, loads_node_answer
from attest.chains.nodes.answer_sizes import Call, Size, answer_size
from attest.chains.nodes.refusals import HINTS, PASSING, QUOTED_CHARS, refusal
from attest.errors import MalformedError, UnavailableError
from attest.wire import NoReplyError, OversizeError, Reply, Wire

BATCH_SIZE: Final = 100
MAX_TRIES: Final = 6
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SECRET_CHARS: Final = 4
# Of these a node that has the block always has a result: null means that it does not have the block yet.
_NEVER_NULL: Final = frozenset(
    f"eth_{name}"
    for name in (
        "getBlockByNumber getBlockByHash getProof getBalance getCode getStorageAt call createAccessList getLogs"
    ).split()
)

T = TypeVar("T")


class NodeError(UnavailableError):
    """A node gave no answer to a call.

    `told` is the error that it answered with, without what its url keeps secret; None when it did not answer.
    """

    told: Any = None


class NodeRefusedError(NodeError):
    """A node has no answer to a call, or does not let us make it; it did answer, and asks for no other try."""


class CallEndedError(NodeError):
    """A node ran a call, which did not come to its end: it ran out of gas, if it is of no narrower class."""


class CallRevertedError(CallEndedError):
    """The contract that was called ended the call itself."""


_KINDS: Final[Mapping[str, type[NodeError]]] = {
    "refused": NodeRefusedError,
    "http": NodeRefusedError,
    "out-of-gas": CallEndedError,
    "reverted": CallRevertedError,
}


class _AgainError(Exception):
    """What another try may better: the node's trouble, and the code of the error when no try does.

    The node wants to be left alone for `wait` seconds, and it is worth so many `tries` in a row. `progress` says that
    some calls of the batch were answered this time.
    """

    def __init__(self, code: str, text: str, *, wait: float = 0.0, tries: int = MAX_TRIES) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.wait = wait
        self.tries = tries
        self.progress = False

    def after(self, *, progress: bool) -> _AgainError:
        """The error, knowing whether other calls of its batch were answered."""
        self.progress = progress
        return self


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
        self, name: str, url: str, *, deadline: float = 60.0, sleep: Callable[[float], object] | None = None
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
        self._hung_up = threading.Event()
        self._sleep = sleep or self._hung_up.wait
        self._batch_size = BATCH_SIZE
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any, deadline: float | None = None) -> Any:
        """The `result` of one call. Raises `UnavailableError`; a null result is an error too."""
        try:
            return self._patiently(lambda end: self._call(method, params, end), deadline)
        except _TooLargeError as error:
            raise error.error from None

    def pause(self, seconds: float) -> None:
        """Wait, because the node is busy."""
        self._sleep(seconds)

    def hang_up(self) -> None:
        """End the call that another thread waits for: it and all that follow are errors, until `resume`."""
        self._hung_up.set()
        self._wire.hang_up()

    def resume(self) -> None:
        """Take calls again. No thread may still be in one."""
        self._hung_up.clear()

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

    def _call(self, method: str, params: Sequence[Any], end: float) -> Any:
        request_id = next(self._ids)
        answer, wait = self._post(_request(request_id, method, params), [(method, params)], end)
        if _id(answer) != request_id:
            if _id(answer) is None and (error := _error_in(answer)) is not None:
                raise self._refusal(method, method, error, wait)
            raise self._error("answer", f"the answer to {method} does not carry the request's id")
        return self._result(method, answer, wait)

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results of calls that travel together; those that the node has none for yet are asked again alone."""
        results: dict[int, Any] = {}

        def ask(end: float) -> list[Any]:
            places = [place for place in range(len(calls)) if place not in results]
            answers, wait = self._answers([calls[place] for place in places], end)
            missing: list[_AgainError] = []
            for place, answer in zip(places, answers, strict=True):
                try:
                    results[place] = self._result(calls[place][0], answer, wait)
                except _AgainError as error:
                    missing.append(error.with_traceback(None))
            if missing:
                raise max(missing, key=lambda error: error.wait).after(progress=len(missing) < len(places))
            return [results[place] for place in range(len(calls))]

        return self._patiently(ask, None)

    def _answers(self, calls: Sequence[Call], end: float) -> tuple[list[dict[str, Any]], float]:
        """The answer to each of `calls`, and how many seconds the node wants to be left alone."""
        ids = [next(self._ids) for _ in calls]
        body = [_request(i, method, params) for i, (method, params) in zip(ids, calls, strict=True)]
        answers, wait = self._post(body, calls, end)
        by_id = {_id(answer): answer for answer in answers} if isinstance(answers, list) else {}
        if not isinstance(answers, list) or len(answers) != len(ids) or by_id.keys() != set(ids):
            if (error := _error_in(answers)) is not None:
                raise self._refusal(f"a batch of {len(ids)}", calls[0][0], error, wait)
            said = f"by {len(answers)} answers with other ids" if isinstance(answers, list) else "by no list"
            raise self._error("answer", f"a batch of {len(ids)} was answered {said}")
        return [by_id[i] for i in ids], wait

    def _result(self, method: str, answer: dict[str, Any], wait: float) -> Any:
        if (error := answer.get("error")) is not None:
            raise self._refusal(method, method, error, wait)
        if answer.get("result") is None:
            if "result" in answer and method in _NEVER_NULL:
                raise _AgainError("null", f"{method} was answered with null", wait=wait)
            raise self._error("null", f"{method} was answered with null")
        return answer["result"]

    def _patiently(self, ask: Callable[[float], T], deadline: float | None) -> T:
        """What `ask` returns, which is called again within the deadline while that may better its answer."""
        end = time.monotonic() + (self._deadline if deadline is None else deadline)
        attempt = 0  # since the last progress
        for tries in itertools.count(1):
            if self._hung_up.is_set():
                raise self._error("unreachable", "it is not waited for any longer")
            try:
                return ask(end)
            except _AgainError as again:
                attempt = 1 if again.progress else attempt + 1
                left, wait, trouble, code = end - time.monotonic(), again.wait, again.text, again.code
                last = attempt >= again.tries
            if wait > max(left, 0.0):
                trouble += f"; it asks to wait {wait:,.0f} s, longer than the deadline allows"
            # Full jitter, so that many readers do not come back at the same instant.
            pause = max(wait, random.uniform(0, 0.25 * 2 ** min(attempt, MAX_TRIES)))  # noqa: S311
            if last or pause >= left:
                raise self._error(code, f"{trouble} (tries: {tries})")
            self._sleep(pause)
        raise AssertionError

    def _post(self, body: Any, calls: Sequence[Call], end: float) -> tuple[Any, float]:
        """The answer to `body`, which is `calls`, and how many seconds the node wants to be left alone."""
        size = answer_size(calls)
        asked = calls[0][0] if len(calls) == 1 else f"{len(calls)} calls such as {calls[0][0]}"
        try:
            reply = self._wire.post(json.dumps(body).encode(), end=end, max_bytes=size.bytes)
            wait = _seconds(reply.retry_after or "")
            return self._answer(reply, calls[0][0], size, wait), wait
        except OversizeError:
            text = f"its answer to {asked} has more than {size.bytes:,} bytes, the limit of such an answer"
        except TooManyValuesError:
            text = f"its answer to {asked} has more than {size.values:,} JSON values, the limit of such an answer"
        except NoReplyError as error:
            raise _AgainError("unreachable", str(error)) from None
        raise _TooLargeError(self._error("too-long", text))

    def _answer(self, reply: Reply, method: str, size: Size, wait: float) -> Any:
        status, answer = reply.status, self._parsed(reply, size)
        if status == HTTPStatus.OK:
            return answer
        refused = self._error("http", f"HTTP status {status}")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise _TooLargeError(refused)
        told = _error_in(answer)
        if told is not None:
            # Bitcoin Core before 28 reports an error of the call itself with status 500.
            if status == HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(told, dict):
                return answer
            # Nethermind refuses too large a batch with status 503, Hedera's relay with 400.
            if isinstance(too_large := self._refusal("a request", method, told, wait), _TooLargeError):
                raise too_large
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            asked = 0.0 if told is None else refusal(method, told).wait
            raise _AgainError("unreachable", f"HTTP status {status}", wait=max(wait, asked))
        # Relays send a refusal of the call itself, also a revert, with 400 or 404: what is in it says more.
        if told is not None and refusal(method, told).kind != "refused":
            return answer
        raise refused

    def _parsed(self, reply: Reply, size: Size) -> Any:
        """The JSON of a reply; None when the body of an error is none."""
        try:
            return loads_node_answer(reply.content, what="the answer", max_bytes=size.bytes, max_values=size.values)
        except MalformedError as error:
            if reply.status != HTTPStatus.OK:
                return None
            if isinstance(error, TooManyValuesError):
                raise
            raise self._error("answer", self._quoted(error.message)) from None

    def _refusal(
        self, what: str, method: str, error: Any, wait: float
    ) -> UnavailableError | _TooLargeError | _AgainError:
        code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
        text = f"{what} was refused: {self._quoted(str(message))} (code {self._quoted(str(code))})"
        said = refusal(method, error)
        if said.kind == "too-large":
            return _TooLargeError(self._error("refused", text))
        if (tries := PASSING.get(said.kind)) is not None:
            return _AgainError(said.kind, text, wait=max(wait, said.wait), tries=tries)
        refused = self._error(said.kind, text)
        data = error.get("data") if isinstance(error, dict) else None
        more = {"data": self._quoted(data)} if isinstance(data, str) else {}
        refused.told = {"code": code, "message": self._quoted(str(message)), **more}
        return refused

    def _quoted(self, text: str) -> str:
        """What the node wrote, which may hold the url."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:QUOTED_CHARS]

    def _error(self, code: str, text: str) -> NodeError:
        return _KINDS.get(code, NodeError)(
            f"node/{code}",
            f"node {self.name}: {text}",
            hint=HINTS.get(code, "nothing was read from this node; mend it or name another in the config"),
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
