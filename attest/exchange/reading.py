"""A month's reserves: the chains' wallets read from their nodes, and the documents of banks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from attest.amounts import format_amount
from attest.attestation.declared import declaration_order
from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.attestation.editions import Evidence, auditor_edition, public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.statement import EvidenceRoot
from attest.canonical import dumps
from attest.chains.challenge import NO_NONCE
from attest.chains.contract_account import Address
from attest.chains.family import Reader, families, family
from attest.chains.pins import PinLostError
from attest.chains.records import Authority, Descriptor, Reading, Window
from attest.chains.wallets import Pin, Unlisted, Unproven, Wallet
from attest.control.records import ChallengeBlock, Challenged, ControlSample, CustodyConfirmation
from attest.control.shown import NOBODY, Shown
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record, new_salt
from attest.evidence.tree import EvidenceTree
from attest.exchange.chain_reading import ChainReading, check_nonce
from attest.exchange.config import Chain, Config, CoverContract, DeclarationForm, HeldCoins, Money
from attest.exchange.documents.money import bank_documents, money_line
from attest.exchange.ready import require_utxo_sets
from attest.exchange.stated import chains_read, refuse_far, reserve_lines, stated_assets
from attest.exchange.surroundings import Surroundings, node_quorum, refuse_published
from attest.files import SECRET_MODE, fill_folder, is_file, reason
from attest.folders import new_folder
from attest.policy.inputs import Declaration
from attest.reserves.journal import Journal
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine
from attest.reserves.reading import confirm_pin
from attest.reserves.records import OwnWallet
from attest.reserves.register import Register, register
from attest.reserves.window import window_pins
from attest.verification.evidence.declarations import concentration, declaration_lines
from attest.verification.evidence.folder import RESERVES_FILE, ReservesFile, open_evidence, read_reserves_file
from attest.verification.evidence.lowest_counts import window_declarations

JOURNAL: Final = ".reading"
_FOLDER_MODE: Final = 0o700


@dataclass(slots=True)
class Reserves:
    """What was read and what documents say: the pinned blocks, all records, the lines of money and of held coins.

    `unlisted` says what lies at the wallets in assets that they do not list, and does not count; `unproven` why tokens,
    or what single wallets have of them, are not proven; `shown` tells whose keys signed or were confirmed; `nonce` drew
    the blocks of windows.
    """

    pins: list[Pin] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    money: list[MoneyLine] = field(default_factory=list)
    held: list[HeldLine] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    shown: Shown = NOBODY
    nonce: str = NO_NONCE

    @property
    def records(self) -> list[Record]:
        """All records, by their indices."""
        return self.evidence.records

    @property
    def blocks(self) -> list[Pin]:
        """The pinned blocks and those of windows."""
        return [*self.pins, *window_pins(self.records)]

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """What management declares, the figures of concentration, and the lowest counts in the windows."""
        lines = [*declaration_lines(self.records), *window_declarations(self.records, self.pins)]
        return tuple(sorted(lines, key=declaration_order))

    @property
    def lines(self) -> tuple[ReserveLine, ...]:
        """The statement's lines that the readings add up to."""
        return reserve_lines(self.records, self.shown)


def read_reserves(
    config: Config, period: str, journal: Path, around: Surroundings, nonce: str = NO_NONCE, *, to_attest: bool = True
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
    kept = Journal(journal, _register(config, period, nonce), _register_parts(config, period, nonce))
    for pin in kept.pins:
        around.tell(f"going on with an unfinished reading at block {pin.height} of {pin.chain} ({journal})")
    try:
        for reading in _readings(config, period, kept, around):
            _read(reading, reader_of, config.decimals, reserves, accept)
    except PinLostError:
        kept.discard()
        raise
    reserves.evidence = _evidence_of(reserves.records, config, places)
    _add_money(documents, config, reserves)
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
    hidden = _hidden(config)
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
        evidence.add(record, public=_may_be_public(record, hidden))
    tiers = {item.name: item.tier for item in config.custodians}
    for figure in concentration(evidence.records, hidden, tiers):
        evidence.add(figure, public=True)
    return evidence


def write_reserves(config: Config, period: str, out: Path, around: Surroundings, nonce: str = NO_NONCE) -> ReservesFile:
    """Read the chains for `period` into the new folder `out`: both editions of the evidence, and `reserves.json`.

    The documents of banks, which come later, are left to the run that attests the month.
    A reading that fails leaves a journal beside `out`, from which the next one goes on. Raises `AttestError`, also
    while the period lasts: blocks of then are not its end, and the run would attest them as such.
    """
    config.ledger.ended(period, around.now)
    refuse_published(config, out, around)
    if all(wallet.purpose == "own" for wallet in config.wallets):
        raise MalformedError(
            "config/reserves",
            "the config names no wallet that counts, so there is nothing to read from chains",
            hint="attest run reads documents of money by itself",
        )
    journal = out.with_name(f"{out.name}{JOURNAL}")
    if is_file(out / RESERVES_FILE) and read_reserves_file(out).register_digest == _register(config, period, nonce):
        _remove_served(journal, around)  # a run was killed before it could
    # From the start, so that two do not write into one journal.
    with new_folder(out, _FOLDER_MODE, around.tell) as unfinished:
        unpaid = config.model_copy(update={"money": ()})
        reserves = read_reserves(unpaid, period, journal, around, nonce, to_attest=False)
        tree = EvidenceTree.build([record.leaf for record in reserves.records])
        own = reserves_file(config, period, reserves, tree)
        files = {
            AUDITOR_EVIDENCE: auditor_edition(reserves.records),
            PUBLIC_EVIDENCE: public_edition(reserves.records, tree, reserves.evidence.private),
            RESERVES_FILE: own.to_bytes(),
        }
        fill_folder(unfinished, files, mode=SECRET_MODE)
    _remove_served(journal, around)
    return own


def _remove_served(journal: Path, around: Surroundings) -> None:
    try:
        journal.unlink(missing_ok=True)
    except OSError as error:
        around.tell(f"cannot remove {journal}, which has served: {reason(error)}")


def load_reserves(config: Config, period: str, read: Path, around: Surroundings, nonce: str = NO_NONCE) -> Reserves:
    """The chains as `write_reserves` read them into the folder `read`, and the bank documents as they are now.

    Raises `MalformedError` when the folder was read for another period or register, or when a `nonce` is given and
    another one drew its windows; `VerificationError` when its evidence does not show what it says.
    """
    own = read_reserves_file(read)
    folder = open_evidence(read)
    drawn = next((record.nonce for record in folder.records.values() if isinstance(record, Window)), NO_NONCE)
    if nonce not in {NO_NONCE, drawn}:
        by = "it has no window" if drawn == NO_NONCE else f"its window was drawn by {drawn}"
        raise MalformedError(
            "reserves/nonce",
            f"{read} has nothing that the nonce {nonce} drew: {by}",
            hint="leave --nonce out: the reading says what drew its window, and a folder of --control what its "
            "challenges have",
        )
    if own.register_digest != _register(config, period, drawn):
        other = f"for {own.period}, not for {period}"
        raise MalformedError(
            "reserves/other",
            f"{read} was read {other if own.period != period else 'for other chains and wallets than the config has'}",
            hint="read the chains anew: attest reserves read",
        )
    refuse_far(config, period, own.pins)
    folder.check({})
    # The private folder of a month has documents and signatures too; they come after the chains.
    later = (
        MoneyDocument
        | DeclaredBalance
        | ChallengeBlock
        | Challenged
        | CustodyConfirmation
        | ControlSample
        | CoverDocument
        | PriceList
    )
    chains: list[Record] = [
        record
        for record in folder.whole()
        if not (isinstance(record, later) or (isinstance(record, DeclarationRecord) and record.document is not None))
    ]
    reserves = Reserves(
        pins=list(own.pins), unlisted=list(own.unlisted), unproven=list(own.unproven or ()), nonce=drawn
    )
    hidden, private = _hidden(config), frozenset(own.private)
    for index, record in enumerate(chains):
        if index not in private and not _may_be_public(record, hidden):
            raise VerificationError(
                "reserves/private", f"{RESERVES_FILE} would publish record {index}, which is private"
            )
        reserves.evidence.add(record, public=index not in private)
    _add_money(bank_documents(config, period, around.folder), config, reserves)
    return reserves


def reserves_file(config: Config, period: str, reserves: Reserves, tree: EvidenceTree) -> ReservesFile:
    """What `reserves.json` says of `reserves`, whose records lie in `tree`."""
    # What is not there stays absent from the document.
    more: dict[str, Any] = {"held": tuple(reserves.held), "unproven": tuple(reserves.unproven)}
    return ReservesFile(
        format="attest/reserves/v1",
        period=period,
        register_digest=_register(config, period, reserves.nonce),
        assets=stated_assets(config, reserves.pins),
        chains=chains_read(config, period, reserves.pins),
        reserves=reserves.lines,
        money=tuple(reserves.money),
        declarations=reserves.declarations,
        unlisted=tuple(reserves.unlisted),
        evidence=EvidenceRoot(root=tree.root, count=tree.count),
        leaves=tree.leaves,
        private=tuple(sorted(reserves.evidence.private)),
        **{name: there for name, there in more.items() if there},
    )


def confirm_pins(config: Config, pins: Sequence[Pin], around: Surroundings) -> None:
    """See that every block that was read at is still on its chain. Raises `PinLostError`, `AttestError`."""
    for pin in pins:
        chain = next(chain for chain in config.chains if chain.id == pin.chain)
        confirm_pin(family(pin.chain).block_reader(pin.chain), node_quorum(chain, around), pin)


def _hidden(config: Config) -> frozenset[str]:
    return frozenset(wallet.id for wallet in config.wallets if not wallet.public)


def _may_be_public(record: Record, hidden: Collection[str]) -> bool:
    """Whether anyone may see a record of a chain, for what it says; the wallets `hidden` are the auditor's alone."""
    if isinstance(record, Descriptor | OwnWallet):
        return False
    return not (isinstance(record, Reading | Authority) and record.wallet in hidden)


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


def _register(config: Config, period: str, nonce: str) -> bytes:
    """A digest of what is read, whichever nodes it is read from."""
    chains = []
    for chain in config.chains:
        apart = {"nodes", "agree", "grace", "reason"} | ({"window"} if chain.window is None else set())
        chains.append({**chain.model_dump(mode="json", exclude=apart), "several": chain.needed > 1})
    wallets = [wallet.to_value() for wallet in config.wallets]
    read = {asset for chain in config.chains for asset in (chain.native, *(token.asset for token in chain.tokens))}
    decimals = {asset: config.decimals[asset] for asset in read}
    read_there = {"period": period, "chains": chains, "wallets": wallets, "decimals": decimals}
    return sha256(dumps(read_there if nonce == NO_NONCE else {**read_there, "nonce": nonce})).digest()


def _register_parts(config: Config, period: str, nonce: str) -> dict[str, bytes]:
    """Digests of what the register is made of, by the name that people know it by."""
    whole = config.model_copy(
        update={"chains": tuple(chain.model_copy(update={"window": None}) for chain in config.chains), "wallets": ()}
    )
    windows = [chain.window and chain.window.to_value() for chain in config.chains]
    return {
        "period": sha256(period.encode()).digest(),
        "chains, their tokens and decimals": _register(whole, "-", NO_NONCE),
        "window": sha256(dumps(windows)).digest(),
        "wallets": sha256(dumps([wallet.to_value() for wallet in config.wallets])).digest(),
        "nonce": sha256(nonce.encode()).digest(),
    }


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


def add_declarations(config: Config, forms: Sequence[DeclarationRecord], reserves: Reserves) -> None:
    """Add the signed `forms` of the config to the evidence."""
    add_documents(reserves, zip(forms, config.declarations, strict=True))


def add_documents(
    reserves: Reserves, documents: Iterable[tuple[Record, Money | HeldCoins | CoverContract | DeclarationForm]]
) -> None:
    """Add records of documents, each with the table of the config that names it, to the evidence."""
    for record, table in documents:
        reserves.evidence.add(record, public=table.public)


def _add_money(documents: Sequence[MoneyDocument], config: Config, reserves: Reserves) -> None:
    reserves.money += [money_line(document) for document in documents]
    add_documents(reserves, zip(documents, config.money, strict=True))
