"""Requests to a timestamp authority over HTTP (RFC 3161, section 3.4)."""

from __future__ import annotations

import base64
import html
import re
import time
from http import HTTPStatus
from http.client import HTTPException
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from attest.errors import MalformedError, UnavailableError
from attest.formats import foreign
from attest.signing.timestamp import MAX_RESPONSE_BYTES, MAX_WORDS, refusal
from attest.wire import NoReplyError, OversizeError, Reply, Wire

_SECONDS: Final = 30.0
_SECRET_CHARS: Final = 3  # shorter names and passwords are not blotted out, because they are parts of ordinary words
_DER: Final = b"\x30"  # the tag of a sequence, with which every TimeStampResp begins


def ask(url: str, body: bytes) -> bytes:
    """The answer of a timestamp authority: bytes that begin like a DER TimeStampResp; nothing in them is verified.

    `url`: the address of the authority, http or https, which may carry a name and password.
    `body`: the request, a DER TimeStampReq.
    Neither redirects nor proxies are followed.
    Raises `MalformedError` for an address of another form, and `UnavailableError` unless a whole answer with HTTP
    status 200, in DER and of at most `MAX_RESPONSE_BYTES`, comes within 30 seconds.
    """
    try:
        parts = urlsplit(url)
        spoken = parts.scheme in {"http", "https"} and bool(parts.hostname)
        # With a slash in a name or password, another host would be sent the rest of it.
        spoken = spoken and "@" not in parts.path + parts.query + parts.fragment
        wire = Wire(parts, "application/timestamp-query")
    except (ValueError, HTTPException):
        spoken = False
    if not spoken:
        raise MalformedError(
            "timestamp/url",
            "the URL of the timestamp authority is not an http or https URL with a host",
            hint="like https://tsa.example/tsr; in a name or password, write %40 for @, %3A for :, %2F for /, %3F for "
            "?, %23 for # and %20 for a space (it is not shown here, because it may hold a password)",
        )
    try:
        reply = wire.post(body, end=time.monotonic() + _SECONDS, max_bytes=MAX_RESPONSE_BYTES)
    except NoReplyError as error:
        why = error.__context__  # the system's own error, which says more than the kind of error in `error`
        said = (why.strerror if isinstance(why, OSError) else None) or str(error)
    except OversizeError:
        said = f"it sends more than {MAX_RESPONSE_BYTES:,} bytes"
    else:
        if reply.status == HTTPStatus.OK and reply.content.startswith(_DER):
            return reply.content
        told, hint = (_without_login(text, parts) for text in (_told(reply), _hint(reply)))
        raise UnavailableError("timestamp/unanswered", told, hint=hint)
    raise UnavailableError("timestamp/unanswered", f"the timestamp authority does not answer: {said}")


def _without_login(text: str, url: SplitResult) -> str:
    """The words of an authority, in which each name or password of the URL is replaced by dots.

    An authority may repeat the credentials that it was sent, also in the base64 of HTTP basic authentication.
    """
    login = [url.username or "", url.password or ""]
    sent = base64.b64encode(":".join(map(unquote, login)).encode()).decode()
    forms = {form for part in login for form in (part, unquote(part))} | {sent}
    for form in sorted((form for form in forms if len(form) >= _SECRET_CHARS), key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def _told(reply: Reply) -> str:
    """The message for an answer that is no timestamp: the HTTP status or form of the answer, and the words in it."""
    if reply.status == HTTPStatus.OK:
        form = foreign(reply.content)
        what = "it answers with what is not a timestamp" if form is None else f"its answer is {form.said}"
    else:
        known = {item.value: f" ({item.phrase})" for item in HTTPStatus}
        what = f"it answers with HTTP status {reply.status}{known.get(reply.status, '')}"
    return f"the timestamp authority made no timestamp: {what}{_words(reply.content)}"


def _words(content: bytes) -> str:
    """The text of an answer for people: the refusal in a TimeStampResp, else its text without HTML tags.

    It begins with the mark that joins it to a sentence, and is empty where the answer has no words.
    """
    if content.startswith(_DER):
        try:
            return f"; {refusal(content)}"
        except MalformedError:
            return ""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", content.decode("utf-8", "replace"))
    words = " ".join("".join(char if char.isprintable() else " " for char in html.unescape(text)).split())
    return f": {words[:MAX_WORDS]!r}" if any(char.isalnum() for char in words) else ""


def _hint(reply: Reply) -> str:
    status = reply.status
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
        return (
            "a name and password go into the URL, as NAME:PASSWORD@ before its host, where the authority asks for "
            "them; give such a URL in the environment variable ATTEST_TSA"
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "it sends you on to another address, which is not followed: give that one, if it is the authority's"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = f"; it says after {reply.retry_after}" if reply.retry_after else ""
        return f"try again later, or ask another authority{after}"
    return "is this the address at which the authority takes requests for timestamps (RFC 3161)?"
