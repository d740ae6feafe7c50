"""The SQL query of a ledger in a PostgreSQL database, without the comments and semicolons at its end."""

from __future__ import annotations

import re
from typing import Final

# The tokens of a query (PostgreSQL's manual, section 4.1): strings, quoted names and text between dollars; line
# comments, white space and semicolons; the beginning of a block comment, which may hold others; words; any other
# character.
_PARTS: Final = re.compile(
    r"""(?:[eE]'(?:[^'\\]++|\\.|'')*+'|'(?:[^']++|'')*+'|"(?:[^"]++|"")*+"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)"""
    r"""|(?P<nothing>--[^\r\n]*+|[\s;]++)|(?P<comment>/\*)|\w[\w$]*+|.""",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"/\*|\*/")
QUERY: Final = "SELECT account, asset, balance FROM …"  # the beginning of a query, for hints


def without_end(query: str) -> str:
    """The query without the comments, semicolons and white space at its end.

    The driver puts the query in parentheses, and a line comment at its end would hide the closing one. Where the tokens
    are misread, too little of the query is left for a statement, and the server refuses it.
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
    """The place behind the block comment that began before `at`, and whether it ends; else the end of the query."""
    depth = 1
    while depth and (mark := _COMMENT.search(query, at)) is not None:
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return (len(query), False) if depth else (at, True)
