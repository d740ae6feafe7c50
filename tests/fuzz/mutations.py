"""Bytes made of good ones: bits flipped, parts cut, doubled, spliced and nested, values replaced by extreme ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import accumulate
from random import Random
from typing import Any

from attest.canonical import dumps

_MAX_DEPTH = 100  # beyond, json overflows the stack: web3 lifts the limit of recursion

# What has broken parsers before: depth, size, numbers beyond a machine word, text that is none, ends of lines.
TOKENS = (
    b"\x00",
    b"\xff" * 9,
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\r\n",
    b'"',
    b"{}",
    b"[" * 3000,
    b"{" * 40,
    b'{"a":' * 2000,
    b"(" * 500,
    b"9" * 5000,
    b"-1",
    b"1e9999",
    b"NaN",
    b"0x" + b"f" * 5000,
    b"#",
    b"9999-12-31T23:59:59Z",
    b"=" * 3,
    "é\u202e".encode(),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2**31,
    2**53 - 1,
    2**53,
    2**64,
    10**400,
    0.5,
    "",
    "-",
    "0",
    "-1",
    str(2**128 - 1),
    str(2**128),
    "9" * 5000,
    "\x00",
    "\ud800",
    "\u202e",
    "é",
    "00" * 32,
    "ff" * 32,
    "0x",
    "0x" + "00" * 20,
    "AA==",
    "1/0",
    "9999-12-31T23:59:59Z",
    "1000-01-01T00:00:00Z",
    "2999-12",
    "eip155:1",
    "bip122:000000000019d6689c085ae165831e93",
    "../x",
    "a" * 100_000,
    [],
    {},
    [[]],
    {"": {}},
)
# Where a node's number or bytes belong.
ANSWERS: tuple[Any, ...] = (
    *VALUES,
    "0x0",
    "0x00",
    "0x1",
    "0xA",
    "0Xa",
    "0x-1",
    "0xffffffff",
    "0x100000000",
    "0xfffffffffffff",
    "0x 1",
    "0x1_0",
    "0x\u0661",
    "0x" + "f" * 64,
    "0x1" + "0" * 64,
    "0x" + "00" * 32,
    "0x" + "ff" * 32,
    "0x" + "00" * 31 + "01",
    "0x" + "00" * 64,
    "0x" + "ab" * 5000,
    "0xc0",
    "0xef0100" + "11" * 20,
    [None] * 50,
    {"result": "0x1"},
)
NUMBERS = (
    b"-0",
    b"0.0",
    b"1.0",
    b"-0.00000001",
    b"0.000000001",
    b"20999999.9769",
    b"1e-8",
    b"1E8",
    b"1e400",
    b"1e-400",
    b"1e999999999",
    b"1e-999999999",
    b"1e999999999999999999",
    b"0." + b"0" * 50_000 + b"1",
    b"9" * 4000,
    b"9007199254740993",
    b"2147483648",
    b"true",
)
_NUMBER = re.compile(rb"(?<=[:\[,])-?[0-9][0-9.eE+-]*(?=[,\]}])|\A-?[0-9]+\Z")


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds` after some changes; every other time, if it is JSON, after changes to its values."""
    data = random.choice(seeds)
    if random.random() < 0.5:
        data = _with_values_changed(random, data)
    if random.random() < 0.6:
        for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
            data = random.choice(_CHANGES)(random, data, seeds)
    return data


def lied(random: Random, seeds: Sequence[bytes]) -> bytes:
    """The results of calls on lines, as a node would send them that lies in some, or mixes them up."""
    if random.random() < 0.1:
        return mutated(random, seeds)
    lines = random.choice(seeds).split(b"\n")
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        number, other = random.choices(range(len(lines)), weights=[10 + len(line) for line in lines], k=2)
        if random.random() < 0.5:
            number = random.randrange(len(lines))
        match random.randrange(8):
            case 0:
                lines[number], lines[other] = lines[other], lines[number]
            case 1:
                lines[number] = lines[other]
            case 2 if found := list(_NUMBER.finditer(lines[number])):
                start, end = random.choice(found).span()
                lines[number] = lines[number][:start] + random.choice(NUMBERS) + lines[number][end:]
            case 3:
                lines[number] = _spelled(random.choice(ANSWERS))
            case _:
                with suppress(ValueError, RecursionError):
                    lines[number] = _spelled(_changed(random, json.loads(lines[number]), ANSWERS))
    return b"\n".join(lines)


def _place(random: Random, data: bytes) -> int:
    return random.randint(0, len(data))


def _flip(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _byte(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[random.randrange(len(changed))] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))
    return bytes(changed)


def _cut(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _place(random, data)]


def _remove(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = _place(random, data)
    return data[:start] + data[start + random.choice((1, 2, 8, 64)) :]


def _double(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = sorted((_place(random, data), _place(random, data)))
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:] if end - start < 10_000 else data


def _splice(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return data[: _place(random, data)] + other[_place(random, other) :]


def _token(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(random, data)
    return data[:place] + random.choice(TOKENS) + data[place + random.choice((0, 0, 1, 8)) :]


_CHANGES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip,
    _flip,
    _byte,
    _byte,
    _cut,
    _remove,
    _double,
    _splice,
    _token,
)


def _with_values_changed(random: Random, data: bytes) -> bytes:
    """A line of JSON with some values replaced, left out, doubled or swapped, in canonical form where there is one."""
    lines = data.split(b"\n")
    number = random.randrange(len(lines))
    if _depth(lines[number]) > _MAX_DEPTH:
        return data
    try:
        value = json.loads(lines[number])
    except ValueError:
        return data
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = _changed(random, value)
    lines[number] = _spelled(value)
    return b"\n".join(lines)


def _depth(data: bytes) -> int:
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in re.findall(rb"[][{}]", data)), default=0)


def _spelled(value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception:  # noqa: BLE001 (floats, large integers and surrogates have no canonical form)
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _changed(random: Random, value: Any, values: Sequence[Any] = VALUES) -> Any:
    places = list(_places(value))
    if not places:
        return deepcopy(random.choice(values))
    parent, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del parent[key]
        case 1:
            other, place = random.choice(places)
            parent[key] = deepcopy(other[place])
        case 2 if isinstance(parent, list):
            parent[key:key] = [deepcopy(parent[key]) for _ in range(random.choice((1, 2, 200)))]
        case 3 if isinstance(parent[key], str) and parent[key]:
            text = parent[key]
            place = random.randrange(len(text))
            parent[key] = text[:place] + random.choice("0aF\x00=é/9") + text[place + random.choice((0, 1)) :]
        case 4 if isinstance(parent[key], int):
            parent[key] += random.choice((-1, 1, 2**32, -(2**32)))
        case _:
            parent[key] = deepcopy(random.choice(values))
    return value


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)
