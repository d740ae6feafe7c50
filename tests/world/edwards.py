"""Edwards25519 by the formulas of RFC 8032 alone, to make keys and signatures that no library makes."""

from __future__ import annotations

from hashlib import sha512
from typing import Final

FIELD: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, FIELD) % FIELD
_ROOT_OF_MINUS_ONE: Final = pow(2, (FIELD - 1) // 4, FIELD)

Point = tuple[int, int]
"""x and y."""


def add(one: Point, other: Point) -> Point:
    return _affine(_sum(_extended(one), _extended(other)))


def times(scalar: int, point: Point) -> Point:
    total, power = (0, 1, 1, 0), _extended(point)
    while scalar:
        if scalar & 1:
            total = _sum(total, power)
        power, scalar = _sum(power, power), scalar >> 1
    return _affine(total)


_Extended = tuple[int, int, int, int]


def _extended(point: Point) -> _Extended:
    x, y = point
    return x, y, 1, x * y % FIELD


def _affine(point: _Extended) -> Point:
    inverse = pow(point[2], -1, FIELD)
    return point[0] * inverse % FIELD, point[1] * inverse % FIELD


def _sum(one: _Extended, other: _Extended) -> _Extended:
    a = (one[1] - one[0]) * (other[1] - other[0]) % FIELD
    b = (one[1] + one[0]) * (other[1] + other[0]) % FIELD
    c = 2 * _D * one[3] * other[3] % FIELD
    d = 2 * one[2] * other[2] % FIELD
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def decode(raw: bytes) -> Point | None:
    """The point with this encoding, or None when it is not the one form of a point of the curve."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y % 2**255
    square = (y * y - 1) * pow(_D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * _ROOT_OF_MINUS_ONE % FIELD
    if y >= FIELD or (x * x - square) % FIELD or (x == 0 and sign):
        return None
    return (x if x % 2 == sign else FIELD - x), y


def encode(point: Point) -> bytes:
    x, y = point
    return (y + (x % 2 << 255)).to_bytes(32, "little")


def challenge(commitment: bytes, key: bytes, message: bytes) -> int:
    """k of RFC 8032, over the bytes as they are given."""
    return int.from_bytes(sha512(commitment + key + message).digest(), "little")


def is_key(raw: bytes) -> bool:
    """Whether these bytes are a public key of protocol.md, section 7."""
    point = decode(raw)
    return point is not None and point != (0, 1) and times(ORDER, point) == (0, 1)


def is_signature(signature: bytes, raw: bytes, message: bytes) -> bool:
    """Whether R ‖ S is a signature of the key `raw` over `message`, as protocol.md, section 7, has it."""
    point = decode(raw)
    commitment, scalar = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or scalar >= ORDER:
        return False
    minus = (FIELD - point[0], point[1])
    return encode(add(times(scalar, BASE), times(challenge(commitment, raw, message), minus))) == commitment


def _base() -> Point:
    found = decode((4 * pow(5, -1, FIELD) % FIELD).to_bytes(32, "little"))
    assert found is not None
    return found


def _eighth() -> Point:
    """A point of order 8: what is left of one outside the subgroup of prime order."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        if point is not None and times(4, torsion := times(ORDER, point)) != (0, 1):
            return torsion
        y += 1


BASE: Final = _base()
EIGHTH: Final = _eighth()
SMALL: Final = tuple(times(i, EIGHTH) for i in range(8))
"""The eight points of small order; the first is the neutral element, the i-th has order 8 / gcd(8, i)."""


def forged(secret: int, nonce: int, message: bytes, *, key: Point | None = None, extra: Point = (0, 1)) -> bytes:
    """R ‖ S with R = [nonce]B + `extra` and the S that fits `secret`, for the key [secret]B, or another `key`."""
    public = encode(times(secret, BASE) if key is None else key)
    commitment = encode(add(times(nonce, BASE), extra))
    return closed(commitment, public, message, secret, nonce)


def closed(commitment: bytes, public: bytes, message: bytes, secret: int, nonce: int) -> bytes:
    """R ‖ S for the bytes of R and of the key as they are given."""
    scalar = (nonce + challenge(commitment, public, message) * secret) % ORDER
    return commitment + scalar.to_bytes(32, "little")
