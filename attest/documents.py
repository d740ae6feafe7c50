"""Documents with a closed set of fields, and the types of their values (protocol.md, section 1).

An absent field is not null: a field that was not set is left out of the bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NoReturn, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from attest.amounts import ASSET_PATTERN, parse_amount
from attest.canonical import MAX_SAFE_INTEGER, dumps, is_canonical, loads
from attest.errors import AttestError, MalformedError

MAX_SHOWN: Final = 20  # faults of a document that an error names
_MAX_TEXT: Final = 1000  # characters of a text that are looked at to show sixty of them
_LARGE: Final = 256 * 1024  # bytes from which on fields are checked in a shortened copy first
_FIRST: Final = 64  # items of a list in that copy
_OF_FIELDS: Final = frozenset({"missing", "extra_forbidden", "union_tag_invalid", "union_tag_not_found"})
_TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_FIRST_YEAR: Final = 1000  # systems disagree on leading zeros of earlier ones


def format_time(time: datetime) -> str:
    """The text of a time in documents: RFC 3339 in UTC and whole seconds, `2026-10-31T15:00:00Z`."""
    return time.astimezone(UTC).strftime(_TIME_FORM)


def parse_time(text: str) -> datetime:
    """The time of a text that `format_time` writes. Raises `MalformedError` for any other spelling."""
    try:
        time = datetime.strptime(text, _TIME_FORM).replace(tzinfo=UTC)
    except ValueError:
        time = None
    if time is None or time.year < _FIRST_YEAR or format_time(time) != text:
        raise MalformedError("time/malformed", f"{text[:40]!r} is not a time like 2026-10-31T15:00:00Z")
    return time


def parse_hex(text: str) -> bytes:
    """The bytes of lower-case hex, two digits for each. Raises `MalformedError` for any other spelling."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = None
    if data is None or data.hex() != text:  # fromhex also takes capitals and white space
        raise MalformedError("hex/malformed", f"{text[:80]!r} is not lower-case hex")
    return data


def parse_base64(text: str) -> bytes:
    """The bytes of standard base64 with padding (RFC 4648).

    Raises `MalformedError` for any spelling that `format_base64` would not write.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or format_base64(data) != text:
        raise MalformedError("base64/malformed", "not base64 with padding")
    return data


def format_base64(data: bytes) -> str:
    """The text of bytes in standard base64 with padding (RFC 4648)."""
    return base64.b64encode(data).decode()


def from_wire(parse: Callable[[str], object]) -> BeforeValidator:
    """The validator of a value that documents write as a string.

    `parse`: makes the value of the string and raises `AttestError` for a false one. A value given in Python is taken as
    it is.
    """

    def convert(value: object, info: ValidationInfo) -> object:
        if info.mode != "json":
            return value
        if not isinstance(value, str):
            raise ValueError("must be a string")  # noqa: TRY004 (pydantic reports a ValueError)
        try:
            return parse(value)
        except AttestError as error:
            raise ValueError(error.message) from None

    return BeforeValidator(convert)


def _schema(pattern: str, **more: object) -> WithJsonSchema:
    """The JSON Schema of a value that documents write as a string of this pattern."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **more})


AssetName = Annotated[str, StringConstraints(pattern=ASSET_PATTERN)]
Amount = Annotated[
    int, from_wire(parse_amount), PlainSerializer(str, return_type=str), _schema("(?:0|[1-9][0-9]{0,38})")
]
_Hex = Annotated[bytes, from_wire(parse_hex), PlainSerializer(bytes.hex, return_type=str)]
Hex = Annotated[_Hex, _schema("(?:[0-9a-f]{2})*")]
Digest = Annotated[_Hex, Field(min_length=32, max_length=32), _schema("[0-9a-f]{64}")]
Base64 = Annotated[
    bytes,
    from_wire(parse_base64),
    PlainSerializer(format_base64, return_type=str),
    _schema("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", contentEncoding="base64"),
]
Time = Annotated[
    datetime,
    from_wire(parse_time),
    PlainSerializer(format_time, return_type=str),
    _schema("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", format="date-time"),
]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
# A line break, an escape or a change of direction in a name could rewrite what a reader sees around it.
_PLAIN: Final = r"^[^\p{Cc}\p{Zl}\p{Zp}\u{202A}-\u{202E}\u{2066}-\u{2069}]*$"
_SAME: Final = "[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"  # _PLAIN without classes of Unicode
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000, pattern=_PLAIN),
    _schema(_SAME, minLength=1, maxLength=1000),
]
LongText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=10_000, pattern=_PLAIN),
    _schema(_SAME, minLength=1, maxLength=10_000),
]


def _refuse(value: object) -> NoReturn:
    # TOML has dates and times, JSON has none.
    raise ValueError(f"{value} is a {type(value).__name__}; write it as a string")


class Document(BaseModel):
    """A strict, immutable document. Unknown fields and values of another type are refused, never converted.

    Fields are named in snake_case in Python and in camelCase on the wire.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    @classmethod
    def from_value(cls, value: object, *, what: str, place: Callable[[Any], str] | None = None) -> Self:
        """The document of a parsed value.

        `value`: as JSON or TOML parsers return it.
        `what`: the name of the document in errors.
        `place`: the words for the place of a pydantic error; without it the path of the field.
        Raises `MalformedError` naming every field that is wrong.
        """
        try:
            text = json.dumps(value, default=_refuse)
        except ValueError as error:
            raise MalformedError("document/invalid", f"{what}: {error}") from None
        return cls._validated(text, value, what, place)

    @classmethod
    def _validated(cls, text: str | bytes, value: object, what: str, place: Callable[[Any], str] | None = None) -> Self:
        """The document in strict JSON.

        `text`: the JSON.
        `value`: its parsed value.
        Raises `MalformedError` as `from_value` does.
        """
        place = place or (lambda item: field_path(item["loc"]))
        if len(text) > _LARGE:
            # An error about a field carries a copy of everything around the field, and there may be many errors.
            cls._check_fields(value, what, place)
        try:
            return cls.model_validate_json(text, by_name=False, by_alias=True)
        except ValidationError as error:
            raise _invalid(_errors(error), value, what, place) from None

    @classmethod
    def _check_fields(cls, value: object, what: str, place: Callable[[Any], str]) -> None:
        """Raise `MalformedError` for missing and unknown fields, looking only at the first items of each list."""
        short = _shortened(value)
        try:
            cls.model_validate_json(json.dumps(short), by_name=False, by_alias=True)
        except ValidationError as error:
            if found := [item for item in _errors(error) if item["type"] in _OF_FIELDS]:
                raise _invalid(found, short, what, place) from None

    @classmethod
    def from_json(cls, data: bytes, *, what: str, max_bytes: int) -> Self:
        """The document in strict JSON of any spelling. Raises `MalformedError`, `what` being its name in the error."""
        return cls._validated(data, loads(data, what=what, max_bytes=max_bytes), what)

    @classmethod
    def from_canonical(cls, data: bytes, *, what: str, max_bytes: int) -> Self:
        """The document in bytes that are hashed or signed.

        Raises `MalformedError`, `what` being its name in the error; also for bytes that are not in RFC 8785 form.
        """
        value = loads(data, what=what, max_bytes=max_bytes)
        document = cls._validated(data, value, what)
        if not is_canonical(data, value):
            raise MalformedError("document/not-canonical", f"{what} is not in RFC 8785 form")
        return document

    def without_defaults(self) -> Self:
        """This document without the fields that have their default value, because absent is not null.

        Only its own fields are left out, not those of documents in it.
        """
        bare = self.model_copy()
        fields = type(self).model_fields
        bare.model_fields_set.difference_update(
            [name for name in bare.model_fields_set if getattr(bare, name) == fields[name].default]
        )
        return bare

    def to_value(self) -> Any:
        """The document as plain JSON values; fields that were not set are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def to_bytes(self) -> bytes:
        """The document's RFC 8785 bytes, which are hashed, signed or published."""
        return dumps(self.to_value())


class Settings(Document):
    """A document that people write in TOML: fields are named in snake_case there too."""

    model_config = ConfigDict(alias_generator=None)


def field_path(location: tuple[int | str, ...]) -> str:
    """The path of a field for readers: `reserves[0].amount` for `("reserves", 0, "amount")`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "the document"


def _errors(error: ValidationError) -> list[Any]:
    return _innermost(error.errors(include_url=False, include_input=False))


def _invalid(found: Sequence[Any], value: object, what: str, place: Callable[[Any], str]) -> MalformedError:
    first, *others = (f"{place(item)}: {_sentence(item, value)}" for item in found[:MAX_SHOWN])
    if len(found) > MAX_SHOWN:
        others.append(f"and {len(found) - MAX_SHOWN:,} more")
    return MalformedError("document/invalid", f"{what}: {first}", details=tuple(others))


def _shortened(value: object) -> object:
    """A copy of `value` with the first items of its lists and the beginnings of its texts."""
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value[:_FIRST]]
    return value[:_MAX_TEXT] if isinstance(value, str) else value


def _innermost(items: Sequence[Any]) -> list[Any]:
    """The errors without those of lists that are wrong only because of an item in them."""
    around = {item["loc"][:length] for item in items for length in range(len(item["loc"]))}
    return [item for item in items if item["loc"] not in around]


def _at(value: Any, location: tuple[int | str, ...]) -> Any:
    """The value at the location of an error; names in it that are kinds of documents, not fields, are passed over."""
    for part in location:
        with suppress(LookupError, TypeError):
            value = value[part]
    return value


def _sentence(item: Any, value: object) -> str:
    match item["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "missing"
        case "union_tag_invalid":
            return f"unknown {item['ctx']['tag'][:60]!r}; there are {item['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return f"{item['ctx']['discriminator']} is missing"
        case "string_pattern_mismatch":
            found = _at(value, item["loc"])
            shown = re.sub(r"\s+", " ", repr(found[:_MAX_TEXT] if isinstance(found, str) else found))[:60]
            return f"{shown} does not have the form {item['ctx']['pattern']}"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")
