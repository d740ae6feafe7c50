"""The boundaries of values in DER (X.690, section 8.1); nothing is interpreted."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """The place of one value in DER, by offsets into the data.

    `start`: the offset of its tag.
    `inner`: the offset of its content.
    `end`: the offset behind its content.
    """

    start: int
    inner: int
    end: int


def parts(data: bytes, whole: Part) -> list[Part]:
    """The places of the values that fill the content of `whole`, in their order.

    Raises `IndexError` or `ValueError` when a value goes on beyond the content.
    """
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
