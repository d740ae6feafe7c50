"""The readings of windows rechecked: at the blocks that the nonce draws, of the same wallets as at the pin."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from attest.chains.family import family
from attest.chains.records import ChainRecord, Descriptor, HeaderRecord, Outpoint, Reading, Window, places_of
from attest.chains.wallets import Pin
from attest.control.records import ControlProof
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record, naming
from attest.reserves.lines import ReserveLine
from attest.reserves.window import Lowest, draw, lowest_counts, window_pin
from attest.verification.control.recheck import place_of


class RecheckedWindow(NamedTuple):
    """A window whose blocks are those that its nonce draws out of `before` and `after` ones around the pin.

    `leaf` is that of its record. `lowest` has the lowest count of each asset whose customers' wallets on the chain are
    all disclosed, with what shows that the outputs there are theirs.
    """

    leaf: bytes
    nonce: bytes
    before: int
    after: int
    blocks: tuple[Pin, ...]
    lowest: Mapping[str, Lowest]


def at_pin(records: Mapping[int, Record]) -> dict[int, Record]:
    """The records without the readings of windows."""
    return {index: record for index, record in records.items() if not isinstance(record, Reading) or record.at_pin}


def drawn_blocks(records: Mapping[int, Record], pins: Sequence[Pin]) -> dict[tuple[str, int], Pin]:
    """The blocks of all windows by chain and height, as their headers have them.

    Raises `VerificationError` when a record belongs to a block that the nonce of its window does not draw, when a drawn
    block has no header, or when one has the place of another in time.
    """
    pinned = {pin.chain: pin for pin in pins}
    drawn = _windows(records, pinned)
    blocks: dict[tuple[str, int], Pin] = {}
    for index, record in records.items():
        if not isinstance(record, ChainRecord | Reading) or record.block is None:
            continue
        with naming(index, record):
            if record.block not in drawn.get(record.chain, ()):
                raise VerificationError(
                    "recheck/window", f"block {record.block} of {record.chain} was not drawn for a window"
                )
            if isinstance(record, HeaderRecord):
                blocks[record.chain, record.block] = _block(record, record.block, pinned[record.chain])
    for chain, heights in drawn.items():
        if missing := [height for height in heights if (chain, height) not in blocks]:
            raise VerificationError("recheck/window", f"{chain}: no header of the drawn block {missing[0]} is there")
    hashes = {(pin.chain, pin.block_hash) for pin in (*pins, *blocks.values())}
    if len(hashes) != len(pins) + len(blocks):
        raise VerificationError("recheck/window", "one block stands at two heights of a chain")
    return blocks


def _windows(records: Mapping[int, Record], pinned: Mapping[str, Pin]) -> dict[str, tuple[int, ...]]:
    """The heights of each chain's window."""
    drawn: dict[str, tuple[int, ...]] = {}
    for index, record in records.items():
        if isinstance(record, Window):
            with naming(index, record):
                if record.chain in drawn:
                    raise VerificationError("recheck/twice", "a chain has one window, and this is the second")
                drawn[record.chain] = _drawn(record, pinned)
    return drawn


def _drawn(window: Window, pinned: Mapping[str, Pin]) -> tuple[int, ...]:
    if window.chain not in pinned:
        raise VerificationError("recheck/chain", f"the statement pins no block of {window.chain}")
    try:
        heights = draw(
            window.nonce_bytes,
            window.chain,
            pinned[window.chain].height,
            before=window.before,
            after=window.after,
            draws=len(window.heights),
        )
    except MalformedError as error:
        raise VerificationError(error.code, error.message) from None
    if heights != window.heights:
        raise VerificationError("recheck/window", "its blocks are not those that its nonce draws")
    return heights


def _block(record: HeaderRecord, height: int, pin: Pin) -> Pin:
    if not isinstance(record, family(record.chain).record_types):
        raise VerificationError(
            "recheck/chain", f"a record of the type {record.type_name} cannot stand on {record.chain}"
        )
    block = window_pin(record, height)
    if family(record.chain).times_ascend and (block.time < pin.time, block.time > pin.time) != (
        height < pin.height,
        height > pin.height,
    ):
        raise VerificationError("recheck/window", "its block is on the other side of the pinned one in time")
    return block


def check_wallets(readings: Mapping[int, Reading], blocks: Iterable[tuple[str, int]]) -> None:
    """See that each of `blocks` has the customers' balances that are disclosed of the pin, and no other.

    An output that is in several readings must be the same one in all. Raises `VerificationError`.
    """
    sets: dict[tuple[str, int | None], dict[tuple[Hashable, ...], Reading]] = {}
    outputs: dict[tuple[str, Outpoint], Hashable] = {}
    for index, reading in readings.items():
        with naming(index, reading):
            place = (reading.chain, reading.window)
            if sets.setdefault(place, {}).setdefault(reading.identity, reading) is not reading and place[1] is not None:
                raise VerificationError("recheck/window", "the balance stands there twice")
            for point, output in reading.outputs():
                if outputs.setdefault((reading.chain, point), output) != output:
                    raise VerificationError(
                        "recheck/window", f"{point[0].hex()}:{point[1]} is another output at another block"
                    )
    for chain, height in blocks:
        here = sets.get((chain, height), {})
        pinned = {
            balance: reading
            for balance, reading in sets.get((chain, None), {}).items()
            if reading.purpose == "customer"
        }
        for balance, reading in (pinned | here).items():
            if balance not in pinned or balance not in here or not pinned[balance].agrees_with(here[balance]):
                where = "the pin" if balance not in pinned else f"block {height}"
                raise VerificationError(
                    "recheck/window",
                    f"{reading.asset} of wallet {reading.wallet} on {chain} has no reading at {where}, "
                    "or it is not of the same place",
                )


def rechecked_windows(
    records: Mapping[int, Record],
    pins: Sequence[Pin],
    reserves: Sequence[ReserveLine],
    whole: frozenset[tuple[str, ...]],
    blocks: Mapping[tuple[str, int], Pin],
) -> dict[str, RecheckedWindow]:
    """By chain, what the window showed, after all its readings were rechecked; `whole` are the disclosed lines."""
    if not blocks:
        return {}
    counts = lowest_counts((record for record in records.values() if isinstance(record, Reading)), pins)
    unknown = _strange(records.values())
    unknown |= {
        (line.chain, line.asset)
        for line in reserves
        if line.purpose == "customer" and line.without_control not in whole
    }
    return {
        record.chain: RecheckedWindow(
            record.leaf,
            record.nonce_bytes,
            record.before,
            record.after,
            tuple(blocks[record.chain, height] for height in record.heights),
            {
                asset: lowest
                for (chain, asset), lowest in sorted(counts.items())
                if chain == record.chain and (chain, asset) not in unknown
            },
        )
        for record in records.values()
        if isinstance(record, Window)
    }


def _strange(records: Collection[Record]) -> set[tuple[str, str]]:
    """(chain, asset) pairs whose balances in a window lie where nothing shows a place of their wallet.

    A place is shown when it holds coins of the wallet at the pin or signed a challenge as its own, or when the wallet's
    descriptor is disclosed, because the balances have been checked against it.
    """
    described = {record.wallet for record in records if isinstance(record, Descriptor)}
    known = {(record.wallet, place_of(record.challenge)) for record in records if isinstance(record, ControlProof)}
    readings = [record for record in records if isinstance(record, Reading)]
    known |= {(reading.wallet, place) for reading in readings if reading.at_pin for place in places_of(reading)}
    return {
        (reading.chain, reading.asset)
        for reading in readings
        if not reading.at_pin and reading.wallet not in described
        for place in places_of(reading)
        if (reading.wallet, place) not in known
    }
