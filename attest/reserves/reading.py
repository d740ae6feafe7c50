"""One chain, read as a whole: a pin on which the nodes agree, every balance there, and the pin again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ChainToRead:
    """A chain whose wallets are read.

    `reader`: asks its nodes for balances.
    `quorum`: its nodes, of which enough must agree.
    `rule`: which block is pinned.
    `wallets`: those that are read.
    `journal`: what was read before, and where the next is kept.
    `now`: the time of the reading.
    """

    reader: Reader
    quorum: Quorum
    rule: PinRule
    wallets: Sequence[Wallet]
    journal: Journal
    now: datetime


def read_chain(
    chain: ChainToRead, *, accept: Callable[[Pin], object] = lambda _: None, progress: Callable[[int], None]
) -> tuple[Block, list[Record]]:
    """Pin a block, read every balance there, and see that it is still on the chain.

    `accept` raises an error for a pin at which nothing is to be read; one that was just chosen is not kept then.
    `progress` hears how many balances were read. Returns the block, and as records its header, what the nodes agreed
    on, the readings, and what stands beside them. Raises `PinLostError` when what was read is void, `AttestError`.
    """
    reader, quorum, wallets, journal = chain.reader, chain.quorum, chain.wallets, chain.journal
    pin = journal.pin(reader.chain)
    if pin is None:
        block = pin_block(reader, quorum, chain.rule, chain.now)
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
    chain: ChainToRead, pin: Pin, heights: Sequence[int], *, progress: Callable[[int], None]
) -> list[Record]:
    """Read every balance of the chain's wallets at each of the ascending `heights` around `pin`.

    Every record says which height it belongs to. The blocks up to the pin are as settled as the pin is; a later one is
    read when it is settled as the chain's rule has it. Raises `UnavailableError` when one is not yet, after all others
    were read and kept, `PinLostError` when one that was read is gone, `AttestError`.
    """
    reader, quorum, journal = chain.reader, chain.quorum, chain.journal
    reached = pin.height
    if heights[-1] > reached:
        settled = [answer.value for answer in quorum.each(lambda node: reader.settled(node, chain.rule))]
        reached = max(reached, sorted(settled, reverse=True)[quorum.needed - 1])
    records: list[Record] = []
    done = 0
    for height in heights:
        if height > reached:
            raise _not_settled(chain, pin, [item for item in heights if item > reached], reached)
        kept = journal.window_pin(reader.chain, height)
        block = (
            pin_block(reader, quorum, height, chain.now)
            if kept is None
            else Block(kept, confirm_pin(reader, quorum, kept))
        )
        if kept is None:
            journal.keep_window_pin(block.pin)
        shelf = Shelf(journal, height)
        read = reader.read(quorum, block, chain.wallets, shelf, lambda so_far: progress(done + so_far))  # noqa: B023 (called at once)
        confirm_pin(reader, quorum, block.pin)
        readings = [record for record in read if isinstance(record, Reading)]
        done += len(readings)
        records += [
            record.model_copy(update={"window": height})
            for record in (reader.header_record(block), quorum.record(), *readings)
        ]
    return records


def _not_settled(chain: ChainToRead, pin: Pin, waiting: Sequence[int], reached: int) -> UnavailableError:
    """The error of a window some of whose blocks are yet to come, and when they are to be expected."""
    missing = waiting[-1] - reached
    when = f"{missing} blocks from now"
    if reached > pin.height:
        last = chain.quorum.first(lambda node: chain.reader.choose(node, reached, chain.now)).pin
        pace = (last.time - pin.time) / (reached - pin.height)
        when += f", at about {format_time(chain.now + missing * pace)}"
    return UnavailableError(
        "window/not-reached",
        f"{chain.reader.chain}: the drawn blocks {', '.join(map(str, waiting))} are not settled yet, {reached} is",
        hint=f"run again {when}: what was read is kept, and the reading goes on at the same blocks",
    )
