"""TOML at the border: strict and bounded, parsed into plain values."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from attest.canonical import MAX_DEPTH, MAX_FIELDS
from attest.errors import MalformedError
from attest.formats import foreign

_PART: Final = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# Each dot of a key makes a table in a table, and the parser's time grows with the square of their number.
_LONG_KEY: Final = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MAX_DEPTH},}}")
# The parser's regular expression takes a hundred bytes of memory for each digit, though Python refuses the number.
_LONG_NUMBER: Final = re.compile(r"(?<![0-9_])[0-9_]{5000}")
_MANY: Final = 1 << 14  # values, and also tables and arrays, that a text of any size may have
_CHARS_A_VALUE: Final = 8  # for each value beyond those; `0,` in an array has 2 and takes 50 bytes of memory
_LOOK: Final = 1 << 16  # characters whose nesting is checked first, so that it is named before the number of brackets
_CHARS_A_TABLE: Final = 48  # for each table or array beyond those; `[[a]]` has 5 and takes 1,000 bytes of memory

_NO_BRACKETS: Final = re.compile(
    r'''"""(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5}+|\Z)|"(?:[^"\\\n]++|\\.)*+"?|#[^\n]*+|'''
    r"""'''(?:[^']++|'(?!''))*+(?:'{3,5}+|\Z)|'[^'\n]*+'?|[^\[\]{}"'#]++""",
    re.DOTALL,
)


def loads_toml(data: bytes, *, what: str, max_bytes: int, area: str) -> dict[str, Any]:
    """The value of a TOML file.

    `what`: the name of the file in errors.
    `max_bytes`: the largest size.
    `area`: the beginning of the code of errors, such as `policy`.
    Raises `MalformedError` for text that is no TOML or no UTF-8, is larger than `max_bytes`, is nested deeper than
    `MAX_DEPTH`, has a table of more than `MAX_FIELDS` fields, or has, in n characters, more than 16,384 + n / 8 lines
    and commas or 16,384 + n / 48 tables, arrays and dots.
    """
    if len(data) > max_bytes:
        raise MalformedError(f"{area}/too-large", f"{what} has more than {max_bytes:,} bytes")
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
        value = _parsed(text)
    except RecursionError:
        raise MalformedError(f"{area}/toml", f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:  # not UTF-8, not TOML, or an integer of thousands of digits
        form = foreign(data)
        said, hint = (error, None) if form is None else (f"it is {form.said}", form.hint)
        raise MalformedError(f"{area}/toml", f"{what} is not TOML: {said}", hint=hint) from None
    return value


def _parsed(text: str) -> dict[str, Any]:
    _check_depth(text[:_LOOK])
    _check_density(text)
    _check_depth(text)
    if _LONG_KEY.search(text) is not None:
        raise RecursionError
    value = tomllib.loads(text)
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        if any(isinstance(item, dict) and len(item) > MAX_FIELDS for item in level):
            raise ValueError(f"a table has more than {MAX_FIELDS:,} fields")
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise RecursionError
    return value


def _check_depth(text: str) -> None:
    """Raise `RecursionError` for deep nesting, before the parser recurses.

    Its own limit is that of the interpreter, which some libraries raise until the stack overflows.
    """
    depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise RecursionError


def _check_density(text: str) -> None:
    """Raise `ValueError` for a text that would take far more memory than it has bytes.

    Commas and brackets within strings are counted too.
    """
    values, tables = _MANY + len(text) // _CHARS_A_VALUE, _MANY + len(text) // _CHARS_A_TABLE
    if text.count(",") + text.count("\n") > values:
        raise ValueError(f"more than {values:,} lines and commas in so few bytes")
    if text.count("[") - text.count("[[") + text.count("{") + text.count(".") > tables:
        raise ValueError(f"more than {tables:,} tables, arrays and dots in so few bytes")
    if _LONG_NUMBER.search(text) is not None:
        raise ValueError("a number of thousands of digits")
