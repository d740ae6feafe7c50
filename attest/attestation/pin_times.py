"""When the blocks lie at which a month is read: near its snapshot, or for a reason elsewhere (protocol.md, 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from attest.chains.namespaces import ChainId
from attest.documents import Count, Digest, Document, Text, Time, format_time
from attest.errors import MalformedError, VerificationError
from attest.reserves.wallets import Pin

MAX_DISTANCE: Final = timedelta(hours=24)


class StatedPin(Document):
    """A pin as a statement has it. Unlike a `Pin`, which readers compare with a node's block, it has a `reason`.

    That says why the block lies more than 24 hours from the snapshot, and is absent where it does not.
    """

    chain: ChainId
    height: Count
    block_hash: Digest
    time: Time
    reason: Text = ""

    @property
    def pin(self) -> Pin:
        """The block alone."""
        return Pin(chain=self.chain, height=self.height, block_hash=self.block_hash, time=self.time)


def far_pins(pins: Iterable[StatedPin], snapshot_at: datetime) -> Iterator[str]:
    """A sentence for each block that lies more than 24 hours from the snapshot, for the reason that it gives.

    Raises `VerificationError` for a block that gives none.
    """
    for stated in pins:
        if not _is_far(stated.pin, snapshot_at):
            continue
        where = f"{stated.chain} is read at a block of {format_time(stated.time)}, {_distance(stated.pin, snapshot_at)}"
        if not stated.reason:
            raise VerificationError("statement/pin-time", f"{where}, which is more than 24 hours, and says no reason")
        yield f"{where}; the reason that the exchange gives: {stated.reason}"


def state_pins(pins: Iterable[Pin], snapshot_at: datetime, reasons: Mapping[str, str | None]) -> tuple[StatedPin, ...]:
    """The pins in ascending order; those far from the snapshot have the reason that `reasons` gives for their chain."""
    stated = []
    for pin in sorted(pins, key=lambda pin: pin.chain):
        near = StatedPin(chain=pin.chain, height=pin.height, block_hash=pin.block_hash, time=pin.time)
        reason = reasons.get(pin.chain)
        stated.append(near.model_copy(update={"reason": reason}) if reason and _is_far(pin, snapshot_at) else near)
    return tuple(stated)


def refuse_far_pins(pins: Iterable[StatedPin], snapshot_at: datetime) -> None:
    """Raises `MalformedError` for a pin that lies far from the snapshot and gives no reason."""
    for stated in pins:
        if _is_far(stated.pin, snapshot_at) and not stated.reason:
            raise MalformedError(
                "pin/far",
                f"block {stated.height} of {stated.chain} is of {format_time(stated.time)}, "
                f"{_distance(stated.pin, snapshot_at)} ({format_time(snapshot_at)}), which is more than 24 hours",
                hint='pin a block near it: pin = "period-end" in the [[chains]] table; or say there why this one is '
                'read, reason = "…": the statement tells it to everyone, and its step 8 is NOT MET',
            )


def _is_far(pin: Pin, snapshot_at: datetime) -> bool:
    return abs(pin.time - snapshot_at) > MAX_DISTANCE


def _distance(pin: Pin, snapshot_at: datetime) -> str:
    """`1 day, 0:00:01 after the snapshot`."""
    return f"{abs(pin.time - snapshot_at)} {'before' if pin.time < snapshot_at else 'after'} the snapshot"
