"""Which accounts identify a customer, when a tree is built and when a proof is verified."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.liabilities.accounts import EDGES, new_account, normalise_account
from attest.liabilities.ledger import bulk as ledger_bulk
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from attest.liabilities.tree import account_digest
from tests.conftest import FIXTURES
from tests.examples import examples

VECTORS = json.loads((FIXTURES / "vectors" / "protocol-v1.json").read_text(encoding="utf-8"))["accounts"]
HEADER = "account,asset,balance\n"
UNASSIGNED = "\u0378"  # no version of Unicode has it


def outcome(account: str) -> bool:
    try:
        new_account(account)
    except AttestError:
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: ascii(vector["account"])[:40])
def test_accounts_are_taken_as_the_vectors_say(vector: Any) -> None:
    if vector["verifying"]:
        assert account_digest(vector["account"]).hex() == vector["digest"]
    else:
        with pytest.raises(MalformedError) as caught:
            account_digest(vector["account"])
        assert caught.value.code == "account/malformed"
    assert outcome(vector["account"]) == vector["building"]


def test_the_characters_that_no_account_begins_or_ends_with_are_unicodes_white_space_and_the_byte_order_mark() -> None:
    white = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert set(EDGES) | set("\x1c\x1d\x1e\x1f") == white | {"\ufeff"}  # the four are control characters


NOT_AT_AN_END = "; no account begins or ends with white space or a byte order mark"
TAKE_AWAY = "take the character away"
SHORTER = "name the customer by a shorter identifier that they know"
REFUSED = {
    "\n" + "a" * 50: (f"account {chr(10) + 'a' * 39!r} begins with U+000A{NOT_AT_AN_END}", TAKE_AWAY),
    "hanako\u3000": (f"account 'hanako\\u3000' ends with U+3000 IDEOGRAPHIC SPACE{NOT_AT_AN_END}", TAKE_AWAY),
    "\ufeffhana": (f"account '\\ufeffhana' begins with U+FEFF ZERO WIDTH NO-BREAK SPACE{NOT_AT_AN_END}", TAKE_AWAY),
    "ha\tnako": ("account 'ha\\tnako' has the control character U+0009", TAKE_AWAY),
    "a\ud800b": ("account 'a\\ud800b' has the lone surrogate U+D800, so it is not Unicode text", "write it in UTF-8"),
    "x" * 257: (f"account '{'x' * 40}' has 257 bytes of UTF-8; 1 to 256 are allowed", SHORTER),
    "": ("account '' has 0 bytes of UTF-8; 1 to 256 are allowed", "every row names a customer"),
}


@pytest.mark.parametrize("account", REFUSED, ids=ascii)
def test_a_refused_account_is_named_by_its_beginning_and_the_character(account: str) -> None:
    with pytest.raises(MalformedError) as caught:
        normalise_account(account)
    assert (caught.value.message, caught.value.hint) == REFUSED[account]
    assert caught.value.code == "account/malformed"


def test_an_account_is_measured_after_nfc_and_before_its_characters() -> None:
    assert normalise_account("e\u0301" * 128) == "\u00e9" * 128
    with pytest.raises(MalformedError, match="258 bytes"):
        normalise_account("\u0958" * 43)  # NFC takes this one apart
    with pytest.raises(MalformedError, match="257 bytes"):
        normalise_account(" " + "x" * 256)


def ledger(tmp_path: Path, *accounts: str) -> Source:
    rows = "".join(f'"{account}",BTC,1\n' for account in accounts)
    (tmp_path / "ledger.csv").write_text(HEADER + rows, encoding="utf-8", newline="")
    return Source("ledger.csv", folder=tmp_path, show_names=True)


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            "jiro\u2003",
            "account 'jiro\\u2003' ends with U+2003 EM SPACE; no account begins or ends with white space or ",
        ),
        ("\ufeffjiro", "account '\\ufeffjiro' begins with U+FEFF ZERO WIDTH NO-BREAK SPACE; no account begins or "),
        ("ji\x9fro", "account 'ji\\x9fro' has the control character U+009F: take the character away"),
    ],
)
def test_a_ledger_names_row_field_and_character_and_says_what_to_do(tmp_path: Path, account: str, said: str) -> None:
    totals = ControlTotals()
    with pytest.raises(MalformedError) as caught:
        list(read(ledger(tmp_path, "hanako", account, "佐藤\u3000花子"), {"BTC": 8}, totals))
    assert caught.value.message.startswith(f"ledger.csv row 3, field account: {said}")
    assert caught.value.message.endswith(": take the character away")
    assert totals.finding_count == 1


@pytest.mark.parametrize("character", [UNASSIGNED, "\uffff", "\U000e0080"])
def test_a_code_point_that_nobody_has_assigned_is_refused_in_a_ledger_without_a_verdict(
    tmp_path: Path, character: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        list(read(ledger(tmp_path, "hanako", f"jiro{character}"), {"BTC": 8}, ControlTotals()))
    assert caught.value.code == "account/unassigned"
    assert caught.value.message == (
        f"ledger.csv row 3, field account: account {'jiro' + character!r} has U+{ord(character):04X}, which Unicode "
        f"{unicodedata.unidata_version} of this Python has not assigned"
    )
    assert caught.value.hint is not None
    assert normalise_account(f"jiro{character}") == f"jiro{character}"


SPECIAL = st.sampled_from([*EDGES, *"\x1c\x7f\x9f\u200d\ue000\u0301ea佐\uffff", UNASSIGNED])
ANY = st.characters(exclude_categories=["Cs"])


@examples(400)
@given(text=st.lists(st.text(SPECIAL | ANY, max_size=6) | st.text(SPECIAL, max_size=3), min_size=1, max_size=6))
def test_accounts_in_bulk_are_what_each_is_by_itself(text: list[str]) -> None:
    array = pa.array([account.encode() for account in text], pa.large_binary())
    try:
        expected = [new_account(account).encode() for account in text]
    except AttestError:
        with pytest.raises(ledger_bulk._IrregularError):
            ledger_bulk._checked_accounts(array)
    else:
        assert ledger_bulk._checked_accounts(array).to_pylist() == expected


@pytest.mark.parametrize("character", [*EDGES, "\x1c", "\x7f", "\x9f", "\u200d", "\u180e", UNASSIGNED], ids=ascii)
def test_a_character_at_an_end_is_seen_in_bulk_beside_accounts_of_every_kind(character: str) -> None:
    for account in (f"{character}佐", f"佐{character}", f"佐{character}藤", character):
        for others in ([], ["hanako"], ["佐\u3000藤"], ["e\u0301mile", "佐 藤"], ["a\u200db"]):
            array = pa.array([name.encode() for name in (*others, account, *others)], pa.large_binary())
            if outcome(account):
                assert ledger_bulk._checked_accounts(array).to_pylist()[len(others)] == new_account(account).encode()
            else:
                with pytest.raises(ledger_bulk._IrregularError):
                    ledger_bulk._checked_accounts(array)
