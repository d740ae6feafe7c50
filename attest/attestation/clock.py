"""Asking a timestamp authority over HTTP (RFC 3161, section 3.4)."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request

import certifi

from attest.attestation.timestamp import MAX_RESPONSE_BYTES
from attest.errors import MalformedError, UnavailableError

_SECONDS: Final = 30


def ask(url: str, body: bytes) -> bytes:
    """The authority's answer to the request `body`, one byte beyond the limit at most; nothing in it is verified.

    Neither redirects nor proxies are followed. Raises `UnavailableError`, `MalformedError`.
    """
    try:
        spoken = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:  # a bracket without its other half
        spoken = False
    if not spoken:
        raise MalformedError("timestamp/url", f"{url[:80]!r} is not an http or https URL")
    opener = OpenerDirector()
    for handler in (HTTPHandler(), HTTPSHandler(context=ssl.create_default_context(cafile=certifi.where()))):
        opener.add_handler(handler)
    headers = {"Content-Type": "application/timestamp-query", "User-Agent": "attest"}
    try:
        with opener.open(Request(url, body, headers), timeout=_SECONDS) as answer:  # noqa: S310 (the scheme is checked)
            if answer.status == 200:  # noqa: PLR2004
                return bytes(answer.read(MAX_RESPONSE_BYTES + 1))
            said = f"HTTP status {answer.status}"
    except (OSError, HTTPException, HTTPError, ValueError) as error:
        said = str(error) or type(error).__name__
    raise UnavailableError("timestamp/unanswered", f"the timestamp authority does not answer: {said}")
