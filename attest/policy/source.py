"""Policies as TOML: one's own from bytes, and the rule sets that come with attest."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time
from functools import cache, partial
from importlib import resources
from itertools import accumulate
from typing import Any, Final

from attest.documents import field_path
from attest.errors import MalformedError
from attest.policy.model import Policy

MAX_POLICY_BYTES: Final = 64 * 1024
_MAX_DEPTH: Final = 100
_FOLDER: Final = "rulesets"
_SUFFIX: Final = ".toml"

_Path = tuple[int | str, ...]


def ruleset_names() -> tuple[str, ...]:
    """The names of the rule sets that come with attest, in order."""
    files = resources.files("attest.policy").joinpath(_FOLDER).iterdir()
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX)))


def ruleset_source(name: str) -> bytes:
    """The TOML of a rule set, with its comments. Raises `MalformedError`."""
    if name not in ruleset_names():
        raise MalformedError(
            "policy/unknown",
            f"there is no rule set {name[:80]!r}",
            hint=f"there are {', '.join(ruleset_names())}; one's own is named by its file, such as ./own.toml",
        )
    return resources.files("attest.policy").joinpath(_FOLDER, name + _SUFFIX).read_bytes()


@cache
def ruleset_digests() -> frozenset[bytes]:
    """The SHA-256 of every rule set that comes with attest."""
    return frozenset(load_ruleset(name).sha256 for name in ruleset_names())


def load_ruleset(name: str) -> Policy:
    """A rule set that comes with attest. Raises `MalformedError`."""
    return parse_policy(ruleset_source(name), name + _SUFFIX)


def parse_policy(data: bytes, what: str) -> Policy:
    """Parse a policy strictly; `what` names it in errors.

    Raises `MalformedError` naming the line, the rule and the key of everything that is wrong.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise MalformedError("policy/too-large", f"{what} has more than {MAX_POLICY_BYTES:,} bytes")
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
        # Other libraries raise Python's limit of recursion so far that deep nesting would end the process.
        value = None if _brackets(text) > _MAX_DEPTH else tomllib.loads(text)
    except ValueError as error:
        raise MalformedError("policy/toml", f"{what}: {error}") from None
    if value is None or _is_deep(value):
        raise MalformedError("policy/toml", f"{what} is nested too deep")
    if (path := _time_in(value)) is not None:
        raise MalformedError("policy/toml", f"{what}: {_place(text, value, path)}: write it as a string, in quotes")
    return Policy.from_value(value, what=what, place=partial(_error_place, text, value))


def _error_place(text: str, value: Any, error: Any) -> str:
    path: _Path = error["loc"]
    rule = _at(value, path[:2])
    if path[:1] == ("rules",) and isinstance(rule, dict) and path[2:3] == (rule.get("kind"),):
        path = path[:2] + path[3:]  # pydantic names the kind of a rule where TOML has none
    if error["type"] == "union_tag_invalid":
        path = (*path, "kind")
    return _place(text, value, path)


def _place(text: str, value: Any, path: _Path) -> str:
    if not path:
        return "the policy"
    line = f"line {_line(text, value, path)}"
    if path[:1] != ("rules",) or not isinstance(rule := _at(value, path[:2]), dict):
        return f"{line}: {field_path(path)}"
    named = f"{line}: rule {rule.get('id', path[1])}"
    return f"{named}: {field_path(path[2:])}" if path[2:] else named


def _line(text: str, value: Any, path: _Path) -> int:
    """The line on which what `path` leads to begins; where it is missing, what it is missing in.

    What begins a line is what its text up to there, which is TOML by itself, does not have yet.
    """
    while path and _at(value, path) is None:
        path = path[:-1]
    lines = text.split("\n")
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            so_far = tomllib.loads("\n".join(lines[:end]))
        except ValueError:
            continue  # within a value of several lines
        if _at(so_far, path) is not None:
            break
        begin = end
    return begin + 1


def _at(value: Any, path: _Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _brackets(text: str) -> int:
    """How many brackets are open at most, those in strings and comments among them."""
    depths = accumulate((char in "[{") - (char in "]}") for char in text if char in "[]{}")
    return max(depths, default=0)


def _is_deep(value: Any) -> bool:
    """Whether values lie more than `_MAX_DEPTH` deep in one another, as dotted keys can make them without brackets."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for inner in level
            for item in (inner.values() if isinstance(inner, dict) else inner)
            if isinstance(item, (dict, list))
        ]
    return bool(level)


def _time_in(value: Any, path: _Path = ()) -> _Path | None:
    """Where there is a date or time of TOML, which JSON does not have."""
    if isinstance(value, (date, datetime, time)):
        return path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in items if (found := _time_in(item, (*path, key))) is not None), None)
