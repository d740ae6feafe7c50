"""Policies read from TOML: those of an exchange or reader, and the rule sets that come with attest."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time
from functools import cache, partial
from importlib import resources
from typing import Any, Final

from attest.documents import field_path
from attest.errors import MalformedError
from attest.policy.model import Policy
from attest.toml import loads_toml

MAX_POLICY_BYTES: Final = 64 * 1024
_FOLDER: Final = "rulesets"
_SUFFIX: Final = ".toml"
_MAX_TRIES: Final = 200  # parses to find a line; past them, the line that is named may lie before the right one

_Path = tuple[int | str, ...]


def ruleset_names() -> tuple[str, ...]:
    """The names of the rule sets that come with attest, ascending."""
    files = resources.files("attest.policy").joinpath(_FOLDER).iterdir()
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in files if file.name.endswith(_SUFFIX)))


def ruleset_source(name: str) -> bytes:
    """The TOML file, with its comments, of a rule set of attest. Raises `MalformedError` for other names."""
    if name not in ruleset_names():
        raise MalformedError(
            "policy/unknown",
            f"there is no rule set {name[:80]!r}",
            hint=f"there are {', '.join(ruleset_names())}; one's own is named by its file, such as ./own.toml",
        )
    return resources.files("attest.policy").joinpath(_FOLDER, name + _SUFFIX).read_bytes()


@cache
def ruleset_digests() -> frozenset[bytes]:
    """The hash of every rule set that comes with attest, as `Policy.sha256` computes it."""
    return frozenset(load_ruleset(name).sha256 for name in ruleset_names())


@cache
def load_ruleset(name: str) -> Policy:
    """The rule set of that name, parsed. Raises `MalformedError` for a name that does not come with attest."""
    return parse_policy(ruleset_source(name), name + _SUFFIX)


def parse_policy(data: bytes, what: str) -> Policy:
    """The policy that a TOML file says.

    `data`: the file, of `MAX_POLICY_BYTES` at most.
    `what`: the name of the file in errors.
    Raises `MalformedError` naming line, rule and key of everything that is wrong; unknown keys are wrong.
    """
    value = loads_toml(data, what=what, max_bytes=MAX_POLICY_BYTES, area="policy")
    text = data.decode("utf-8").replace("\r\n", "\n")
    lines = _Lines(text.split("\n"))
    if (path := _time_in(value)) is not None:
        raise MalformedError("policy/toml", f"{what}: {_place(lines, value, path)}: write it as a string, in quotes")
    return Policy.from_value(value, what=what, place=partial(_error_place, lines, value))


def _error_place(lines: _Lines, value: Any, error: Any) -> str:
    path: _Path = error["loc"]
    rule = _at(value, path[:2])
    if path[:1] == ("rules",) and isinstance(rule, dict) and path[2:3] == (rule.get("kind"),):
        path = path[:2] + path[3:]  # pydantic names the kind of a rule where TOML has none
    if error["type"] == "union_tag_invalid":
        path = (*path, "kind")
    return _place(lines, value, path)


def _place(lines: _Lines, value: Any, path: _Path) -> str:
    if not path:
        return "the policy"
    line = f"line {lines.of(value, path)}"
    if path[:1] != ("rules",) or len(path) == 1 or not isinstance(rule := _at(value, path[:2]), dict):
        return f"{line}: {field_path(path)}"
    named = f"{line}: rule {rule.get('id', path[1])}"
    return f"{named}: {field_path(path[2:])}" if path[2:] else named


class _Lines:
    """The lines of a policy, searched for where an entry begins, because `tomllib` tells no lines."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._parsed: dict[int, Any] = {0: {}}  # the first n lines, parsed; None where they are no TOML

    def of(self, value: Any, path: _Path) -> int:
        """The number of the line, from 1, on which the entry at `path` of `value` begins.

        For a missing entry, the line of the table that it is missing in. Found by bisection: the entry begins on the
        first line n for which parsing the first n lines yields `path`. Lines inside a value of several lines are passed
        over, because what ends there is no TOML.
        """
        while path and _at(value, path) is None:
            path = path[:-1]
        before, after = 0, len(self._lines)  # the first `before` lines lack the entry, the first `after` have it
        while before + 1 < after:
            middle = (before + after) // 2
            while middle > before and self._up_to(middle) is None:
                middle -= 1
            if middle == before:
                middle = (before + after) // 2 + 1
                while middle < after and self._up_to(middle) is None:
                    middle += 1
                if middle == after:
                    break
            if _at(self._up_to(middle), path) is None:
                before = middle
            else:
                after = middle
        return before + 1

    def _up_to(self, count: int) -> Any:
        if count not in self._parsed:
            if len(self._parsed) > _MAX_TRIES:
                return None
            try:
                self._parsed[count] = tomllib.loads("\n".join(self._lines[:count]))
            except ValueError:
                self._parsed[count] = None
        return self._parsed[count]


def _at(value: Any, path: _Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _time_in(value: Any, path: _Path = ()) -> _Path | None:
    """The path of a TOML date or time, or None. Policies have none, because their RFC 8785 form could not say it."""
    if isinstance(value, (date, datetime, time)):
        return path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in items if (found := _time_in(item, (*path, key))) is not None), None)
