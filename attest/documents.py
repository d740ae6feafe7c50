"""Documents with a closed set of fields, and the values that stand in them (protocol.md, section 1)."""

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

MAX_SHOWN: Final = 20  # of what is wrong with a document
_MAX_TEXT: Final = 1000  # characters of a text of which sixty may be shown
_LARGE: Final = 256 * 1024  # bytes
_FIRST: Final = 64
_OF_FIELDS: Final = frozenset({"missing", "extra_forbidden", "union_tag_invalid", "union_tag_not_found"})
_TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_FIRST_YEAR: Final = 1000  # systems write those before with and without zeros in front


def format_time(time: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return time.astimezone(UTC).strftime(_TIME_FORM)


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`, and no other spelling. Raises `MalformedError`."""
    try:
        time = datetime.strptime(text, _TIME_FORM).replace(tzinfo=UTC)
    except ValueError:
        time = None
    if time is None or time.year < _FIRST_YEAR or format_time(time) != text:
        raise MalformedError("time/malformed", f"{text[:40]!r} is not a time like 2026-10-31T15:00:00Z")
    return time


def parse_hex(text: str) -> bytes:
    """Lower-case hex, two digits a byte. Raises `MalformedError`."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = None
    if data is None or data.hex() != text:  # fromhex also takes capitals and white space
        raise MalformedError("hex/malformed", f"{text[:80]!r} is not lower-case hex")
    return data


def parse_base64(text: str) -> bytes:
    """Standard base64 with padding, and only the spelling that encodes to itself. Raises `MalformedError`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or format_base64(data) != text:
        raise MalformedError("base64/malformed", "not base64 with padding")
    return data


def format_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def from_wire(parse: Callable[[str], object]) -> BeforeValidator:
    """In a document the value is a string that `parse` takes; in Python it is the parsed value itself."""

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
    """What JSON Schema says of a value that is a string in documents."""
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
_SAME: Final = "[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"  # for readers that know no classes of Unicode
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
    # TOML has dates and times, which no document of ours has.
    raise ValueError(f"{value} is a {type(value).__name__}; write it as a string")


class Document(BaseModel):
    """A strict, immutable document: unknown fields, coercions and non-canonical bytes are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    @classmethod
    def from_value(cls, value: object, *, what: str, place: Callable[[Any], str] | None = None) -> Self:
        """Validate parsed JSON. Raises `MalformedError` naming every field that is wrong.

        `place` turns an error of pydantic into where it is; without it, that is the path of the field.
        """
        try:
            text = json.dumps(value, default=_refuse)
        except ValueError as error:
            raise MalformedError("document/invalid", f"{what}: {error}") from None
        return cls._validated(text, value, what, place)

    @classmethod
    def _validated(cls, text: str | bytes, value: object, what: str, place: Callable[[Any], str] | None = None) -> Self:
        """The document in the strict JSON `text`, which says `value`. Raises what `from_value` raises."""
        place = place or (lambda item: field_path(item["loc"]))
        if len(text) > _LARGE:
            # An error about a field carries a copy of all that stands around it, and there may be many such errors.
            cls._check_fields(value, what, place)
        try:
            return cls.model_validate_json(text, by_name=False, by_alias=True)
        except ValidationError as error:
            raise _invalid(_errors(error), value, what, place) from None

    @classmethod
    def _check_fields(cls, value: object, what: str, place: Callable[[Any], str]) -> None:
        """Raise `MalformedError` for fields that are missing or unknown, as far as the first items of lists show it."""
        short = _shortened(value)
        try:
            cls.model_validate_json(json.dumps(short), by_name=False, by_alias=True)
        except ValidationError as error:
            if found := [item for item in _errors(error) if item["type"] in _OF_FIELDS]:
                raise _invalid(found, short, what, place) from None

    @classmethod
    def from_json(cls, data: bytes, *, what: str, max_bytes: int) -> Self:
        """Parse strict JSON in any spelling. Raises `MalformedError`."""
        return cls._validated(data, loads(data, what=what, max_bytes=max_bytes), what)

    @classmethod
    def from_canonical(cls, data: bytes, *, what: str, max_bytes: int) -> Self:
        """Parse bytes that are hashed or signed: their RFC 8785 form and no other. Raises `MalformedError`."""
        value = loads(data, what=what, max_bytes=max_bytes)
        document = cls._validated(data, value, what)
        if not is_canonical(data, value):
            raise MalformedError("document/not-canonical", f"{what} is not in RFC 8785 form")
        return document

    def without_defaults(self) -> Self:
        """This document with each of its own fields that has its default value left out, because absent is not null."""
        bare = self.model_copy()
        fields = type(self).model_fields
        bare.model_fields_set.difference_update(
            [name for name in bare.model_fields_set if getattr(bare, name) == fields[name].default]
        )
        return bare

    def to_value(self) -> Any:
        """The document as plain JSON values; optional fields that are absent stay absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def to_bytes(self) -> bytes:
        """The RFC 8785 bytes that are hashed, signed or published."""
        return dumps(self.to_value())


class Settings(Document):
    """What people write in TOML: like a document, with field names as TOML has them."""

    model_config = ConfigDict(alias_generator=None)


def field_path(location: tuple[int | str, ...]) -> str:
    """`("reserves", 0, "amount")` as `reserves[0].amount`."""
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
    """`value` with the first items of its lists, and the beginnings of its texts."""
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value[:_FIRST]]
    return value[:_MAX_TEXT] if isinstance(value, str) else value


def _innermost(items: Sequence[Any]) -> list[Any]:
    """Without what a list says of itself only because an item in it is wrong."""
    around = {item["loc"][:length] for item in items for length in range(len(item["loc"]))}
    return [item for item in items if item["loc"] not in around]


def _at(value: Any, location: tuple[int | str, ...]) -> Any:
    """What stands at the location of an error, which also has names of the kinds of documents that were tried."""
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
