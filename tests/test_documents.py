from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from attest import canonical
from attest.amounts import MAX_AMOUNT, format_amount, parse_amount, parse_decimal, ratio_percent
from attest.canonical import MAX_DEPTH, dumps, is_canonical, loads, loads_node_answer
from attest.documents import Amount, Base64, Digest, Document, Text, Time, parse_time
from attest.errors import MalformedError

LIMIT = 20 * 1024 * 1024


class Sample(Document):
    amount: Amount
    digest_of_it: Digest
    time: Time
    blob: Base64


GOOD = {"amount": "7", "digestOfIt": "ab" * 32, "time": "2026-10-31T15:00:00Z", "blob": "AAE="}


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b"NaN",
        b"-Infinity",
        b"1.0",
        b"1e3",
        b"9007199254740992",
        b"1" * 5000,
        b'{"a":"\\ud800"}',
        b'{"a":["\\uDfff"]}',
        b'{"\\ud800":1}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"{",
        b"",
        b"1 2",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * (5 * 1024 * 1024) + b"]" * (5 * 1024 * 1024),
        b'{"a":' * (1024 * 1024) + b"1" + b"}" * (1024 * 1024),
    ],
    ids=lambda text: text[:12].decode("ascii", "replace"),
)
def test_strict_json_refuses(text: bytes) -> None:
    with pytest.raises(MalformedError):
        loads(text, what="it", max_bytes=LIMIT)


def depth(text: str) -> int:
    """How deep brackets outside strings nest at most, looked at one character at a time."""
    deepest = level = 0
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


@given(text=st.text(alphabet='[]{}"a', max_size=60) | st.text(alphabet='[]{}"a\\', max_size=60))
@example(text='["\\"[[[[[["]')
@example(text='["[[[[[[",[[[[')
def test_nesting_is_told_from_brackets_in_strings(text: str) -> None:
    text += " "  # what a last backslash would escape
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "MAX_DEPTH", 3)
        if depth(text) > 3:
            with pytest.raises(ValueError, match="nested deeper"):
                canonical._check_structure(text.encode(), "it", None)
        else:
            canonical._check_structure(text.encode(), "it", None)


def test_json_beyond_the_limit_is_not_parsed() -> None:
    with pytest.raises(MalformedError, match="limit is 10"):
        loads(b'"0123456789"', what="it", max_bytes=10)


def test_a_nodes_fractions_are_exact() -> None:
    answer = loads_node_answer(b'{"amount":0.1,"big":123456789012345678901}', what="it", max_bytes=LIMIT, max_values=9)
    assert str(answer["amount"]) == "0.1"
    assert answer["big"] == 123456789012345678901


@pytest.mark.parametrize("number", ["1e401", "1E+401", "-1e-401", "0.0e999999999999999999", "0." + "1" * 99])
def test_a_number_that_never_ends_to_be_multiplied_out_is_refused_in_a_node_answer(number: str) -> None:
    """Exact arithmetic with 1e999999999 holds the whole program up, and no deadline of the network ends that."""
    with pytest.raises(MalformedError, match="out of all proportion"):
        loads_node_answer(number.encode(), what="it", max_bytes=LIMIT, max_values=9)


@pytest.mark.parametrize("number", ["1e400", "1E-400", "4.656542373906925e-10", "20999999.97690000", "-0." + "1" * 97])
def test_other_fractions_are_exact_in_a_node_answer(number: str) -> None:
    assert loads_node_answer(number.encode(), what="it", max_bytes=LIMIT, max_values=9) == Decimal(number)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(value=json_values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert loads(dumps(value), what="it", max_bytes=LIMIT) == value


@given(value=json_values)
def test_what_is_canonical_is_what_the_library_writes(value: object) -> None:
    spellings = [
        json.dumps(value, ensure_ascii=is_ascii, sort_keys=is_sorted, separators=(",", ":")).encode()
        for is_ascii in (True, False)
        for is_sorted in (True, False)
    ]
    for data in (*spellings, json.dumps(value).encode(), dumps(value)):
        assert is_canonical(data, loads(data, what="it", max_bytes=LIMIT)) == (data == dumps(value))


def test_every_character_has_one_spelling_and_names_stand_in_the_order_of_utf_16() -> None:
    for first in range(0, 0x110000, 0x800):
        text = "".join(map(chr, range(first, first + 0x800)))
        if first != 0xD800:  # surrogates, which are no characters
            assert is_canonical(dumps([text]), [text])
    for names in ("ab", "ba", "\uff00\U00010000", "\U00010000\uff00"):
        value = dict.fromkeys(names, 1)
        data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        assert is_canonical(data, value) == (data == dumps(value)) == (names in {"ab", "\U00010000\uff00"})


@given(data=st.binary(max_size=200))
def test_only_our_own_errors_leave_the_parsers(data: bytes) -> None:
    for parse in (lambda: Sample.from_canonical(data, what="it", max_bytes=LIMIT), lambda: parse_time(data.hex())):
        with pytest.raises(MalformedError):
            parse()


def test_a_document_round_trips_to_the_same_bytes() -> None:
    data = dumps(GOOD)
    sample = Sample.from_canonical(data, what="it", max_bytes=LIMIT)
    assert sample.amount == 7
    assert sample.to_bytes() == data


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"more": 1}, "more: unknown field"),
        ({"digest_of_it": "ab" * 32}, "digest_of_it: unknown field"),
        ({"amount": 7}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "07"}, "amount"),
        ({"amount": ""}, "amount"),
        ({"amount": "１"}, "amount"),  # noqa: RUF001
        ({"amount": "7\n"}, "amount"),
        ({"amount": str(MAX_AMOUNT + 1)}, "amount"),
        ({"amount": "1" * 40}, "amount"),
        ({"digestOfIt": "AB" * 32}, "digestOfIt"),
        ({"digestOfIt": "ab" * 31}, "digestOfIt"),
        ({"time": "2026-10-31T15:00:00+00:00"}, "time"),
        ({"time": "2026-10-31T15:00:00.0Z"}, "time"),
        ({"time": "2026-02-30T15:00:00Z"}, "time"),
        ({"time": "2026-1-31T15:00:00Z"}, "time"),
        ({"blob": "AAE"}, "blob"),
        ({"blob": "AAF="}, "blob"),
        ({"blob": "AA-_"}, "blob"),
    ],
)
def test_a_wrong_value_is_refused_by_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Sample.from_value(GOOD | change, what="it")
    assert named in " ".join([caught.value.message, *caught.value.details])


def test_other_spellings_of_signed_bytes_are_refused() -> None:
    with pytest.raises(MalformedError, match="RFC 8785"):
        Sample.from_canonical(json.dumps(GOOD).encode(), what="it", max_bytes=LIMIT)


@given(amount=st.integers(0, MAX_AMOUNT))
def test_amounts_round_trip(amount: int) -> None:
    assert parse_amount(str(amount)) == amount


@given(amount=st.integers(0, MAX_AMOUNT), decimals=st.integers(0, 36))
def test_decimals_round_trip_through_what_people_read(amount: int, decimals: int) -> None:
    assert parse_decimal(format_amount(amount, decimals).replace(",", ""), decimals) == amount


def test_a_ratio_is_rounded_down() -> None:
    assert ratio_percent(99_999_999, 100_000_000) == "99.99 %"
    assert ratio_percent(1, 3) == "33.33 %"
    assert ratio_percent(0, 0) is None


class Told(Document):
    told: Text


NOT_IN_TEXTS = [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]


def test_texts_for_people_have_every_character_but_controls_and_changes_of_direction() -> None:
    """The same in documents and in their schema, whose pattern knows no classes of Unicode."""
    pattern = re.compile(TypeAdapter(Told).json_schema()["properties"]["told"]["pattern"].replace("$", r"\Z"))
    for code in NOT_IN_TEXTS:
        with pytest.raises(MalformedError):
            Told.from_value({"told": f"a{chr(code)}b"}, what="it")
        assert pattern.match(f"a{chr(code)}b") is None, hex(code)
    codes = (*range(0xD800), *range(0xE000, 0x10000), *range(0x1F000, 0x20000), *range(0xE0000, 0xE1000))
    others = [chr(code) for code in codes if code not in NOT_IN_TEXTS]
    for first in range(0, len(others), 1000):
        text = "".join(others[first : first + 1000])
        assert Told.from_value({"told": text}, what="it").told == text
        assert pattern.match(text), hex(ord(text[0]))


@pytest.mark.parametrize("text", ["", "x" * 1001])
def test_a_text_has_1_to_1000_characters(text: str) -> None:
    with pytest.raises(MalformedError):
        Told.from_value({"told": text}, what="it")


DENSE = {
    "numbers": b"[" + b"0," * 40_000 + b"0]",
    "arrays": b"[" + b"[]," * 40_000 + b"0]",
    "objects": b"[" + b"{}," * 40_000 + b"0]",
    "strings": b"[" + b'"",' * 40_000 + b"0]",
    "strings with escapes": b"[" + b'"\\"",' * 40_000 + b"0]",
    "nested arrays": b"[" + b"[[]]," * 20_000 + b"0]",
    "fields": b"[" + b'{"a":0,"b":0},' * 20_000 + b"0]",
}


@pytest.mark.parametrize("data", DENSE.values(), ids=DENSE)
def test_more_values_than_so_much_text_has_honestly_are_not_decoded(data: bytes) -> None:
    with pytest.raises(
        MalformedError, match=r"more than [0-9,]+ (values|arrays and objects) in so few bytes"
    ) as caught:
        loads(data, what="it", max_bytes=LIMIT * 1000)
    assert caught.value.code == "json/malformed"


@pytest.mark.parametrize(
    "value",
    [
        [0] * 16_000,
        [[]] * 16_000,
        [{"leaf": "0" * 64}] * 100_000,
        ["0" * 64] * 100_000,
        ["a,[{," * 5] * 100_000,
        '[{,"' * 100_000,
    ],
)
def test_what_documents_have_honestly_is_decoded_however_large(value: Any) -> None:
    data = json.dumps(value, separators=(",", ":")).encode()
    assert loads(data, what="it", max_bytes=len(data)) == value


class Inner(Document):
    name: Text
    items: tuple[Text, ...]


class Outer(Document):
    one: Text
    two: Text
    inner: tuple[Inner, ...]


def test_a_large_document_is_told_the_fields_that_it_lacks_or_that_nobody_knows() -> None:
    large = ["a" * 60] * 10_000
    value = {"one": "1", "inner": [{"name": "n", "items": large, "more": large}, {"items": large}]}
    with pytest.raises(MalformedError) as caught:
        Outer.from_json(json.dumps(value).encode(), what="it", max_bytes=10**8)
    assert [caught.value.message, *caught.value.details] == [
        "it: two: missing",
        "inner[0].more: unknown field",
        "inner[1].name: missing",
    ]
    value = {"one": "1", "two": "2", "inner": [{"name": "n", "items": [*large, "\n"]}]}
    with pytest.raises(MalformedError, match=r"inner\[0\].items\[10000\]: .* does not have the form"):
        Outer.from_json(json.dumps(value).encode(), what="it", max_bytes=10**8)
    value["inner"][0]["items"] = large  # type: ignore[index]
    assert Outer.from_json(json.dumps(value).encode(), what="it", max_bytes=10**8).inner[0].items == tuple(large)


class Sparse(Document):
    name: Text
    note: Text | None = None
    times: tuple[Text, ...] = ()


def test_a_field_with_its_default_value_can_be_left_out_since_absent_is_not_null() -> None:
    document = Sparse(name="n", note=None, times=())
    assert document.to_value() == {"name": "n", "note": None, "times": []}
    assert document.without_defaults().to_value() == {"name": "n"}
    assert document.to_value() == {"name": "n", "note": None, "times": []}, "the document itself stays as it is"
    assert Sparse(name="n", note="x").without_defaults().to_value() == {"name": "n", "note": "x"}
