"""How a node stores numbers and scripts of unspent outputs (Bitcoin Core, src/serialize.h and src/compressor.cpp).

What reads takes a buffer that goes on far enough, and a place in it; it raises `BrokenError` for what no node stores.
"""

from __future__ import annotations

from typing import Final

MAX_SCRIPT_BYTES: Final = 10_000  # a longer script cannot be spent, and is not kept

MORE: Final = 0x80  # in a varint: another byte follows
WIDE: Final = 0xFD  # in a compact size, from here on: the number is in the bytes that follow
_WIDTHS: Final = {0xFD: (2, WIDE), 0xFE: (4, 2**16), 0xFF: (8, 2**32)}  # how many, and the least number there

# What a stored script begins with: the kind of one that is stored in short, or its size and the number of such kinds.
KEY_HASH: Final = 0
SCRIPT_HASH: Final = 1
_UNCOMPRESSED: Final = 4  # and 5; 2 and 3 are the compressed keys, stored by their first byte
KINDS: Final = 6
_X_BYTES: Final = 32
_CHECKSIG: Final = b"\xac"


class BrokenError(Exception):
    """Bytes that no node stores: what is wrong, and where in the buffer."""

    def __init__(self, place: int, text: str) -> None:
        super().__init__(text)
        self.place = place


def compact_size(data: bytes, place: int) -> tuple[int, int]:
    """A number as messages have it (CompactSize), and the place behind it."""
    if data[place] < WIDE:
        return data[place], place + 1
    size, least = _WIDTHS[data[place]]
    end = place + 1 + size
    number = int.from_bytes(data[place + 1 : end], "little")
    if number < least:
        raise BrokenError(place, "a number takes more bytes than it needs")
    return number, end


def varint(data: bytes, place: int, limit: int) -> tuple[int, int]:
    """A number as the database has it (VARINT), which no other bytes stand for, and the place behind it."""
    begin, number = place, 0
    while True:
        byte = data[place]
        place += 1
        number = number << 7 | byte & 0x7F
        if byte >= MORE:
            number += 1
        if number > limit:
            raise BrokenError(begin, f"a number is larger than {limit}")
        if byte < MORE:
            return number, place


def varint_bytes(number: int) -> bytes:
    """The varint of a number; no bytes, which sort before all others, for one below zero."""
    encoded = b""
    while number >= 0:
        encoded = bytes((number & 0x7F | (MORE if encoded else 0),)) + encoded
        number = (number >> 7) - 1
    return encoded


def stored_script(data: bytes, place: int) -> tuple[bytes, int]:
    """A script of a public key, or of any size, and the place behind it (DecompressScript)."""
    begin = place
    kind, place = varint(data, place, MAX_SCRIPT_BYTES + KINDS)
    if kind >= KINDS:
        end = place + kind - KINDS
        return data[place:end], end
    end = place + _X_BYTES
    x = data[place:end]
    if kind < _UNCOMPRESSED:
        # Only the form of a compressed key is looked at when it is stored, so it need not be on the curve.
        return b"\x21" + bytes((kind,)) + x + _CHECKSIG, end
    return b"\x41" + _uncompressed(bytes((kind - 2,)) + x, begin) + _CHECKSIG, end


def _uncompressed(key: bytes, place: int) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        point = EllipticCurvePublicKey.from_encoded_point(SECP256K1(), key)
    except ValueError:
        raise BrokenError(place, "a public key is not on the curve") from None
    return point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def sized(script: bytes) -> bytes:
    """A script behind its compact size."""
    size = len(script)
    return (bytes((size,)) if size < WIDE else b"\xfd" + size.to_bytes(2, "little")) + script
