"""JSON at the border: strict and bounded on the way in, RFC 8785 bytes on the way out.

Bounds are checked before the parser runs, because a small text can make it use much memory or recurse deeply.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import rfc8785

from attest.errors import MalformedError
from attest.formats import CUT_OFF, NOT_UTF8, Form, foreign

MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 1 << 14  # in one object; pydantic keeps an error for each unknown field, so this bounds memory
MAX_SAFE_INTEGER: Final = 2**53 - 1  # the largest on which all JSON readers agree (RFC 8785 section 3.2.2.3)
_MANY: Final = 1 << 14  # values, and also arrays and objects, that a document of any size may have
_BYTES_A_VALUE: Final = 16  # for each value beyond those; `0,` in an array has 2 bytes and takes 50 of memory
_BYTES_A_CONTAINER: Final = 64  # for each array or object beyond those; `[],` takes more memory than a number
_MAX_INTEGER_CHARS: Final = 17
_MAX_DECIMAL_CHARS: Final = 100
_MAX_EXPONENT: Final = 400  # above what a float of 64 bits can have
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)  # possessive: linear on any input
_BEYOND_16_BITS: Final = re.compile(rb"[\xf0-\xff]")  # the UTF-8 of a character that UTF-16 writes as two units
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{},"'))


class NotJsonError(MalformedError):
    """Bytes that are not strict JSON.

    `form`: the form of file that they are instead, or their damage; None when it is not known.
    """

    form: Form | None = None


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"number {text[:40]} is not an integer; amounts are strings")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_CHARS or abs(value := int(text)) > MAX_SAFE_INTEGER:
        raise ValueError(f"integer {text[:20]} is outside the range every JSON reader agrees on")
    return value


def _decimal(text: str) -> Decimal:
    """The exact number in a text. Long exponents are refused, because 1e999999999 written out has that many digits."""
    exponent = re.search(r"[eE]([+-]?[0-9]+)\Z", text)
    if len(text) > _MAX_DECIMAL_CHARS or (exponent is not None and abs(int(exponent[1])) > _MAX_EXPONENT):
        raise ValueError(f"number {text[:40]} is out of all proportion")
    return Decimal(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise ValueError(f"an object has more than {MAX_FIELDS:,} fields")
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"field {twice!r} occurs twice in one object")
    return value


class TooManyValuesError(MalformedError):
    """JSON with more objects, arrays and other values than its reader allows."""


def _check_structure(data: bytes, what: str, max_values: int | None) -> None:
    """Refuse JSON that is nested too deeply or has too many values, before the parser recurses or uses memory.

    `max_values`: how many values there may be; None allows as many as an honest document of that size has.

    The parser's own limit of nesting is that of the interpreter, which some libraries raise until the stack overflows.
    """
    by_size, size, escapes = max_values is None, len(data), b"\\" in data
    values, containers = _MANY + size // _BYTES_A_VALUE, _MANY + size // _BYTES_A_CONTAINER
    # Quotes are counted first, because finding where millions of strings end takes more memory. A value has at most
    # four: its name's and its own.
    if by_size and data.count(b'"') - data.count(b'\\"') > 4 * (values + containers + 1):
        raise ValueError(f"more than {values:,} values in so few bytes")
    if not escapes:  # without escapes, structure and quotes alone show where strings end
        data = data.translate(None, delete=_NO_STRUCTURE)
    if max_values is not None:
        quotes = data.replace(b"\\\\", b"").replace(b'\\"', b"") if escapes else data
        _refuse_many(quotes.count(b'"') // 4, what, max_values)
    data = _STRING.sub(b"", data)
    if by_size and data.count(b",") > values:
        raise ValueError(f"more than {values:,} values in so few bytes")
    if max_values is not None:
        _refuse_many(1 + sum(map(data.count, (b",", b"[", b"{"))), what, max_values)
    brackets = data.translate(None, delete=_NO_BRACKETS)
    depth = 0
    for bracket in brackets[: 2 * containers] if by_size else brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if by_size and len(brackets) > 2 * containers:
        raise ValueError(f"more than {containers:,} arrays and objects in so few bytes")


def _refuse_many(values: int, what: str, max_values: int) -> None:
    if values > max_values:
        raise TooManyValuesError("json/too-many", f"{what} has {values:,} JSON values; the limit is {max_values:,}")


def _check_text(value: object) -> None:
    """Refuse lone surrogates in texts, which only escapes can write, because they have no UTF-8 form."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode("utf-8")
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_refuse_float,
    parse_int=_integer,
    parse_constant=_refuse_constant,
)
# Bitcoin Core sends amounts as JSON numbers. A node's answer is not signed, so they may be read, as exact decimals.
_NODE_ANSWER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_constant=_refuse_constant)


def _decode(decoder: json.JSONDecoder, data: bytes, what: str, max_bytes: int, max_values: int | None = None) -> Any:
    if len(data) > max_bytes:
        raise MalformedError("json/too-large", f"{what} has {len(data):,} bytes; the limit is {max_bytes:,}")
    try:
        _check_structure(data, what, max_values)
        value = decoder.decode(data.decode("utf-8"))
        if b"\\u" in data:
            _check_text(value)
    except (ValueError, ArithmeticError) as error:
        form = foreign(data) or _damage(data, error)
        said, hint = (error, None) if form is None else (f"it is {form.said}", form.hint)
        refused = NotJsonError("json/malformed", f"{what} is not strict JSON: {said}", hint=hint)
        refused.form = form
        raise refused from None
    return value


def _damage(data: bytes, error: ValueError | ArithmeticError) -> Form | None:
    """The damage that `error` shows in JSON: `CUT_OFF` or `NOT_UTF8`; None for any other fault.

    JSON counts as cut off when everything behind the error belongs to one string, number or word.
    """
    if data.lstrip()[:1] not in {b"{", b"["}:
        return None
    match error:
        case UnicodeDecodeError():
            return CUT_OFF if error.reason == "unexpected end of data" else NOT_UTF8
        case json.JSONDecodeError():
            rest = error.doc[error.pos :].rstrip()
            early = error.msg.startswith("Unterminated string") or re.search(r'[\s,:{}\[\]"]', rest) is None
            return CUT_OFF if early else None
        case _:
            return None


def loads(data: bytes, *, what: str, max_bytes: int) -> Any:
    """The value of strict JSON.

    `what`: the name of the data in errors.
    `max_bytes`: the largest size.
    Raises `MalformedError`, and no other error, for
    - encodings other than UTF-8, a byte order mark, lone surrogates,
    - duplicate fields, floats, `NaN`, integers beyond 2^53 - 1,
    - nesting beyond `MAX_DEPTH`, an object of more than `MAX_FIELDS` fields, more than `max_bytes`,
    - in n bytes more than 16,384 + n / 16 commas, or 16,384 + n / 64 arrays and objects.
    """
    return _decode(_STRICT, data, what, max_bytes)


def loads_node_answer(data: bytes, *, what: str, max_bytes: int, max_values: int) -> Any:
    """The value of a node's JSON-RPC answer. Unlike with `loads`, fractions are exact `Decimal`, integers may be large.

    Raises `MalformedError` as `loads` does, and for integers of more than 4,300 digits, fractions of more than 100
    characters and exponents beyond 400. Raises `TooManyValuesError` for more than `max_values` objects, arrays and
    other values, before any is decoded.
    """
    return _decode(_NODE_ANSWER, data, what, max_bytes, max_values)


def dumps(value: Any) -> bytes:
    """The RFC 8785 bytes of a value of the kinds that `loads` returns."""
    return rfc8785.dumps(value)


_SORTED: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))


def is_canonical(data: bytes, value: Any) -> bool:
    """Whether `data` are the RFC 8785 bytes of `value`, which `loads` made of them.

    Python's own encoder is asked first, because it is much faster. For every value that `loads` returns it writes the
    bytes of `dumps`, except for the order of fields whose names have characters beyond 16 bits; where its bytes are not
    `data`, `dumps` decides.
    """
    return (_BEYOND_16_BITS.search(data) is None and _SORTED.encode(value).encode() == data) or dumps(value) == data
