"""The text of an output descriptor as the register writes it, and the checksum behind it (BIP-380)."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from attest.errors import MalformedError

_WHITE: Final = " \t\r\n\v\f\u00a0\ufeff"
_AROUND: Final = re.compile(rf"[{_WHITE}]*([][,(){{}}])[{_WHITE}]*")
_INPUT_CHARACTERS: Final = (
    "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
)
_CHECKSUM_CHARACTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_CHECKSUM_LENGTH: Final = 8


def one_spelling(text: str) -> str:
    """A descriptor as attest writes it: without white space at its ends and around brackets and commas.

    Wallets and editors put it there; it changes no script. A checksum that fits the text with it becomes that of the
    text without it. The register holds no other spelling, and none else is published.
    """
    body, mark, checksum = text.strip(_WHITE).partition("#")
    body = body.strip(_WHITE)
    plain = _AROUND.sub(r"\1", body)
    if mark and plain != body:
        with suppress(MalformedError):  # of the text as it was, no checksum may exist
            checksum = checksum_of(plain) if checksum == checksum_of(body) else checksum
    return plain + mark + checksum


def checksum_of(text: str) -> str:
    """The checksum of a descriptor's text before the # (BIP-380). Raises `MalformedError` for a foreign character."""
    symbols: list[int] = []
    groups: list[int] = []
    for character in text:
        if (position := _INPUT_CHARACTERS.find(character)) < 0:
            raise MalformedError("bitcoin/descriptor", f"no descriptor has the character {character!r}")
        symbols.append(position % 32)
        groups.append(position // 32)
        if len(groups) == 3:  # noqa: PLR2004 (three groups make a symbol)
            symbols.append(groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if groups:
        symbols.append(groups[0] if len(groups) == 1 else groups[0] * 3 + groups[1])
    state = 1
    for symbol in (*symbols, *[0] * _CHECKSUM_LENGTH):
        top = state >> 35
        state = ((state & 0x7FFFFFFFF) << 5) ^ symbol
        for bit, value in enumerate(_GENERATOR):
            if top >> bit & 1:
                state ^= value
    state ^= 1
    return "".join(_CHECKSUM_CHARACTERS[state >> 5 * (7 - place) & 31] for place in range(_CHECKSUM_LENGTH))
