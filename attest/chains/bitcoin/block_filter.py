"""Compact block filters (BIP-158, basic): the scripts that a block pays to or spends from, in 20 bits each.

A filter never leaves out a script of its block, and holds one that is not of its block by chance: one in 784,931.
Filters are matched here and not by the node, because the key is the block's hash: bitcoind reads that hash from the
file in which the filter lies and does not check it, so one flipped bit there makes its `scanblocks` find nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt

from attest.errors import MalformedError

_P: Final = 19  # bits of a remainder
_M: Final = 784931  # one in so many other scripts is found by chance
_COMPACT_SIZES: Final = {0xFD: 2, 0xFE: 4, 0xFF: 8}
_OCTET: Final = 8  # bits
_WORD: Final = 8  # bytes of SipHash's words
_TOGETHER: Final = 8192  # scripts hashed at once: their words stay in the processor's cache

Words = npt.NDArray[np.uint64]


def filter_header(content: bytes, previous: bytes) -> bytes:
    """The header of the filter `content` on the header `previous`, both in the byte order that nodes show (BIP-157)."""
    return _double_sha256(_double_sha256(content) + previous[::-1])[::-1]


class Scripts:
    """Scripts that are looked for in many blocks. They are not empty, since no filter holds an empty script."""

    def __init__(self, scripts: Iterable[bytes]) -> None:
        by_length: dict[int, list[bytes]] = {}
        for script in scripts:
            by_length.setdefault(len(script), []).append(_padded(script))
        parts = (group[at : at + _TOGETHER] for group in by_length.values() for at in range(0, len(group), _TOGETHER))
        self._groups = [
            np.ascontiguousarray(np.frombuffer(b"".join(part), "<u8").reshape(len(part), -1).T) for part in parts
        ]

    def may_be_in(self, content: bytes, block_hash: bytes) -> bool:
        """Whether the block of this filter may pay to one of the scripts, or spend what paid to one.

        `block_hash` is in the byte order that explorers show. Raises `MalformedError` when `content` is no filter.
        """
        values = _values(content)
        if not len(values):
            return False
        key = block_hash[::-1]
        k0, k1 = (int.from_bytes(key[at : at + _WORD], "little") for at in (0, _WORD))
        for group in self._groups:
            sought = _scaled(siphash(group, k0, k1), len(values) * _M)
            places = np.searchsorted(values, sought)
            if bool((values[np.minimum(places, len(values) - 1)] == sought).any()):
                return True
        return False


def siphash(words: Words, k0: int, k1: int) -> Words:
    """SipHash-2-4 of messages of one length: each is a column of `words`, its length in the last one's high byte."""
    mask = 2**64 - 1
    initial = (0x736F6D6570736575 ^ k0, 0x646F72616E646F6D ^ k1, 0x6C7967656E657261 ^ k0, 0x7465646279746573 ^ k1)
    v0, v1, v2, v3 = (np.full(words.shape[1], value & mask, np.uint64) for value in initial)
    for word in words:
        v3 ^= word
        v0, v1, v2, v3 = _rounds(2, v0, v1, v2, v3)
        v0 ^= word
    v2 ^= np.uint64(0xFF)
    v0, v1, v2, v3 = _rounds(4, v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def _rounds(count: int, v0: Words, v1: Words, v2: Words, v3: Words) -> tuple[Words, Words, Words, Words]:
    for _ in range(count):
        v0 = v0 + v1
        v2 = v2 + v3
        v1 = _rotated(v1, 13) ^ v0
        v3 = _rotated(v3, 16) ^ v2
        v0 = _rotated(v0, 32) + v3
        v2 = v2 + v1
        v3 = _rotated(v3, 21) ^ v0
        v1 = _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(value: Words, bits: int) -> Words:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


def _padded(message: bytes) -> bytes:
    """A message in whole words, the last of which ends with its length."""
    padding = -(len(message) + 1) % _WORD
    return message + bytes(padding) + bytes([len(message) & 0xFF])


def _scaled(hashes: Words, size: int) -> Words:
    """Each hash of 64 bits as a number below `size`: the upper half of their product, which has 128 bits."""
    low_half, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    hash_high, hash_low = hashes >> half, hashes & low_half
    size_high, size_low = np.uint64(size >> 32), np.uint64(size & 0xFFFFFFFF)
    middle = hash_high * size_low + ((hash_low * size_low) >> half)
    other = hash_low * size_high + (middle & low_half)
    scaled: Words = hash_high * size_high + (middle >> half) + (other >> half)
    return scaled


def _values(content: bytes) -> Words:
    """The numbers of a filter, ascending: a count, then Golomb-Rice codes of the differences."""
    count, start = _count(content)
    coded = content[start:]
    bits = np.unpackbits(np.frombuffer(coded, np.uint8)).tobytes()
    ends, at = [], 0
    for _ in range(count):  # a quotient is so many ones and a zero, and a remainder of P bits follows
        end = bits.find(0, at)
        at = end + 1 + _P
        if end < 0 or at > len(bits):
            raise _no_filter()
        ends.append(end)
    if len(bits) - at >= _OCTET or any(bits[at:]):
        raise _no_filter()
    zeros = np.array(ends, np.int64)
    quotients = np.diff(zeros, prepend=-1 - _P) - 1 - _P
    return np.cumsum(quotients.astype(np.uint64) << np.uint64(_P) | _remainders(coded, zeros + 1), dtype=np.uint64)


def _remainders(coded: bytes, places: npt.NDArray[np.int64]) -> Words:
    """The P bits at each of the `places`, which lie in the four bytes from the first one's on."""
    octets = np.frombuffer(coded + bytes(3), np.uint8).astype(np.uint64)
    first = places >> 3
    joined = sum((octets[first + at] << np.uint64(8 * (3 - at)) for at in range(4)), np.zeros(len(places), np.uint64))
    shift = (32 - _P - (places & 7)).astype(np.uint64)
    return (joined >> shift) & np.uint64(2**_P - 1)


def _count(content: bytes) -> tuple[int, int]:
    """How many numbers a filter says that it has, in Bitcoin's CompactSize, and where the first one begins."""
    if not content:
        raise _no_filter()
    size = _COMPACT_SIZES.get(content[0], 0)
    number = content[1 : 1 + size] if size else content[:1]
    if size and len(number) != size:
        raise _no_filter()
    return int.from_bytes(number, "little"), 1 + size


def _double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def _no_filter() -> MalformedError:
    return MalformedError("bitcoin/filter", "a block filter is not coded as BIP-158 says")
