"""What a month's evidence is gathered from: the chains' nodes, and the documents of banks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest.amounts import parse_decimal
from attest.attestation.config import Chain, Config, Money
from attest.errors import AttestError, MalformedError
from attest.files import read_bounded
from attest.reserves.evidence import BitcoinDescriptor, MoneyDocument, Reading, Record, new_salt
from attest.reserves.wallets import MoneyLine, Pin, ReserveLine, Wallet

MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024


class Gathered(NamedTuple):
    """The pinned blocks, all records, the lines of money, and which records stay with the auditor."""

    pins: list[Pin]
    records: list[Record]
    money: list[MoneyLine]
    private: set[int]


def gather(
    config: Config, folder: Path, period: str, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Gathered:
    """Read every wallet and bank document of the config. Raises `AttestError`."""
    pins: list[Pin] = []
    records: list[Record] = []
    for chain in config.chains:
        wallets = [wallet for wallet in config.wallets if wallet.chain == chain.id]
        if wallets:
            tell(f"reading {len(wallets)} wallets of {chain.id} from node {chain.nodes[0].name}")
            pin, read = read_chain(chain, wallets, config.decimals, environment)
            pins.append(pin)
            records += read
    hidden = {wallet.id for wallet in config.wallets if not wallet.public}
    private = {
        index
        for index, record in enumerate(records)
        if isinstance(record, BitcoinDescriptor) or (isinstance(record, Reading) and record.wallet in hidden)
    }
    lines = []
    for money in config.money:
        document = _money_document(money, folder, period, config.decimals[money.currency])
        lines.append(
            MoneyLine(
                currency=money.currency, purpose=money.purpose, amount=document.amount, evidence_leaf=document.leaf
            )
        )
        if any(isinstance(other, MoneyDocument) and other.counts == document.counts for other in records):
            raise MalformedError("config/money", f"the document {document.document} stands behind two [[money]] tables")
        if not money.public:
            private.add(len(records))
        records.append(document)
    if not records:
        raise MalformedError(
            "config/reserves", "the config names neither a wallet nor money, so nothing can be attested"
        )
    return Gathered(pins, records, lines, private)


def read_chain(
    chain: Chain, wallets: Sequence[Wallet], decimals: Mapping[str, int], environment: Mapping[str, str]
) -> tuple[Pin, list[Record]]:
    """Read the `wallets` of one chain from its node. Raises `AttestError`; see the two readers."""
    from attest.reserves.rpc import Node

    node = Node(chain.nodes[0].name, chain.nodes[0].expanded_url(environment))
    if chain.is_bitcoin:
        from attest.reserves.bitcoin import BitcoinReader

        return BitcoinReader(node, chain.id, chain.native).read(wallets)
    from attest.reserves.ethereum import EthereumReader
    from attest.reserves.ethereum_proof import Token, checksum_address

    tokens = {item.asset: Token(checksum_address(item.contract), item.balance_slot) for item in chain.tokens}
    return EthereumReader(node, chain.id, chain.native, tokens, decimals).read(wallets, chain.pin)


def _money_document(money: Money, folder: Path, period: str, decimals: int) -> MoneyDocument:
    path = folder / money.document.replace("{period}", period)
    data = read_bounded(path, MAX_DOCUMENT_BYTES)
    try:
        amount = parse_decimal(money.amount, decimals)
    except AttestError as error:
        raise MalformedError("config/money", f"money at {money.institution}: {error.message}") from None
    if amount < 0:
        raise MalformedError("config/money", f"money at {money.institution} is negative")
    return MoneyDocument(
        type="money",
        salt=new_salt(),
        currency=money.currency,
        purpose=money.purpose,
        amount=amount,
        institution=money.institution,
        document=path.name,
        sha256=sha256(data).digest(),
    )


def reserve_lines(records: Sequence[Record]) -> tuple[ReserveLine, ...]:
    """The statement's lines that the readings among `records` add up to."""
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for record in records:
        if isinstance(record, Reading):
            groups.setdefault(record.line, []).append(record)
    lines = [
        ReserveLine(
            asset=readings[0].asset,
            chain=readings[0].chain,
            purpose=readings[0].purpose,
            storage=readings[0].storage,
            evidence=readings[0].level,
            control="none",
            amount=sum(reading.amount for reading in readings),
            wallets=len(readings),
        )
        for readings in groups.values()
    ]
    return tuple(sorted(lines, key=lambda line: line.key))
