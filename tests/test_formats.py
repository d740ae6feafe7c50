"""What bytes are: an answer for any of them, at once, and the right one wherever a document was cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.canonical import NotJsonError, loads
from attest.formats import CUT_OFF, changed_on_its_way, foreign, other_text

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_told_without_an_error(data: bytes) -> None:
    form = foreign(data)
    if form is None:
        other_text(data)
    changed_on_its_way([data], bytes(32))


@given(
    value=st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=4) | st.lists(VALUES, min_size=1),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    place=st.integers(0, 10**6),
)
def test_json_that_lost_its_end_is_told_as_that_wherever_it_was_cut(
    *,
    value: Any,
    ascii_only: bool,
    indent: int | None,
    place: int,
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    cut = data[: 1 + place % (len(data) - 1)]
    with pytest.raises(NotJsonError) as caught:
        loads(cut, what="it", max_bytes=10**6)
    assert caught.value.form == CUT_OFF


@pytest.mark.parametrize(
    "text", ['{"a": nothing at all}', "{a: 1}", '{"a": 1} and more', "{'a': 1}", '{"a": 1,}', "{{ name }}", "[1 2]"]
)
def test_what_was_never_json_is_not_called_cut_off(text: str) -> None:
    with pytest.raises(NotJsonError) as caught:
        loads(text.encode(), what="it", max_bytes=1000)
    assert caught.value.form is None


@pytest.mark.parametrize("data", [b"<!-- -->" * 400 + b"x", b"<!--" * 900, b" " * 10**6 + b"x", b"To: x\r" * 10**5])
def test_no_bytes_keep_it_busy(data: bytes) -> None:
    """A pattern that tries every way to divide them would not come to an end."""
    assert foreign(data) is None


@pytest.mark.parametrize("wanted", ["a public key", "a certificate", ""])
def test_what_was_asked_for_is_no_other_form(wanted: str) -> None:
    pems = {"a public key": b"-----BEGIN PUBLIC KEY-----\n", "a certificate": b"-----BEGIN CERTIFICATE-----\n"}
    for said, pem in pems.items():
        form = foreign(pem, wanted=wanted)
        assert (form is None) == (said == wanted)
