"""Files as wallets and editors write them, and what is told when one names another text or address."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.challenge import Challenge
from attest.chains.signature_files import Written, check_named, parse_written
from attest.errors import AttestError, MalformedError, VerificationError

SIGNATURE = "H" + "abcdefgh+/" * 8 + "abcdef="
HEX = "0x" + "1b" * 65
R, S = "0x" + "ab" * 32, "0x" + "00" + "cd" * 31
LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98"


def challenge(**fields: Any) -> Challenge:
    fields = {
        "chain": "bip122:000000000019d6689c085ae165831e93",
        "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        **fields,
    }
    return Challenge(entity="x.example", period="2026-10", height=1, block_hash=bytes(32), nonce="-", **fields)


CHALLENGE = challenge()
ADDRESS, TEXT = CHALLENGE.address, CHALLENGE.text
BEGIN, MIDDLE, END = (
    f"-----{line}-----" for line in ("BEGIN BITCOIN SIGNED MESSAGE", "BEGIN BITCOIN SIGNATURE", "END BITCOIN SIGNATURE")
)


def wrapped(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


# The file of each kind, and whether it names its text and address.
FILES: dict[str, tuple[str, bool, bool]] = {
    "the signature alone": (SIGNATURE, False, False),
    "with a line feed": (SIGNATURE + "\n", False, False),
    "with several, of Windows": (f"\r\n{SIGNATURE}\r\n\r\n", False, False),
    "wrapped at 64": (wrapped(SIGNATURE, 64), False, False),
    "wrapped at 76, of Windows": (wrapped(SIGNATURE, 76).replace("\n", "\r\n"), False, False),
    "wrapped at 20": (wrapped(SIGNATURE, 20), False, False),
    "with spaces": (f"  {wrapped(SIGNATURE, 30)}\t", False, False),
    "in quotes": (f'"{SIGNATURE}"', False, False),
    "in single quotes": (f"'{SIGNATURE}'\n", False, False),
    "in backquotes": (f"`{SIGNATURE}`", False, False),
    "armour of Coldcard": (f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{ADDRESS}\n{SIGNATURE}\n{END}\n", True, True),
    "armour of Windows": (
        f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{ADDRESS}\n{SIGNATURE}\n{END}\n".replace("\n", "\r\n"),
        True,
        True,
    ),
    "armour, wrapped": (f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{ADDRESS}\n{wrapped(SIGNATURE, 64)}\n{END}", True, True),
    "armour of Trezor Suite": (
        f"{BEGIN}\n{TEXT}\n-----BEGIN SIGNATURE-----\n{ADDRESS}\n{SIGNATURE}\n-----END BITCOIN SIGNED MESSAGE-----",
        True,
        True,
    ),
    "armour with headers": (
        f"{BEGIN}\n{TEXT}\n{MIDDLE}\nVersion: MultiBit (0.5)\nComment: x\nAddress: {ADDRESS}\n\n{SIGNATURE}\n{END}",
        True,
        True,
    ),
    "armour with empty lines": (f"{BEGIN}\n\n{TEXT}\n\n{MIDDLE}\n\n{ADDRESS}\n\n{SIGNATURE}\n\n{END}\n\n", True, True),
    "armour with four dashes": (
        f"----BEGIN SIGNED MESSAGE----\n{TEXT}\n----BEGIN SIGNATURE----\n{ADDRESS}\n{SIGNATURE}\n----END MESSAGE----",
        True,
        True,
    ),
    "armour of another coin": (
        f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{ADDRESS}\n{SIGNATURE}\n{END}".replace("BITCOIN", "LITECOIN"),
        True,
        True,
    ),
    "armour without an address": (f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{SIGNATURE}\n{END}", True, False),
    "armour without a text": (f"{MIDDLE}\n{ADDRESS}\n{SIGNATURE}\n{END}", False, True),
    "armour without an end": (f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{ADDRESS}\n{SIGNATURE}", True, True),
    "JSON": (json.dumps({"address": ADDRESS, "msg": TEXT, "sig": SIGNATURE, "version": "2"}), True, True),
    "JSON, indented": (json.dumps({"address": ADDRESS, "msg": TEXT, "sig": SIGNATURE}, indent=2), True, True),
    "JSON with line feeds in a string": (
        json.dumps({"address": ADDRESS, "message": TEXT, "signature": SIGNATURE}).replace("\\n", "\n"),
        True,
        True,
    ),
    "JSON with the text in hex": (json.dumps({"msg": "0x" + TEXT.encode().hex(), "sig": SIGNATURE}), True, False),
    "JSON in capitals": (json.dumps({"Address": ADDRESS, "Message": TEXT, "Signature": SIGNATURE}), True, True),
    "JSON of trezorctl": (json.dumps({"message": TEXT, "address": ADDRESS, "signature": SIGNATURE}), True, True),
    "JSON of Trezor Connect": (
        json.dumps({"success": True, "payload": {"address": ADDRESS, "signature": SIGNATURE}}),
        False,
        True,
    ),
    "JSON of a node": (json.dumps({"jsonrpc": "2.0", "id": 1, "result": SIGNATURE}), False, False),
    "JSON with more in it": (json.dumps({"sig": SIGNATURE, "signer": "MEW", "version": 3}), False, False),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("case", FILES)
def test_the_signature_is_found_in_every_file(case: str, encoding: str) -> None:
    text, names_text, names_address = FILES[case]
    written = parse_written(text.encode(encoding))
    assert written.signature == SIGNATURE
    assert (written.message is not None, written.address) == (names_text, ADDRESS if names_address else None)
    check_named(CHALLENGE, written)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"r": R, "s": S, "v": 27}, R + S[2:] + "1b"),
        ({"r": R, "s": S, "v": "0x1c"}, R + S[2:] + "1c"),
        ({"r": R, "s": S, "v": "28"}, R + S[2:] + "1c"),
        ({"r": R, "s": S, "v": "1b"}, R + S[2:] + "1b"),
        ({"r": R[2:], "s": S[2:], "v": 0}, R + S[2:] + "00"),
        ({"r": R, "s": "0x" + S[4:], "v": "1"}, R + S[2:] + "01"),  # a number without its first zeros
        ({"r": int(R, 16), "s": int(S, 16), "yParity": 1}, R + S[2:] + "01"),
        ({"r": R, "s": S}, R + S[2:]),
        ({"signature": {"fullSig": R[2:] + S[2:], "r": R[2:], "s": S[2:], "v": 1}}, R + S[2:] + "01"),
        ({"signature": {"fullSig": HEX}}, HEX),
    ],
)
def test_r_s_and_v_apart_are_put_together(fields: dict[str, Any], found: str) -> None:
    assert parse_written(json.dumps(fields).encode()).signature == found


NOTHING: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \r\n",
    "a byte order mark": b"\xef\xbb\xbf",
    "that of UTF-16": b"\xff\xfe",
    "a binary file": b"\x89PNG\r\n",
    "half of a character of UTF-16": b"\xff\xfea",
    "armour without a signature": f"{BEGIN}\n{TEXT}\n".encode(),
    "JSON that is cut off": b'{"sig": "0x',
    "JSON without a signature": b'{"address": "x"}',
    "JSON with something else there": b'{"sig": 5}',
    "a list": b'["0x00"]',
    "r without s": json.dumps({"r": R}).encode(),
    "r that is too long": json.dumps({"r": R + "00", "s": S}).encode(),
    "v that is too long": json.dumps({"r": R, "s": S, "v": 1000}).encode(),
    "deep JSON": b"[" * 100_000,
    "a long number": b'{"r": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_file_without_a_signature_says_so_and_what_to_do(case: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_written(NOTHING[case])
    assert (caught.value.code, caught.value.hint is not None) == ("control/malformed", True)


OTHER_TEXTS: dict[str, tuple[Callable[[str], str], str]] = {
    "another period": (
        lambda text: text.replace("2026-10", "2026-09"),
        "its line 3 is 'period: 2026-09', and that of the challenge is 'period: 2026-10'",
    ),
    "another address": (lambda text: text.replace(ADDRESS, "1Q"), "its line 5 is 'address: 1Q'"),
    "a line less": (lambda text: text.rpartition("\n")[0], "has 6 lines, and that of the challenge has 7"),
    "a line more": (lambda text: text + "\nand more", "has 8 lines, and that of the challenge has 7"),
    "one long line": (lambda text: text.replace("\n", " "), "its line 1 is 'attest/v1 proof of control entity: x"),
    "nothing": (lambda _: "", "has 0 lines"),
}


@pytest.mark.parametrize("case", OTHER_TEXTS)
def test_a_file_of_another_text_says_which_line_is_other(case: str) -> None:
    change, said = OTHER_TEXTS[case]
    for file in (
        f"{BEGIN}\n{change(TEXT)}\n{MIDDLE}\n{ADDRESS}\n{SIGNATURE}\n{END}",
        json.dumps({"msg": change(TEXT) or " ", "sig": SIGNATURE}),
    ):
        with pytest.raises(VerificationError) as caught:
            check_named(CHALLENGE, parse_written(file.encode()))
        assert caught.value.code == "control/other-message"
        assert said in caught.value.message


@pytest.mark.parametrize("other", ["mtHSVByP9EYZmB26jASDdPVm19gvpecb5R", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"])
def test_a_file_of_another_address_names_both(other: str) -> None:
    file = f"{BEGIN}\n{TEXT}\n{MIDDLE}\n{other}\n{SIGNATURE}\n{END}"
    with pytest.raises(
        VerificationError, match=f"says that {other} signed, and the challenge is for {ADDRESS}"
    ) as caught:
        check_named(CHALLENGE, parse_written(file.encode()))
    assert caught.value.code == "control/other-address"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            challenge(address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        ),
        (
            challenge(chain=LITECOIN, address="M7zVKQKmtV5Rc7erVGVVC3khZbXxsS5HEX"),
            "31nM1WuowNDzocNxPPW9NQWJEtwWpjfcLj",
        ),
        (challenge(chain="eip155:1", address="0x" + "aB" * 20), "0x" + "ab" * 20),
        (challenge(chain="eip155:1", address="0x" + "aB" * 20), "AB" * 20),
    ],
)
def test_an_address_is_known_in_another_spelling(asked: Challenge, named: str) -> None:
    check_named(asked, Written("", None, named))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.from_regex(r"[\[{\"].*").map(str.encode))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    with suppress(AttestError):
        check_named(CHALLENGE, parse_written(data))
