"""What is said to people and programs, without the names and passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

_SHOWN: Final = r"\1\2"
# A URL with a user part: of it, scheme and host may be shown.
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#]*@([^\s/?#'\",;)]*)(?:[/?#][^\s'\",;)]*)?")
_START: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+")
_SECRET_CHARS: Final = 3  # a shorter password stands in too many words


def hidden(text: str) -> str:
    """`text` with scheme and host alone of every URL that names a user."""
    return _URL.sub(_SHOWN, text)


def credentials(values: Iterable[str]) -> list[str]:
    """The user parts of the URLs among `values`, however malformed, and their passwords: the longest first."""
    found: set[str] = set()
    for value in values:
        start = _START.match(value)
        user, at, _ = value[start.end() :].rpartition("@") if start else ("", "", "")
        name, colon, password = user.partition(":")
        if at and (colon or "/" not in name):
            found |= {user, password} if colon else {user}
    forms = {form for text in found for part in (text, unquote(text)) for form in (part, repr(part)[1:-1])}
    return sorted((form for form in forms if len(form) >= _SECRET_CHARS), key=len, reverse=True)


def without(value: Any, secrets: Iterable[str]) -> Any:
    """Text, or a document, in which none of `secrets` is, and no URL with a user."""
    if isinstance(value, dict):
        return {name: without(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [without(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    for secret in secrets:
        value = value.replace(secret, "…")
    return hidden(value)
