"""The times of pinned blocks: near the snapshot, or far from it for a stated reason (protocol.md, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from attest.chains.namespaces import ChainId
from attest.chains.wallets import Pin
from attest.documents import Count, Digest, Document, Text, Time, format_time
from attest.errors import MalformedError, VerificationError

MAX_DISTANCE: Final = timedelta(hours=24)


class StatedPin(Document):
    """A pin in a statement: the block at which the balances of one chain were read.

    `chain`: the name of the chain.
    `height`: the height of the block.
    `block_hash`: its hash, 32 bytes in the order that explorers show.
    `time`: its time.
    `reason`: why the block lies more than 24 hours from the snapshot; else absent in JSON and empty in Python.
    """

    chain: ChainId
    height: Count
    block_hash: Digest
    time: Time
    reason: Text = ""

    @property
    def pin(self) -> Pin:
        """The pin without its reason, for comparison with a node's block."""
        return Pin(chain=self.chain, height=self.height, block_hash=self.block_hash, time=self.time)


def far_pins(pins: Iterable[StatedPin], snapshot_at: datetime) -> Iterator[str]:
    """Sentences for people, one for each pin that lies more than 24 hours from the snapshot, with its reason.

    `snapshot_at`: the time of the snapshot.
    Raises `VerificationError` for a far pin without a reason.
    """
    for stated in pins:
        if not _is_far(stated.pin, snapshot_at):
            continue
        where = f"{stated.chain} is read at a block of {format_time(stated.time)}, {_distance(stated.pin, snapshot_at)}"
        if not stated.reason:
            raise VerificationError("statement/pin-time", f"{where}, which is more than 24 hours, and says no reason")
        yield f"{where}; the reason that the exchange gives: {stated.reason}"


def state_pins(pins: Iterable[Pin], snapshot_at: datetime, reasons: Mapping[str, str | None]) -> tuple[StatedPin, ...]:
    """The pins for a statement, ascending by chain.

    `snapshot_at`: the time of the snapshot.
    `reasons`: the reason for each chain whose pin may lie more than 24 hours from it; nearer pins get none.
    """
    stated = []
    for pin in sorted(pins, key=lambda pin: pin.chain):
        near = StatedPin(chain=pin.chain, height=pin.height, block_hash=pin.block_hash, time=pin.time)
        reason = reasons.get(pin.chain)
        stated.append(near.model_copy(update={"reason": reason}) if reason and _is_far(pin, snapshot_at) else near)
    return tuple(stated)


def refuse_far_pins(pins: Iterable[StatedPin], snapshot_at: datetime) -> None:
    """Raise `MalformedError` for a pin that lies more than 24 hours from the snapshot and has no reason."""
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
    """The distance of a pin from the snapshot for people, such as `1 day, 0:00:01 after the snapshot`."""
    return f"{abs(pin.time - snapshot_at)} {'before' if pin.time < snapshot_at else 'after'} the snapshot"
