"""Asking a timestamp authority over HTTP (RFC 3161, section 3.4)."""

from __future__ import annotations

import time
from http import HTTPStatus
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from attest.attestation.timestamp import MAX_RESPONSE_BYTES
from attest.errors import MalformedError, UnavailableError
from attest.reserves.wire import NoReplyError, OversizeError, Wire

_SECONDS: Final = 30.0


def ask(url: str, body: bytes) -> bytes:
    """The authority's answer to the request `body`, of which nothing is verified.

    It is all there after 30 seconds, however slowly it comes. Neither redirects nor proxies are followed.
    Raises `UnavailableError`, also for an answer that is larger than a timestamp may be, `MalformedError`.
    """
    try:
        parts = urlsplit(url)
        spoken = parts.scheme in {"http", "https"} and bool(parts.hostname)
        wire = Wire(parts, "application/timestamp-query")
    except (ValueError, HTTPException):
        spoken = False
    if not spoken:
        raise MalformedError("timestamp/url", f"{url[:80]!r} is not an http or https URL")
    try:
        reply = wire.post(body, end=time.monotonic() + _SECONDS, max_bytes=MAX_RESPONSE_BYTES)
    except NoReplyError as error:
        why = error.__context__  # what the system said, of which a reader of balances gets the kind alone
        said = (why.strerror if isinstance(why, OSError) else None) or str(error)
    except OversizeError:
        said = f"it sends more than {MAX_RESPONSE_BYTES:,} bytes"
    else:
        if reply.status == HTTPStatus.OK:
            return reply.content
        said = f"HTTP status {reply.status}"
    raise UnavailableError("timestamp/unanswered", f"the timestamp authority does not answer: {said}")
