"""Evidence rechecked offline: from the disclosed records back to the statement's lines (verification step 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from attest.errors import VerificationError
from attest.reserves.bitcoin_header import header_hash, header_time
from attest.reserves.ethereum_proof import (
    Header,
    Token,
    decode_header,
    proven_balance,
    proven_token_balance,
)
from attest.reserves.evidence import (
    BitcoinHeader,
    BitcoinUtxos,
    EthereumBalance,
    EthereumHeader,
    EthereumTokenBalance,
    MoneyDocument,
    Reading,
    Record,
)
from attest.reserves.wallets import MoneyLine, Pin, ReserveLine, native_decimals


class Rechecked(NamedTuple):
    """How many readings and money documents were rechecked, of how many that the statement counts.

    `lines` are the statement's lines of which every wallet was, without their control; `tokens` tells which
    contracts the readings of a token asset on a chain came from.
    """

    readings: int
    readings_stated: int
    documents: int
    documents_stated: int
    lines: frozenset[tuple[str, ...]] = frozenset()
    tokens: Mapping[tuple[str, str], frozenset[str]] = MappingProxyType({})

    @property
    def complete(self) -> bool:
        """Whether nothing that the statement counts was withheld."""
        return self.readings == self.readings_stated and self.documents == self.documents_stated


def recheck(
    records: Iterable[Record],
    *,
    decimals: Mapping[str, int],
    pins: Sequence[Pin],
    reserves: Sequence[ReserveLine],
    money: Sequence[MoneyLine],
) -> Rechecked:
    """Recompute every balance in `records` and add them up to the lines of the statement.

    A line whose wallets are all disclosed must equal their sum; of another line no more may be disclosed
    than it states. Raises `VerificationError` naming the record.
    """
    records = list(records)
    by_chain = {pin.chain: pin for pin in pins}
    headers = _check_headers(records, by_chain)
    readings = [record for record in records if isinstance(record, Reading)]
    tokens: dict[tuple[str, str], frozenset[str]] = {}
    for reading in readings:
        _check_reading(reading, headers, by_chain)
        if isinstance(reading, EthereumTokenBalance):
            place = (reading.asset, reading.chain)
            tokens[place] = tokens.get(place, frozenset()) | {reading.contract}
        elif decimals.get(reading.asset) != native_decimals(reading.chain):
            raise VerificationError(
                "recheck/decimals", f"{reading.asset} has other decimals than the coin of {reading.chain}"
            )
    _refuse_double_counting(readings)
    whole = _check_lines(readings, reserves)
    documents = _check_money([record for record in records if isinstance(record, MoneyDocument)], money)
    return Rechecked(
        len(readings), sum(line.wallets for line in reserves), documents, len(money), whole, MappingProxyType(tokens)
    )


def _check_headers(records: Sequence[Record], pins: dict[str, Pin]) -> dict[str, Header | None]:
    headers: dict[str, Header | None] = {}
    for record in records:
        if not isinstance(record, EthereumHeader | BitcoinHeader):
            continue
        pin = pins.get(record.chain)
        if pin is None or record.chain in headers:
            raise VerificationError("recheck/header", f"{record.chain}: the header of no pinned block, or given twice")
        if isinstance(record, EthereumHeader):
            header = decode_header(record.header)
            agrees = (header.block_hash, header.number, header.time) == (pin.block_hash, pin.height, pin.time)
            headers[record.chain] = header
        else:
            # A Bitcoin header does not carry its height; the hash alone names the block.
            agrees = (header_hash(record.header), header_time(record.header)) == (pin.block_hash, pin.time)
            headers[record.chain] = None
        if not agrees:
            raise VerificationError("recheck/header", f"{record.chain}: the header is not that of the pinned block")
    return headers


def _check_reading(reading: Reading, headers: dict[str, Header | None], pins: dict[str, Pin]) -> None:
    name = f"{reading.asset} of wallet {reading.wallet}"
    if reading.chain not in headers:
        raise VerificationError("recheck/header", f"{name}: there is no header for {reading.chain}")
    try:
        amount = _recompute(reading, headers[reading.chain])
    except VerificationError as error:
        raise VerificationError(error.code, f"{name}: {error.message}") from None
    if isinstance(reading, BitcoinUtxos) and any(utxo.height > pins[reading.chain].height for utxo in reading.utxos):
        raise VerificationError("recheck/height", f"{name}: an output is younger than the pinned block")
    if amount != reading.amount:
        raise VerificationError(
            "recheck/amount", f"{name}: the evidence shows {amount}, the record says {reading.amount}"
        )


def _recompute(reading: Reading, header: Header | None) -> int:
    """The amount that the reading's own evidence shows; `header` is that of an EVM chain, None for Bitcoin."""
    match reading:
        case EthereumBalance() if header is not None:
            return proven_balance(header.state_root, reading.address, reading.account_proof)
        case EthereumTokenBalance() if header is not None:
            return proven_token_balance(
                header.state_root,
                Token(reading.contract, reading.slot),
                reading.address,
                reading.account_proof,
                reading.storage_proof,
            )
        case BitcoinUtxos() if header is None:
            return sum(utxo.amount for utxo in reading.utxos)
    raise VerificationError("recheck/chain", f"a {type(reading).__name__} cannot stand on {reading.chain}")


def _places(reading: Reading) -> Iterable[tuple[object, ...]]:
    """What a reading counts, in a spelling that two readings of the same coins share."""
    match reading:
        case EthereumBalance():
            yield (reading.chain, reading.address.lower())
        case EthereumTokenBalance():
            yield (reading.chain, reading.address.lower(), reading.contract.lower())
        case BitcoinUtxos():
            for utxo in reading.utxos:
                yield (reading.chain, utxo.txid, utxo.vout)


def _refuse_double_counting(readings: Iterable[Reading]) -> None:
    owner: dict[tuple[object, ...], Reading] = {}
    for reading in readings:
        for place in _places(reading):
            if place in owner:
                raise VerificationError(
                    "recheck/double-count",
                    f"wallets {owner[place].wallet} and {reading.wallet} count the same {reading.asset}",
                )
            owner[place] = reading


def _check_lines(readings: Iterable[Reading], reserves: Sequence[ReserveLine]) -> frozenset[tuple[str, ...]]:
    """The lines of which every wallet is disclosed, after comparing all."""
    stated: dict[tuple[str, ...], tuple[int, int]] = {}
    for line in reserves:
        wallets, amount = stated.get(line.key[:-1], (0, 0))
        stated[line.key[:-1]] = (wallets + line.wallets, amount + line.amount)
    sums: dict[tuple[str, ...], list[int]] = {}
    for reading in readings:
        if reading.line not in stated:
            name = " ".join(reading.line)
            raise VerificationError("recheck/line", f"wallet {reading.wallet} has no line in the statement: {name}")
        sums.setdefault(reading.line, []).append(reading.amount)
    whole = set()
    for key, amounts in sums.items():
        wallets, amount = stated[key]
        if len(amounts) == wallets:
            whole.add(key)
        if len(amounts) > wallets or sum(amounts) > amount or (key in whole and sum(amounts) != amount):
            raise VerificationError(
                "recheck/line",
                f"{' '.join(key)}: {len(amounts)} readings add up to {sum(amounts)}, "
                f"the statement says {amount} in {wallets} wallets",
            )
    return frozenset(whole)


def _check_money(documents: Sequence[MoneyDocument], money: Sequence[MoneyLine]) -> int:
    by_leaf = {document.leaf: document for document in documents}
    if len({document.counts for document in documents}) != len(documents):
        raise VerificationError("recheck/money", "one bank document is counted twice")
    found = 0
    for line in money:
        document = by_leaf.pop(line.evidence_leaf, None)
        if document is None:
            continue
        found += 1
        if (document.currency, document.purpose, document.amount) != (line.currency, line.purpose, line.amount):
            raise VerificationError(
                "recheck/money", f"the document {document.document} says something else than its line"
            )
    if by_leaf:
        raise VerificationError("recheck/money", "a money document belongs to no line of the statement")
    return found
