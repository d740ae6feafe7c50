"""One chain, read as a whole: a pin on which the nodes agree, every balance there, and the pin again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attest.chains.family import BlockReader, Reader
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Block, PinLostError, PinRule
from attest.chains.records import Reading
from attest.chains.wallets import Pin, Wallet
from attest.documents import format_time
from attest.errors import UnavailableError
from attest.evidence.record import Record
from attest.reserves.journal import Journal, Shelf


def pin_block(reader: BlockReader, quorum: Quorum, rule: PinRule, now: datetime) -> Block:
    """The block of `rule` on the chain that at least `quorum.needed` nodes have.

    Nodes may be some blocks apart: the greatest height that so many reach is taken, so that a node which
    offers an old block cannot choose it; and of several blocks there the one that most nodes have, so that a node
    on a fork of its own cannot either. Raises `AttestError`.
    """
    quorum.require(reader.check_chain)
    # Once `needed` nodes offer one block, a slow node may be left out here: the others are fewer than `needed`, so
    # whatever they offer, the greatest height that so many reach stays this one. While offers differ all are waited
    # for: of two that came, a false one would choose an old block if the third, a sound one, were left out.
    offers = [answer.value.pin for answer in quorum.each(lambda node: reader.choose(node, rule, now))]
    height = sorted((pin.height for pin in offers), reverse=True)[quorum.needed - 1]
    pins = list(dict.fromkeys(pin for pin in offers if pin.height == height))
    pin = pins[0] if len(pins) == 1 else max(pins, key=lambda pin: _holders(reader, quorum, pin))
    return Block(pin, confirm_pin(reader, quorum, pin))


def _holders(reader: BlockReader, quorum: Quorum, pin: Pin) -> int:
    """How many nodes have `pin` on their chain; not to have it is no reason to go on without a node."""

    def has(node: Node) -> bool:
        try:
            reader.confirm(node, pin)
        except (PinLostError, UnavailableError):
            return False
        return True

    return sum(answer.value for answer in quorum.each(has))


def confirm_pin(reader: BlockReader, quorum: Quorum, pin: Pin) -> bytes:
    """The header of `pin`, on which enough nodes agree. Raises `PinLostError` when it is gone, `AttestError`."""
    return quorum.ask(lambda node: reader.confirm(node, pin), lambda *_: "has another header of the pinned block")


def read_chain(
    reader: Reader,
    quorum: Quorum,
    rule: PinRule,
    wallets: Sequence[Wallet],
    *,
    accept: Callable[[Pin], object] = lambda _: None,
    journal: Journal,
    now: datetime,
    progress: Callable[[int], None],
) -> tuple[Block, list[Record]]:
    """Pin a block, read every balance there, and see that it is still on the chain.

    `accept` raises an error for a pin at which nothing is to be read; one that was just chosen is not kept then.
    Returns the block, and as records its header, what the nodes agreed on, the readings, and what stands beside them.
    Raises `PinLostError` when what was read is void, `AttestError`.
    """
    pin = journal.pin(reader.chain)
    if pin is None:
        block = pin_block(reader, quorum, rule, now)
        accept(block.pin)
        journal.keep_pin(block.pin)
    else:
        accept(pin)
        if (kept := journal.agreement(reader.chain)) is not None:
            quorum.go_on_after(
                kept,
                journal.failed(reader.chain),
                lambda node: _check_kept(node, reader, wallets, journal),
                journal.path,
            )
        quorum.require(reader.check_chain)
        block = Block(pin, confirm_pin(reader, quorum, pin))
    readings = reader.read(quorum, block, wallets, journal, progress)
    confirm_pin(reader, quorum, block.pin)
    agreed = quorum.record()
    return block, [reader.header_record(block), agreed, *readings, *reader.beside(quorum, block, wallets, journal)]


def _check_kept(node: Node, reader: Reader, wallets: Sequence[Wallet], journal: Journal) -> None:
    """Ask `node`, which failed in an earlier run, for everything that `journal` keeps of a chain, at its blocks.

    Raises `VerificationError` when the node says otherwise than the others did, `PinLostError` when it does not have
    one of the blocks, `AttestError` when it does not answer.
    """
    reader.check_chain(node)
    for pin, records in journal.kept(reader.chain):
        reader.check_kept(node, Block(pin, reader.confirm(node, pin)), wallets, records)


def read_window(
    reader: Reader,
    quorum: Quorum,
    rule: PinRule,
    pin: Pin,
    heights: Sequence[int],
    wallets: Sequence[Wallet],
    *,
    journal: Journal,
    now: datetime,
    progress: Callable[[int], None],
) -> list[Record]:
    """Read every balance of `wallets` at each of the ascending `heights` around `pin`, as `read_chain` does there.

    Every record says which height it belongs to. The blocks up to the pin are as settled as the pin is; a later one is
    read when it is settled as `rule` has it. Raises `UnavailableError` when one is not yet, after all others were read
    and kept, `PinLostError` when one that was read is gone, `AttestError`.
    """
    reached = pin.height
    if heights[-1] > reached:
        settled = [answer.value for answer in quorum.each(lambda node: reader.settled(node, rule))]
        reached = max(reached, sorted(settled, reverse=True)[quorum.needed - 1])
    records: list[Record] = []
    done = 0
    for height in heights:
        if height > reached:
            raise _not_settled(reader, quorum, pin, [item for item in heights if item > reached], reached, now)
        kept = journal.window_pin(reader.chain, height)
        block = (
            pin_block(reader, quorum, height, now) if kept is None else Block(kept, confirm_pin(reader, quorum, kept))
        )
        if kept is None:
            journal.keep_window_pin(block.pin)
        read = reader.read(quorum, block, wallets, Shelf(journal, height), lambda so_far: progress(done + so_far))  # noqa: B023 (called at once)
        confirm_pin(reader, quorum, block.pin)
        readings = [record for record in read if isinstance(record, Reading)]
        done += len(readings)
        records += [
            record.model_copy(update={"window": height})
            for record in (reader.header_record(block), quorum.record(), *readings)
        ]
    return records


def _not_settled(
    reader: BlockReader, quorum: Quorum, pin: Pin, waiting: Sequence[int], reached: int, now: datetime
) -> UnavailableError:
    """The error of a window some of whose blocks are yet to come, and when they are to be expected."""
    missing = waiting[-1] - reached
    when = f"{missing} blocks from now"
    if reached > pin.height:
        pace = (quorum.first(lambda node: reader.choose(node, reached, now)).pin.time - pin.time) / (
            reached - pin.height
        )
        when += f", at about {format_time(now + missing * pace)}"
    return UnavailableError(
        "window/not-reached",
        f"{reader.chain}: the drawn blocks {', '.join(map(str, waiting))} are not settled yet, {reached} is",
        hint=f"run again {when}: what was read is kept, and the reading goes on at the same blocks",
    )
