"""How the one block of a chain is chosen at which every balance is read, before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeVar

from attest.chains.wallets import Pin
from attest.documents import format_time
from attest.errors import UnavailableError, VerificationError

# A node whose newest block is older does not follow its chain: Bitcoin has gaps of an hour or two, no longer ones.
MAX_TIP_AGE: Final = timedelta(hours=6)
BITCOIN_DEPTH: Final = 6  # confirmations of a Bitcoin block that nobody expects to go away

T = TypeVar("T")


class Confirmations(NamedTuple):
    """The block with so many confirmations; the tip has one."""

    depth: int


class Before(NamedTuple):
    """The last block whose header has a time before `instant`."""

    instant: datetime


Tag = Literal["finalized", "latest"]
PinRule = Tag | int | bytes | Confirmations | Before
"""A tag, a height, a block hash (32 bytes as explorers show it), a depth, or an instant."""


class Block(NamedTuple):
    """A block of a chain and the bytes of its header, which hash to the pin's block hash."""

    pin: Pin
    header: bytes


class PinLostError(VerificationError):
    """The pinned block is not on the chain (any more): what was read is void."""


def lost(node: str, pin: Pin) -> PinLostError:
    """The error of a node on whose chain another block stands in the place of `pin`."""
    return PinLostError(
        "pin/reorganised",
        f"node {node} has replaced the pinned block {pin.height} of {pin.chain}; what was read is void",
        hint="run again: another block is pinned then",
    )


def refuse_stale(node: str, tip: datetime, now: datetime, what: str = "block") -> None:
    """Raises `UnavailableError` when a node's newest block, or `what` it is, is of `tip` and the clock says `now`."""
    if now - tip > MAX_TIP_AGE:
        raise UnavailableError(
            "pin/stale",
            f"node {node} is behind: its newest {what} is of {format_time(tip)}",
            hint="let the node catch up, or pin a height, a hash or an instant",
        )


def not_reached(node: str, instant: datetime, settled: int) -> UnavailableError:
    """The error of a node whose chain does not yet show which block is the last before `instant`.

    It shows which is the last before `settled`, in Unix seconds: as long as from there to `instant` it will take.
    """
    return UnavailableError(
        "pin/not-reached",
        f"node {node}: its chain has not settled what the last block before {format_time(instant)} is",
        hint=f"run again in about {_about(int(instant.timestamp()) - settled)}, or sooner if the node still catches up",
    )


def _about(seconds: int) -> str:
    """A time to wait, rounded up: in minutes, beyond two hours in hours, beyond two days in days."""
    length, unit = next(
        (length, unit)
        for length, unit, most in ((60, "minute", 120), (3600, "hour", 48), (86400, "day", None))
        if most is None or seconds <= length * most
    )
    count = max(-(-seconds // length), 1)
    return f"{count:,} {unit}{'s' * (count > 1)}"


def height_at_depth(node: str, tip: int, depth: int) -> int:
    """The height of the block with `depth` confirmations. Raises `UnavailableError` when none has so many."""
    if depth > tip + 1:
        raise UnavailableError(
            "pin/not-reached", f"node {node}: no block has {depth} confirmations yet, its newest is at height {tip}"
        )
    return tip - depth + 1


def first_height(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first height in low..high at which `holds`, which stays true from there on and is true at `high`."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
