"""Evidence rechecked offline: from the disclosed records back to the statement's lines (verification step 11)."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from attest.chains.bitcoin.records import BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.errors import VerificationError
from attest.reserves.bitcoin_header import has_work, header_hash, header_time
from attest.reserves.counting import (
    Contracts,
    coins,
    denied_amounts,
    refuse_double_counting,
    refuse_own,
    refuse_two_assets,
    refuse_two_purposes,
)
from attest.reserves.ethereum_proof import Header, by_hash, decode_header
from attest.reserves.line_recheck import LineKey, Shown, check_denied, check_lines
from attest.reserves.records import (
    ChainRecord,
    Descriptor,
    NodeAgreement,
    OwnWallet,
    Reading,
    Record,
    TokenSource,
    naming,
)
from attest.reserves.safe_recheck import State, recheck_safes
from attest.reserves.trie_nodes import proven_amount
from attest.reserves.utxo_set import UtxoSet
from attest.reserves.wallets import Pin, ReserveLine, native_decimals
from attest.reserves.window_recheck import RecheckedWindow, check_wallets, drawn_blocks, rechecked_windows

_SEVERAL: Final = 2
_NO_DUMPS: Final[Mapping[str, UtxoSet]] = MappingProxyType({})
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
    """What the records say of one chain as a whole, at its pin or at a block of its window; these share one `trie`."""

    pin: Pin
    header: Header | BitcoinHeader | None = None
    nodes: NodeAgreement | None = None
    utxo_set: BitcoinUtxoSet | None = None
    trie: dict[bytes, bytes] = field(default_factory=dict)
    storage_roots: dict[str, bytes] = field(default_factory=dict)
    unspent: frozenset[tuple[object, ...]] | None = None


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
    dumps: Mapping[str, UtxoSet] = _NO_DUMPS,
) -> Rechecked:
    """Recompute every balance in `records`, by their index, and add them up to the lines of the statement.

    A line whose wallets are all disclosed must equal their sum; of another line no more may be disclosed
    than it states. With `complete`, no record is withheld, and every line must equal its readings. `tokens` has the
    contracts that the statement lists, by asset. `dumps` are sets of unspent outputs by chain, read for the scripts of
    the records: without one, a Bitcoin balance that claims to be proven does not count as rechecked.
    The balances at each block of a window are rechecked likewise, and must be those of the pin's customers.
    Raises `VerificationError` naming the record.
    """
    chains: _Chains = {(pin.chain, None): _Chain(pin) for pin in pins}
    blocks = drawn_blocks(records, pins)
    for (name, height), pin in blocks.items():
        chains[name, height] = _Chain(pin, trie=chains[name, None].trie)
    for index, record in records.items():
        with naming(index, record):
            _note(record, chains)
    for name, dump in dumps.items():
        if (name, None) in chains:
            _check_dump(chains[name, None], dump)
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
    safes = recheck_safes(
        records,
        {
            name: State(chain.header.state_root, chain.trie)
            for (name, height), chain in chains.items()
            if height is None and isinstance(chain.header, Header)
        },
    )
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


def _note(record: Record, chains: _Chains) -> None:
    """Keep what a record says of a chain as a whole."""
    if not isinstance(record, ChainRecord):
        return
    chain = chains.get((record.chain, record.block))
    if chain is None:
        raise VerificationError("recheck/chain", f"the statement pins no block of {record.chain}")
    # Else a chain's coin could be shown by proofs of another kind of chain, which ask for no work and no dump.
    of_bitcoin = record.chain.startswith("bip122:")
    if isinstance(record, EthereumHeader | TrieNodes if of_bitcoin else BitcoinHeader | BitcoinUtxoSet):
        raise VerificationError(
            "recheck/chain", f"a record of the type {record.type_name} cannot stand on {record.chain}"
        )
    match record:
        case EthereumHeader() | BitcoinHeader():
            _once(chain.header)
            chain.header = _checked_header(record, chain.pin)
        case NodeAgreement():
            _once(chain.nodes)
            named = {*record.agreed, *(node.name for node in record.dropped)}
            if len(named) != len(record.agreed) + len(record.dropped) or not len(named) < 2 * record.needed:
                raise VerificationError("recheck/nodes", "a node is named twice, or two groups of nodes could agree")
            if len(record.agreed) < record.needed:
                raise VerificationError("recheck/nodes", "fewer nodes agreed than had to")
            chain.nodes = record
        case BitcoinUtxoSet():
            _once(chain.utxo_set)
            chain.utxo_set = record
        case TrieNodes():
            chain.trie.update(by_hash(record.nodes))


def _once(known: object) -> None:
    if known is not None:
        raise VerificationError("recheck/twice", "a chain has one such record, and this is the second")


def _checked_header(record: EthereumHeader | BitcoinHeader, pin: Pin) -> Header | BitcoinHeader:
    if isinstance(record, EthereumHeader):
        header = decode_header(record.header)
        if (header.block_hash, header.number, header.time) == (pin.block_hash, pin.height, pin.time):
            return header
    # A Bitcoin header does not carry its height; the hash alone names the block.
    elif (header_hash(record.header), header_time(record.header)) == (pin.block_hash, pin.time):
        if not has_work(record.chain, pin.block_hash):
            raise VerificationError("recheck/work", "nobody has mined that header: its hash is too large")
        return record
    raise VerificationError("recheck/header", "the header is not that of the pinned block")


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


def _check_dump(chain: _Chain, dump: UtxoSet) -> None:
    if dump.block_hash != chain.pin.block_hash:
        raise VerificationError(
            "recheck/utxo-set", f"the set of unspent outputs is that of block {dump.block_hash.hex()}, not of the pin"
        )
    said = chain.utxo_set
    if said is not None and (said.outputs, said.hash_serialized) != (dump.outputs, dump.hash_serialized):
        raise VerificationError(
            "recheck/utxo-set", "the set of unspent outputs has another hash than the evidence says"
        )
    chain.unspent = frozenset(
        (output.txid, output.vout, output.script, output.amount, output.height) for output in dump.found
    )


def _check_reading(reading: Reading, chains: _Chains, decimals: Mapping[str, int]) -> None:
    chain = chains.get((reading.chain, reading.window))
    if chain is None or chain.header is None:
        raise VerificationError("recheck/header", f"there is no header for {reading.chain}")
    if reading.level == "agreed" and (chain.nodes is None or chain.nodes.needed < _SEVERAL):
        raise VerificationError("recheck/level", "it claims that nodes agreed, and no record says which")
    amount = _recompute(reading, chain)
    if amount != reading.amount:
        raise VerificationError("recheck/amount", f"the evidence shows {amount}, the record says {reading.amount}")
    if reading.native and decimals.get(reading.asset) != native_decimals(reading.chain):
        raise VerificationError(
            "recheck/decimals", f"{reading.asset} has other decimals than the coin of {reading.chain}"
        )


def _recompute(reading: Reading, chain: _Chain) -> int:
    """The amount that the reading's own evidence shows."""
    match reading, chain.header:
        case (EthereumBalance() | EthereumTokenBalance()) as proven, Header() as header:
            nodes = ChainMap(by_hash(proven.proof), chain.trie)
            return proven_amount(proven, header.state_root, nodes, chain.storage_roots)
        case EthereumTokenAnswer(), Header():
            return reading.amount  # there is nothing but the nodes' word
        case BitcoinUtxos(), BitcoinHeader():
            _check_utxos(reading, chain)
            return sum(utxo.amount for utxo in reading.utxos)
    raise VerificationError("recheck/chain", f"a {type(reading).__name__} cannot stand on {reading.chain}")


def _check_utxos(reading: BitcoinUtxos, chain: _Chain) -> None:
    if any(utxo.height > chain.pin.height for utxo in reading.utxos):
        raise VerificationError("recheck/height", "an output is younger than the block that it was read at")
    if reading.level == "proven" and chain.utxo_set is None:
        raise VerificationError(
            "recheck/level", "it claims to be proven, and no record names the set of unspent outputs"
        )
    if chain.unspent is not None:
        for utxo in reading.utxos:
            if (utxo.txid, utxo.vout, utxo.script, utxo.amount, utxo.height) not in chain.unspent:
                raise VerificationError(
                    "recheck/utxo-set", f"{utxo.txid.hex()}:{utxo.vout} is not among the unspent outputs"
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
