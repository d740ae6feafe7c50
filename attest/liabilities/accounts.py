"""Accounts: the identifiers that customers know, in the one spelling that is hashed (protocol.md, section 1)."""

from __future__ import annotations

import unicodedata
from typing import Final

from attest.errors import MalformedError, UnavailableError

MAX_ACCOUNT_BYTES: Final = 256  # of UTF-8 in NFC
# A longer text is refused without NFC, because NFC leaves more than 256 of its bytes and needs quadratic time for a
# long run of accents.
_MAX_BYTES_BEFORE_NFC: Final = 4096
# The characters with which no account begins or ends: white space of Unicode and the byte order mark. They are refused
# because nobody sees them there, so a customer could not type the account.
EDGES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_UNASSIGNED: Final = "Cn"
_SHOWN: Final = 40  # characters of an account that an error shows


def normalise_account(account: str, *, show: bool = True) -> str:
    """The account in NFC, 1 to `MAX_ACCOUNT_BYTES` bytes of UTF-8 (protocol.md, section 1).

    `show`: whether errors show the account.
    Raises `MalformedError` for another length, a lone surrogate, a control character, and white space or a byte order
    mark at an end.
    """
    if len(account.encode("utf-8", "surrogatepass")) <= _MAX_BYTES_BEFORE_NFC:
        account = unicodedata.normalize("NFC", account)
    shown = f"account {account[:_SHOWN]!r}" if show else "the account"
    try:
        length = len(account.encode())
    except UnicodeEncodeError as error:
        raise MalformedError(
            "account/malformed",
            f"{shown} has the lone surrogate U+{ord(account[error.start]):04X}, so it is not Unicode text",
            hint="write it in UTF-8",
        ) from None
    if not 1 <= length <= MAX_ACCOUNT_BYTES:
        raise MalformedError(
            "account/malformed",
            f"{shown} has {length} bytes of UTF-8; 1 to {MAX_ACCOUNT_BYTES} are allowed",
            hint="name the customer by a shorter identifier that they know" if length else "every row names a customer",
        )
    for where, character in (("begins", account[0]), ("ends", account[-1])):
        if character in EDGES:
            raise MalformedError(
                "account/malformed",
                f"{shown} {where} with {_named(character)}; no account begins or ends with white space or a "
                "byte order mark",
                hint="take the character away",
            )
    for character in account:
        if unicodedata.category(character) == "Cc":  # U+0000-001F and 007F-009F, in every version of Unicode
            raise MalformedError(
                "account/malformed",
                f"{shown} has the control character {_named(character)}",
                hint="take the character away",
            )
    return account


def new_account(account: str, *, show: bool = True) -> str:
    """The account in NFC, for a tree that is built now.

    `show`: whether errors show the account.
    Raises `MalformedError` as `normalise_account` does, and `UnavailableError` for a code point that this Python's
    Unicode has not assigned, because a later Unicode may give it another NFC, in which no proof of the account would
    hold. A verifier does not refuse those code points.
    """
    account = normalise_account(account, show=show)
    for character in account:
        if unicodedata.category(character) == _UNASSIGNED:
            shown = f"account {account[:_SHOWN]!r}" if show else "the account"
            raise UnavailableError(
                "account/unassigned",
                f"{shown} has U+{ord(character):04X}, which Unicode {unicodedata.unidata_version} "
                "of this Python has not assigned",
                hint="if a newer Unicode has the character, use a Python that knows it; else correct the account",
            )
    return account


def are_sound(text: str) -> bool:
    """Whether `new_account` accepts the characters of every account in `text`; lengths are not checked.

    `text`: accounts in NFC, each with a line feed before and after it.
    """
    # `isprintable` is asked first, because it is fast: printable text has no control character, no unassigned code
    # point and no space but U+0020.
    characters = {" ", "\u3000"}
    if not text.replace("\n", "").replace("\u3000", "").isprintable():
        characters = set(text) - {"\n"}
        if not {unicodedata.category(character) for character in characters}.isdisjoint(("Cc", _UNASSIGNED)):
            return False
    return not any(f"\n{edge}" in text or f"{edge}\n" in text for edge in characters.intersection(EDGES))


def _named(character: str) -> str:
    """The code point and name of a character, like `U+FEFF ZERO WIDTH NO-BREAK SPACE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
