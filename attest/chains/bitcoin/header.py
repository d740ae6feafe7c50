"""What a Bitcoin block header says by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

HEADER_BYTES: Final = 80
_MAINNET: Final = "bip122:000000000019d6689c085ae165831e93"
_WORK_BITS: Final = 70
_PREVIOUS: Final = slice(4, 36)
_MERKLE_ROOT: Final = slice(36, 68)
_TIME: Final = slice(68, 72)


def header_hash(header: bytes) -> bytes:
    """The block hash of an 80-byte header, in the byte order that explorers show."""
    return sha256(sha256(header).digest()).digest()[::-1]


def header_time(header: bytes) -> datetime:
    """The time its miner gave the block."""
    return datetime.fromtimestamp(int.from_bytes(header[_TIME], "little"), UTC)


def previous_hash(header: bytes) -> bytes:
    """The hash of the block before, in the byte order that explorers show."""
    return header[_PREVIOUS][::-1]


def lists_exactly(header: bytes, txids: Sequence[bytes]) -> bool:
    """Whether a block's transactions are `txids`, in this order and in the byte order that explorers show."""
    row = [txid[::-1] for txid in txids]
    while len(row) > 1:
        if len(row) % 2:
            row.append(row[-1])
        row = [sha256(sha256(row[at] + row[at + 1]).digest()).digest() for at in range(0, len(row), 2)]
    return row == [header[_MERKLE_ROOT]]


def has_work(chain: str, block_hash: bytes) -> bool:
    """Whether a block hash of Bitcoin's main network cost what no one pays for a forged header; true elsewhere.

    Every block since 2018 has more than 70 leading zero bits: 2^70 hashes, at the least.
    """
    return chain != _MAINNET or int.from_bytes(block_hash) >> (256 - _WORK_BITS) == 0
