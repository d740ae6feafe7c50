"""A month's reserves: the chains' wallets read from their nodes, and the documents of banks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from attest.amounts import format_amount
from attest.attestation.concentration import concentration
from attest.attestation.editions import Evidence
from attest.chains.contract_account import Address
from attest.chains.family import Reader, families, family
from attest.chains.pins import PinLostError
from attest.chains.records import Reading
from attest.chains.wallets import Pin, Wallet
from attest.errors import MalformedError
from attest.evidence.record import Record, new_salt
from attest.exchange.chain_reading import ChainReading, check_nonce
from attest.exchange.config import Chain, Config
from attest.exchange.documents.money import bank_documents
from attest.exchange.ready import require_utxo_sets
from attest.exchange.register_digest import register_digest, register_parts
from attest.exchange.reserves import Reserves, add_money, hidden_wallets, may_be_public
from attest.exchange.stated import refuse_far
from attest.exchange.surroundings import Surroundings, node_quorum
from attest.reserves.journal import Journal
from attest.reserves.reading import confirm_pin
from attest.reserves.records import OwnWallet
from attest.reserves.register import Register, register

JOURNAL: Final = ".reading"


def read_reserves(
    config: Config,
    period: str,
    journal: Path,
    around: Surroundings,
    nonce: bytes | None = None,
    *,
    to_attest: bool = True,
) -> Reserves:
    """Read every wallet and bank document of the config; `nonce`, an auditor's, draws the blocks of its windows.

    A block far from the end of the period for which no reason is given is refused when it is read `to_attest`, else
    told. What has been read is kept in the file `journal`, so that a run that fails goes on at the same blocks; the
    caller removes it when the reserves are safe. When a pinned block is lost, the journal goes with it. Raises
    `AttestError`.
    """

    def accept(pin: Pin) -> None:
        try:
            refuse_far(config, period, [pin])
        except MalformedError as error:
            if to_attest:
                raise
            around.tell(f"{error.message}: no month can be attested at it without a reason")

    def reader_of(chain: Chain) -> Reader:
        return chain_reader(chain, places, config.decimals, around.folder)

    places = register(config.wallets)
    check_nonce(config, nonce)
    require_utxo_sets(config, around.folder)
    documents = bank_documents(config, period, around.folder)
    for sentence in _advice(config.wallets, places):
        around.tell(sentence)
    reserves = Reserves(nonce=nonce)
    kept = Journal(journal, register_digest(config, period, nonce), register_parts(config, period, nonce))
    for pin in kept.pins:
        around.tell(f"going on with an unfinished reading at block {pin.height} of {pin.chain} ({journal})")
    try:
        for reading in _readings(config, period, kept, around):
            _read(reading, reader_of, config.decimals, reserves, accept)
    except PinLostError:
        kept.discard()
        raise
    reserves.evidence = _evidence_of(reserves.records, config, places)
    add_money(documents, config, reserves)
    if not reserves.records:
        raise MalformedError(
            "config/reserves", "the config names neither a wallet nor money, so nothing can be attested"
        )
    return reserves


def _advice(wallets: Sequence[Wallet], places: Register) -> Iterator[str]:
    """What is told of wallets that are valid and perhaps not meant."""
    for found in families(wallet.chain for wallet in wallets):
        yield from found.advice([wallet for wallet in wallets if family(wallet.chain) is found], places)


def _evidence_of(read: Sequence[Record], config: Config, places: Register) -> Evidence:
    """What was `read` as evidence: with parts of proofs stored once, wallets that do not count, and concentration."""
    hidden = hidden_wallets(config)
    evidence = Evidence()
    private: list[Record] = []
    public: list[Record] = []
    for found in families(chain.id for chain in config.chains):
        shared = found.share(read, hidden)
        private += shared.private
        public += shared.public
        read = shared.records
    for part in private:
        evidence.add(part, public=False)
    for record in (*public, *read, *own_wallets(config.wallets, places)):
        evidence.add(record, public=may_be_public(record, hidden))
    tiers = {item.name: item.tier for item in config.custodians}
    for figure in concentration(evidence.records, hidden, tiers):
        evidence.add(figure, public=True)
    return evidence


def confirm_pins(config: Config, pins: Sequence[Pin], around: Surroundings) -> None:
    """See that every block that was read at is still on its chain. Raises `PinLostError`, `AttestError`."""
    for pin in pins:
        chain = next(chain for chain in config.chains if chain.id == pin.chain)
        confirm_pin(family(pin.chain).block_reader(pin.chain), node_quorum(chain, around), pin)


def _readings(config: Config, period: str, journal: Journal, around: Surroundings) -> list[ChainReading]:
    """How each chain with wallets that count is read, in the order in which they are."""
    wallets = [wallet for wallet in config.wallets if wallet.purpose != "own"]
    # A scan may take longer than the nodes of another chain keep the state of its pinned block.
    chains = sorted(config.chains, key=lambda chain: family(chain.id).scans)
    # What is wrong with the url of any node is told before the first of them is asked for an hour's scan.
    return [
        ChainReading(
            chain, there, node_quorum(chain, around), chain.pin_rule(config.ledger.period_end(period)), journal, around
        )
        for chain in chains
        if (there := [wallet for wallet in wallets if wallet.chain == chain.id])
    ]


def _read(
    reading: ChainReading,
    reader_of: Callable[[Chain], Reader],
    decimals: Mapping[str, int],
    reserves: Reserves,
    accept: Callable[[Pin], None],
) -> None:
    """Add to `reserves` what is read on a chain, at a block that `accept` does not refuse."""
    chain, tell = reading.chain, reading.around.tell
    reader = reader_of(chain)
    names = ", ".join(node.name for node in chain.nodes)
    tell(f"reading {len(reading.wallets)} wallets of {chain.id} from {names}")
    before = _count(reserves.records)
    block, records = reading.at_pin(reader, accept, before)
    tell(f"{chain.id} is read at block {block.pin.height} {block.pin.block_hash.hex()}")
    reserves.pins.append(block.pin)
    unlisted = reading.unlisted(reader, block)
    for item in unlisted:
        shown = format_amount(int(item.amount), decimals.get(item.asset, 0))
        tell(f"not counted: {shown} {item.asset} at wallet {item.wallet}, which does not list it")
    reserves.unlisted += unlisted
    reserves.unproven += reading.journal.unproven(chain.id)
    # A set of unspent outputs is dumped at the pin alone: for a window the word of the nodes is enough.
    alone = reader_of(chain.model_copy(update={"utxo_set": None}))
    drawn = reading.in_window(alone, block.pin, reserves.nonce, before + _count(records))
    for record in (*records, *drawn):
        reserves.evidence.add(record, public=False)  # until all chains are read


def _count(records: Iterable[Record]) -> int:
    return sum(isinstance(record, Reading) for record in records)


def chain_reader(chain: Chain, places: Register, decimals: Mapping[str, int], folder: Path) -> Reader:
    """What reads a chain of the config, whose wallets stand at `places`; `folder` is the config's."""
    return family(chain.id).reader(chain, places, decimals, folder)


def own_wallets(wallets: Sequence[Wallet], places: Register) -> list[OwnWallet]:
    """A record for each wallet of the exchange's own coins, which stand at `places`."""
    return [
        OwnWallet(
            type="own-wallet",
            salt=new_salt(),
            chain=wallet.chain,
            wallet=wallet.id,
            **_own_place(wallet, places.places[wallet.id]),
        )
        for wallet in wallets
        if wallet.purpose == "own"
    ]


def _own_place(wallet: Wallet, places: Sequence[str | bytes]) -> dict[str, Any]:
    """The field of `OwnWallet` that says where a wallet is. Raises `MalformedError` for a place that none has."""
    if scripts := tuple(place for place in places if isinstance(place, bytes)):
        return {"scripts": scripts}
    (address,) = places
    try:
        TypeAdapter(Address).validate_python(address)
    except ValidationError:
        raise MalformedError(
            "config/own",
            f"wallet {wallet.id}: no record of evidence can name the exchange's own coins on {wallet.chain}",
        ) from None
    return {"address": address}
