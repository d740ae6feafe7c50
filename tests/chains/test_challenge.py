from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.challenge import Challenge, parse_challenge
from attest.errors import AttestError, MalformedError

TEXT = """attest/v1 proof of control
entity: exchange.example
period: 2026-10
chain: eip155:1
address: 0x9022460B384C599738D8558330EbDCdD583d7d02
block: 23000000 febbd6e100d9ff5e56931b9f59bd9bdd7ea24beaf1973543b01b1ce8d87e6213
nonce: -"""


def challenge(**fields: Any) -> Challenge:
    return Challenge(
        **{
            "entity": "exchange.example",
            "period": "2026-10",
            "chain": "eip155:1",
            "address": "0x9022460B384C599738D8558330EbDCdD583d7d02",
            "height": 23_000_000,
            "block_hash": bytes.fromhex("febbd6e100d9ff5e56931b9f59bd9bdd7ea24beaf1973543b01b1ce8d87e6213"),
            "nonce": "-",
            **fields,
        }
    )


def test_the_text_is_that_of_the_specification() -> None:
    assert challenge().text == TEXT
    assert parse_challenge(TEXT, what="x") == challenge()
    drawn = challenge(nonce="00ff" * 16)
    assert drawn.text.endswith("\nnonce: " + "00ff" * 16)
    assert parse_challenge(drawn.text, what="x") == drawn


CHANGED = {
    "a line break at the end": lambda t: t + "\n",
    "lines that Windows ends": lambda t: t.replace("\n", "\r\n"),
    "another version": lambda t: t.replace("attest/v1", "attest/v2"),
    "another title": lambda t: t.replace("proof of control", "Proof of control"),
    "a line less": lambda t: t.rsplit("\n", 1)[0],
    "a line more": lambda t: t + "\nnote: x",
    "lines in another order": lambda t: "\n".join([*t.split("\n")[:2], *reversed(t.split("\n")[2:])]),
    "a block without its hash": lambda t: t.replace(" febbd6", " "),
    "a hash in capitals": lambda t: t.replace("febbd6", "FEBBD6"),
    "a height with zeros": lambda t: t.replace("23000000", "023000000"),
    "a height of other digits": lambda t: t.replace("23000000", "٢٣"),
    "no nonce": lambda t: t.replace("nonce: -", "nonce: "),
    "a short nonce": lambda t: t.replace("nonce: -", "nonce: 00ff"),
    "half a byte": lambda t: t.replace("nonce: -", "nonce: " + "0" * 33),
    "no month": lambda t: t.replace("2026-10", "2026-13"),
    "no chain": lambda t: t.replace("eip155:1", "ethereum"),
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("case", CHANGED)
def test_another_text_is_no_challenge(case: str) -> None:
    changed = CHANGED[case](TEXT)
    assert changed != TEXT
    with pytest.raises(MalformedError):
        parse_challenge(changed, what="x")


@pytest.mark.parametrize(
    "fields",
    [
        {"entity": "a\nperiod: 2026-09"},
        {"address": "x\nblock: 1"},
        {"entity": "\u202egnahcxe"},
        {"nonce": "x"},
        {"height": -1},
        {"block_hash": b"1"},
        {"period": "2026-10\n"},
    ],
)
def test_no_field_can_hold_another_line(fields: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        challenge(**fields)


@given(st.text())
def test_only_our_errors_leave_any_text(text: str) -> None:
    with pytest.raises(AttestError):
        parse_challenge(text, what="x")


@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20))
def test_every_challenge_is_read_back_as_it_is(height: int, block_hash: bytes, address: str) -> None:
    try:
        made = challenge(height=height, block_hash=block_hash, address=address)
    except ValueError:
        return  # no line
    assert parse_challenge(made.text, what="x") == made
