"""What a Bitcoin block header says by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

HEADER_BYTES: Final = 80
_PREVIOUS: Final = slice(4, 36)
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
