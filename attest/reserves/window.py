"""Blocks around the pin that an auditor's nonce draws, so that coins borrowed for the pin are missed there.

What the draw is to the byte, protocol.md says in section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from attest.chains.family import family
from attest.chains.records import HeaderRecord, Reading
from attest.chains.wallets import Level, Pin
from attest.errors import MalformedError
from attest.evidence.record import Record
from attest.merkle import tagged_hash

_TAG: Final = "attest/v1/window"


class Lowest(NamedTuple):
    """The least that customers' wallets on a chain held of an asset, in base units, and the height where it was so.

    `levels` are the levels of evidence that the amount there rests on.
    """

    amount: int
    height: int
    levels: tuple[Level, ...]


def draw(nonce: bytes, chain: str, pin: int, *, before: int, after: int, draws: int) -> tuple[int, ...]:
    """So many distinct heights out of pin - before to pin + after without the pin, ascending.

    Each is a hash of 256 bits modulo the number of heights, which is at most 2^21: none is likelier than another by
    more than one part in 2^235. Raises `MalformedError` when there are not so many heights, or the first is below 0.
    """
    if before > pin:
        raise MalformedError(
            "window/range", f"{chain}: a window that begins {before} blocks before block {pin} begins before the chain"
        )
    if draws > before + after:
        raise MalformedError("window/range", f"{chain}: {draws} of {before + after} blocks cannot be drawn")
    drawn: set[int] = set()
    number = 0
    while len(drawn) < draws:
        digest = tagged_hash(_TAG, nonce + chain.encode() + b"\x00" + number.to_bytes(4))
        height = pin - before + int.from_bytes(digest) % (before + after)
        drawn.add(height if height < pin else height + 1)
        number += 1
    return tuple(sorted(drawn))


def window_pin(record: HeaderRecord, height: int) -> Pin:
    """The block that a header is of, at the `height` where a window has it. Raises `VerificationError`."""
    header = family(record.chain).header(record.chain, record.header)
    return Pin(chain=record.chain, height=height, block_hash=header.block_hash, time=header.time)


def window_pins(records: Iterable[Record]) -> list[Pin]:
    """The blocks of windows whose headers are among `records`. Raises `VerificationError`."""
    return [
        window_pin(record, record.block)
        for record in records
        if isinstance(record, HeaderRecord) and record.block is not None
    ]


def lowest_counts(readings: Iterable[Reading], pins: Iterable[Pin]) -> dict[tuple[str, str], Lowest]:
    """By chain and asset the least that customers' wallets held, at the pin or at a block of the window.

    Where it was the same at several blocks, the pin stands for them, or else the first.
    """
    pinned = {pin.chain: pin.height for pin in pins}
    amounts: dict[tuple[str, str], dict[int | None, int]] = {}
    levels: dict[tuple[str, str, int | None], set[Level]] = {}
    for reading in readings:
        if reading.purpose == "customer":
            totals = amounts.setdefault((reading.chain, reading.asset), {})
            totals[reading.window] = totals.get(reading.window, 0) + reading.amount
            levels.setdefault((reading.chain, reading.asset, reading.window), set()).add(reading.level)
    result = {}
    for (chain, asset), totals in amounts.items():
        amount, _, height = min((total, at is not None, -1 if at is None else at) for at, total in totals.items())
        at = None if height < 0 else height
        result[chain, asset] = Lowest(
            amount, pinned[chain] if at is None else at, tuple(sorted(levels[chain, asset, at]))
        )
    return result
