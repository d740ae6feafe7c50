"""The query of a ledger in a PostgreSQL database, as it is sent: without what stands after its last word."""

from __future__ import annotations

import re
from typing import Final

# What a query consists of (PostgreSQL's manual, section 4.1): strings, quoted names and text between dollars; line
# comments, white space and semicolons; the beginning of a comment that may hold others; words; any other character.
_PARTS: Final = re.compile(
    r"""(?:[eE]'(?:[^'\\]++|\\.|'')*+'|'(?:[^']++|'')*+'|"(?:[^"]++|"")*+"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)"""
    r"""|(?P<nothing>--[^\r\n]*+|[\s;]++)|(?P<comment>/\*)|\w[\w$]*+|.""",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"/\*|\*/")
QUERY: Final = "SELECT account, asset, balance FROM …"


def without_end(query: str) -> str:
    """`query` without the comments, semicolons and white space that it ends with.

    The driver puts the query between brackets, and a comment at its end would take in the one that closes. Where this
    takes the server's words for others, too little is left of them for a query, and the server refuses it.
    """
    at = end = 0
    while (part := _PARTS.match(query, at)) is not None:
        at = part.end()
        if part["comment"] is not None:
            at, closed = _after_comment(query, at)
            end = end if closed else at
        elif part["nothing"] is None:
            end = at
    return query[:end]


def _after_comment(query: str, at: int) -> tuple[int, bool]:
    """Where a comment that began before `at` ends, and those in it, and whether it does; else the end of the query."""
    depth = 1
    while depth and (mark := _COMMENT.search(query, at)) is not None:
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return (len(query), False) if depth else (at, True)
