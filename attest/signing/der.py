"""Values in DER, told apart and not interpreted."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """One value in DER: where its tag, its content and what follows it begin."""

    start: int
    inner: int
    end: int


def parts(data: bytes, whole: Part) -> list[Part]:
    """The values that fill the content of `whole`. Raises `IndexError`, `ValueError` when none do."""
    found = []
    at = whole.inner
    while at < whole.end:
        inner, length = at + 2, data[at + 1]
        if length & 0x80:
            inner += length & 0x7F
            length = int.from_bytes(data[at + 2 : inner])
        part = Part(at, inner, inner + length)
        if part.end > whole.end:
            raise ValueError
        found.append(part)
        at = part.end
    return found
