"""Bitcoin: the unspent outputs of a register's scripts at one block, from `scantxoutset`.

The scan reads the set of unspent outputs alone, so coins in the mempool never count. The node is asked
for scripts derived here, not for descriptors: it learns no extended key, and an output it returns must
pay to a script that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from attest.amounts import MAX_AMOUNT
from attest.documents import parse_hex
from attest.errors import AttestError, MalformedError, VerificationError
from attest.reserves.bitcoin_header import HEADER_BYTES, header_hash, header_time
from attest.reserves.bitcoin_scripts import scripts
from attest.reserves.evidence import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, Record, Utxo, new_salt
from attest.reserves.rpc import Node
from attest.reserves.wallets import BITCOIN_DECIMALS, Pin, Wallet

_SCAN_SECONDS: Final = 3600.0  # mainnet: minutes on a fast disk, ten on a slow one
_SCAN_TRIES: Final = 3
_MAX_HEIGHT: Final = 2**31
_AS_HEX: Final = False  # getblockheader's second parameter, verbose


@dataclass(frozen=True, slots=True)
class BitcoinReader:
    """Reads one chain from one node at its tip."""

    node: Node
    chain: str
    asset: str

    def read(self, wallets: Sequence[Wallet]) -> tuple[Pin, list[Record]]:
        """Pin the tip and list the unspent outputs of every wallet there.

        Returns the pin, and the records: the header, then one per wallet, then one per descriptor.
        Raises `UnavailableError` when the node does not answer, `VerificationError` when its answers
        contradict each other or the chain.
        """
        owners: dict[bytes, Wallet] = {}
        for wallet in wallets:
            for script in scripts(wallet):
                if (other := owners.setdefault(script, wallet)) is not wallet:
                    raise MalformedError(
                        "config/double-count", f"wallets {other.id} and {wallet.id} share the script {script.hex()}"
                    )
        genesis = str(self.node.call("getblockhash", 0))
        if not genesis.startswith(self.chain.removeprefix("bip122:")):
            raise self._lie("chain", f"is on the chain of genesis block {genesis}, not on {self.chain}")
        pin, header, unspents = self._scan(sorted(owners))
        found: dict[str, list[Utxo]] = {wallet.id: [] for wallet in wallets}
        for utxo in unspents:
            owner = owners.get(utxo.script)
            if owner is None:
                raise self._lie("script", f"returned an output that nobody asked for: {utxo.txid.hex()}:{utxo.vout}")
            found[owner.id].append(utxo)
        if len({(utxo.txid, utxo.vout) for utxo in unspents}) != len(unspents):
            raise self._lie("outpoint", "returned the same output twice")
        records: list[Record] = [BitcoinHeader(type="bitcoin-header", salt=new_salt(), chain=self.chain, header=header)]
        records += [self._reading(wallet, found[wallet.id]) for wallet in wallets]
        records += [_descriptor(wallet) for wallet in wallets if wallet.descriptor is not None]
        return pin, records

    def _scan(self, wanted: list[bytes]) -> tuple[Pin, bytes, list[Utxo]]:
        descriptors = [f"raw({script.hex()})" for script in wanted]
        for _ in range(_SCAN_TRIES):
            tip = str(self.node.call("getbestblockhash"))
            answer = self.node.call("scantxoutset", "start", descriptors, deadline=_SCAN_SECONDS)
            try:
                height, scanned = answer["height"], str(answer["bestblock"])
                if type(height) is not int or not 0 <= height < _MAX_HEIGHT:
                    raise self._lie("scan", "answered with a height that is none")
                if answer["success"] is not True:
                    raise self._lie("scan", "did not finish scanning its unspent outputs")
                unspents = [self._utxo(item, height) for item in answer["unspents"]]
                total = _satoshis(answer["total_amount"])
            except (KeyError, TypeError, ArithmeticError, AttributeError) as error:
                raise self._lie("scan", f"answered something else than a scan ({type(error).__name__})") from None
            if scanned != tip:
                continue  # a block arrived between choosing the pin and scanning: pin anew
            if sum(utxo.amount for utxo in unspents) != total:
                raise self._lie("scan", "returned outputs that do not add up to its own total")
            header = self._header(tip, height)
            pin = Pin(chain=self.chain, height=height, block_hash=header_hash(header), time=header_time(header))
            return pin, header, unspents
        raise self._lie("tip", f"found a new block during each of {_SCAN_TRIES} scans")

    def _header(self, block_hash: str, height: int) -> bytes:
        try:
            header = parse_hex(str(self.node.call("getblockheader", block_hash, _AS_HEX)))
        except MalformedError as error:
            raise self._lie("header", error.message) from None
        if len(header) != HEADER_BYTES or header_hash(header).hex() != block_hash:
            raise self._lie("header", "answered with a header that does not hash to the pinned block")
        if self.node.call("getblockhash", height) != block_hash:
            raise self._lie("reorganised", "has replaced the pinned block; what was read is void")
        return header

    def _utxo(self, item: dict[str, Any], tip: int) -> Utxo:
        if type(item["height"]) is not int or not 0 < item["height"] <= tip:
            raise self._lie("height", f"returned an output of height {item['height']} at tip {tip}")
        try:
            return Utxo(
                txid=parse_hex(item["txid"]),
                vout=item["vout"],
                script=parse_hex(item["scriptPubKey"]),
                amount=_satoshis(item["amount"]),
                height=item["height"],
            )
        except (AttestError, ValueError) as error:
            raise self._lie("output", f"returned an output that cannot be read: {error}") from None

    def _reading(self, wallet: Wallet, utxos: list[Utxo]) -> BitcoinUtxos:
        return BitcoinUtxos(
            type="bitcoin-utxos",
            salt=new_salt(),
            chain=self.chain,
            wallet=wallet.id,
            purpose=wallet.purpose,
            storage=wallet.storage,
            asset=self.asset,
            amount=sum(utxo.amount for utxo in utxos),
            utxos=tuple(sorted(utxos, key=lambda utxo: (utxo.txid, utxo.vout))),
        )

    def _lie(self, code: str, text: str) -> VerificationError:
        return VerificationError(f"bitcoin/{code}", f"node {self.node.name} {text}")


def _satoshis(value: object) -> int:
    """Bitcoins as the node's JSON has them, in satoshis. Raises `ArithmeticError` when they are no whole number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ArithmeticError  # noqa: TRY004 (one kind of error for all that is no amount)
    amount = Fraction(value) * 10**BITCOIN_DECIMALS
    if amount.denominator != 1 or not 0 <= amount <= MAX_AMOUNT:
        raise ArithmeticError
    return amount.numerator


def _descriptor(wallet: Wallet) -> BitcoinDescriptor:
    fields: dict[str, Any] = {"wallet": wallet.id, "descriptor": wallet.descriptor}
    if wallet.range is not None:
        fields["range"] = wallet.range
    return BitcoinDescriptor(type="bitcoin-descriptor", salt=new_salt(), **fields)
