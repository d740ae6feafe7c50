"""Evidence rechecked offline: from the disclosed records back to the statement's lines (verification step 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from attest.chains.family import BlockFacts, Dump, Family, family
from attest.chains.records import (
    Authority,
    ChainRecord,
    Descriptor,
    HeaderRecord,
    NodeAgreement,
    Place,
    Reading,
    TokenSource,
)
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record, naming
from attest.reserves.lines import ReserveLine
from attest.reserves.records import OwnWallet
from attest.verification.evidence.counting import (
    Contracts,
    coins,
    denied_amounts,
    refuse_double_counting,
    refuse_own,
    refuse_two_assets,
    refuse_two_purposes,
)
from attest.verification.evidence.lines import LineKey, Shown, check_denied, check_lines
from attest.verification.evidence.windows import RecheckedWindow, check_wallets, drawn_blocks, rechecked_windows

_SEVERAL: Final = 2
_NO_DUMPS: Final[Mapping[str, Dump]] = MappingProxyType({})
_NO_CONTRACTS: Final[Contracts] = MappingProxyType({})


class Rechecked(NamedTuple):
    """How many readings were rechecked, of how many that the statement counts, and what they show.

    `shown` says of each line of the statement, without its control, how much of it is disclosed; `coins` tells as
    which asset the own coin of a chain counts; `tokens` from which contracts, and from where in them, the readings of a
    token asset on a chain came; `nodes` how many nodes gave the figures of a chain alike; `safes` of how many Safes
    the proofs show the owners. All of them speak of the pins; `windows` has by chain what was read around its pin.
    """

    readings: int
    readings_stated: int
    shown: Mapping[LineKey, Shown] = MappingProxyType({})
    coins: Mapping[str, str] = MappingProxyType({})
    tokens: Mapping[tuple[str, str], frozenset[TokenSource]] = MappingProxyType({})
    nodes: Mapping[str, int] = MappingProxyType({})
    safes: int = 0
    windows: Mapping[str, RecheckedWindow] = MappingProxyType({})

    @property
    def lines(self) -> frozenset[LineKey]:
        """The lines of the statement, without their control, of which every balance was recomputed."""
        return frozenset(key for key, shown in self.shown.items() if shown.rechecked)

    def whole_assets(self, reserves: Sequence[ReserveLine]) -> frozenset[str]:
        """The assets of which every reading of customers' coins is disclosed."""
        customer = [line for line in reserves if line.purpose == "customer"]
        missing = {line.asset for line in customer if not self.shown[line.without_control].disclosed}
        return frozenset(line.asset for line in customer if line.asset not in missing)


@dataclass(slots=True)
class _Chain:
    """What the records say of one block of a chain as a whole: the pin, or a block of its window."""

    pin: Pin
    family: Family
    facts: BlockFacts
    header: HeaderRecord | None = None
    nodes: NodeAgreement | None = None


_Chains = dict[tuple[str, int | None], _Chain]
"""By chain and height of the window; the pin has None."""


def recheck(
    records: Mapping[int, Record],
    *,
    decimals: Mapping[str, int],
    pins: Sequence[Pin],
    reserves: Sequence[ReserveLine],
    complete: bool = False,
    tokens: Contracts = _NO_CONTRACTS,
    dumps: Mapping[str, Dump] = _NO_DUMPS,
) -> Rechecked:
    """Recompute every balance in `records`, by their index, and add them up to the lines of the statement.

    A line whose wallets are all disclosed must equal their sum; of another line no more may be disclosed
    than it states. With `complete`, no record is withheld, and every line must equal its readings. `tokens` has the
    contracts that the statement lists, by asset. `dumps` are sets of unspent outputs by chain, read for the scripts of
    the records: without one, a Bitcoin balance that claims to be proven does not count as rechecked.
    The balances at each block of a window are recomputed too, and must be of the customers' wallets at the pin.
    Raises `VerificationError` naming the record.
    """
    blocks = drawn_blocks(records, pins)
    chains = _chains(pins, blocks)
    for index, record in records.items():
        with naming(index, record):
            _note(record, chains)
    for name, dump in dumps.items():
        if (name, None) in chains:
            chains[name, None].facts.hold_against(dump)
    every = {index: record for index, record in records.items() if isinstance(record, Reading)}
    _check_descriptors(records, every.values())
    check_wallets(every, blocks)
    _check_windows(every, chains, decimals)
    readings = {index: reading for index, reading in every.items() if reading.at_pin}
    sources: dict[tuple[str, str], set[TokenSource]] = {}
    for index, reading in readings.items():
        with naming(index, reading):
            _check_reading(reading, chains, decimals)
        if reading.source is not None:
            sources.setdefault((reading.asset, reading.chain), set()).add(reading.source)
    safes = _check_authorities(records, chains)
    refuse_double_counting(readings.values())
    as_coins = coins(readings.values())
    refuse_two_assets(every.values(), tokens)
    refuse_two_purposes(every.values())
    refuse_own(every.values(), (record for record in records.values() if isinstance(record, OwnWallet)))
    waiting = [reading for reading in readings.values() if reading.needs_dump and reading.chain not in dumps]
    shown = check_lines(readings.values(), waiting, reserves, complete=complete)
    disclosed = frozenset(key for key, line in shown.items() if line.disclosed)
    check_denied(denied_amounts(readings.values()), shown, reserves)
    agreed = {
        name: len(chain.nodes.agreed) for (name, height), chain in chains.items() if chain.nodes and height is None
    }
    return Rechecked(
        readings=len(readings) - len(waiting),
        readings_stated=sum(line.wallets for line in reserves),
        shown=MappingProxyType(shown),
        coins=MappingProxyType(as_coins),
        tokens=MappingProxyType({place: frozenset(found) for place, found in sources.items()}),
        nodes=MappingProxyType(agreed),
        safes=safes,
        windows=MappingProxyType(rechecked_windows(records, pins, reserves, disclosed, blocks)),
    )


def _chains(pins: Sequence[Pin], blocks: Mapping[tuple[str, int], Pin]) -> _Chains:
    chains: _Chains = {}
    for pin in pins:
        found = family(pin.chain)
        chains[pin.chain, None] = _Chain(pin, found, found.facts(pin, None))
    for (name, height), pin in blocks.items():
        found = chains[name, None].family
        chains[name, height] = _Chain(pin, found, found.facts(pin, chains[name, None].facts))
    return chains


def _note(record: Record, chains: _Chains) -> None:
    """Keep what a record says of a chain as a whole."""
    if not isinstance(record, ChainRecord):
        return
    chain = chains.get((record.chain, record.block))
    if chain is None:
        raise VerificationError("recheck/chain", f"the statement pins no block of {record.chain}")
    if isinstance(record, NodeAgreement):
        _once(chain.nodes)
        _check_nodes(record)
        chain.nodes = record
        return
    # Else a chain's coin could be shown by proofs of another kind of chain, which ask for no work and no dump.
    if not isinstance(record, chain.family.record_types):
        raise VerificationError(
            "recheck/chain", f"a record of the type {record.type_name} cannot stand on {record.chain}"
        )
    if isinstance(record, HeaderRecord):
        _once(chain.header)
        _check_header(record, chain)
        chain.header = record
    chain.facts.note(record)


def _once(known: object) -> None:
    if known is not None:
        raise VerificationError("recheck/twice", "a chain has one such record, and this is the second")


def _check_nodes(record: NodeAgreement) -> None:
    named = {*record.agreed, *(node.name for node in record.dropped)}
    if len(named) != len(record.agreed) + len(record.dropped) or not len(named) < 2 * record.needed:
        raise VerificationError("recheck/nodes", "a node is named twice, or two groups of nodes could agree")
    if len(record.agreed) < record.needed:
        raise VerificationError("recheck/nodes", "fewer nodes agreed than had to")


def _check_header(record: HeaderRecord, chain: _Chain) -> None:
    pin, header = chain.pin, chain.family.header(record.chain, record.header)
    if (header.block_hash, header.time) != (pin.block_hash, pin.time) or header.height not in {None, pin.height}:
        raise VerificationError("recheck/header", "the header is not that of the pinned block")
    if not chain.family.has_work(record.chain, pin.block_hash):
        raise VerificationError("recheck/work", "nobody has mined that header: its hash is too large")


def _check_authorities(records: Mapping[int, Record], chains: _Chains) -> int:
    """How many records say who signs for an address at the pin, and show it. Raises `VerificationError` naming one."""
    seen: set[Place] = set()
    for index, record in records.items():
        if not isinstance(record, Authority):
            continue
        with naming(index, record):
            chain = chains.get((record.chain, None))
            if chain is None or chain.header is None or not isinstance(record, chain.family.record_types):
                raise VerificationError("recheck/header", f"there is no header for {record.chain}")
            chain.facts.check_authority(record)
            if record.place in seen:
                raise VerificationError("recheck/twice", "another record is of the same Safe")
        seen.add(record.place)
    return len(seen)


def _check_windows(readings: Mapping[int, Reading], chains: _Chains, decimals: Mapping[str, int]) -> None:
    """Recheck the balances at the blocks of windows, each of which is a set of its own."""
    sets: dict[tuple[str, int], list[Reading]] = {}
    for index, reading in readings.items():
        if reading.window is not None:
            with naming(index, reading):
                _check_reading(reading, chains, decimals)
            sets.setdefault((reading.chain, reading.window), []).append(reading)
    for there in sets.values():
        refuse_double_counting(there)


def _check_reading(reading: Reading, chains: _Chains, decimals: Mapping[str, int]) -> None:
    chain = chains.get((reading.chain, reading.window))
    if chain is None or chain.header is None:
        raise VerificationError("recheck/header", f"there is no header for {reading.chain}")
    if reading.level == "agreed" and (chain.nodes is None or chain.nodes.needed < _SEVERAL):
        raise VerificationError("recheck/level", "it claims that nodes agreed, and no record says which")
    if not isinstance(reading, chain.family.record_types):
        raise VerificationError("recheck/chain", f"a {type(reading).__name__} cannot stand on {reading.chain}")
    amount = chain.facts.amount(reading)
    if amount != reading.amount:
        raise VerificationError("recheck/amount", f"the evidence shows {amount}, the record says {reading.amount}")
    if reading.native and decimals.get(reading.asset) != chain.family.decimals(reading.chain):
        raise VerificationError(
            "recheck/decimals", f"{reading.asset} has other decimals than the coin of {reading.chain}"
        )


def _check_descriptors(records: Mapping[int, Record], readings: Iterable[Reading]) -> None:
    """See that what a wallet counts lies where its descriptor says, where that is available."""
    holding: dict[str, list[Reading]] = {}
    for reading in readings:
        holding.setdefault(reading.wallet, []).append(reading)
    described: set[str] = set()
    for index, record in records.items():
        if not isinstance(record, Descriptor):
            continue
        with naming(index, record):
            if record.wallet in described:
                raise VerificationError("recheck/twice", f"wallet {record.wallet} has two descriptors")
            described.add(record.wallet)
            for reading in holding.get(record.wallet, []):
                record.check(reading)
