"""The records of a Bitcoin chain: headers, unspent outputs, and the descriptors behind them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from attest.chains.namespaces import ChainId
from attest.chains.records import ChainRecord, Descriptor, HeaderRecord, NodeNames, Outpoint, Place, Reading
from attest.chains.wallets import WalletId
from attest.documents import Amount, Count, Digest, Document, Hex, LongText
from attest.errors import MalformedError, VerificationError


class BitcoinHeader(HeaderRecord):
    """80 bytes; their double SHA-256 is the block hash. Without `window` they are the header of the pinned block."""

    type: Literal["bitcoin-header"]
    chain: ChainId
    window: Count | None = None
    header: Annotated[Hex, Field(min_length=80, max_length=80)]


class Utxo(Document):
    """An unspent output: `txid` as explorers show it, the scriptPubKey, the height that confirmed it."""

    txid: Digest
    vout: Count
    script: Hex
    amount: Amount
    height: Count


class BitcoinUtxos(Reading):
    """The unspent outputs of one wallet's scripts at the pin; `proven` only beside a `bitcoin-utxo-set` record."""

    type: Literal["bitcoin-utxos"]
    level: Literal["proven", "agreed", "single"]
    utxos: Annotated[tuple[Utxo, ...], Field(fail_fast=True)]

    def amounts(self) -> dict[Place, int]:
        """The balance by script, in base units."""
        amounts: dict[Place, int] = {}
        for utxo in self.utxos:
            place = (self.chain, utxo.script)
            amounts[place] = amounts.get(place, 0) + utxo.amount
        return amounts

    def counts(self) -> Iterator[tuple[Hashable, ...]]:
        """Every output, on whatever chain: no transaction is on two of them."""
        for utxo in self.utxos:
            yield (utxo.txid, utxo.vout)

    def outputs(self) -> Iterator[tuple[Outpoint, Hashable]]:
        """Every output by what names it."""
        for utxo in self.utxos:
            yield (utxo.txid, utxo.vout), utxo

    @property
    def needs_dump(self) -> bool:
        """Whether it claims to be proven, which only all outputs of the chain show."""
        return self.level == "proven"

    @property
    def rests_on(self) -> str:
        """How many outputs it has."""
        return f"{len(self.utxos):,} outputs"


class BitcoinUtxoSet(ChainRecord):
    """The hashes of all unspent outputs at the pin, recomputed from a node's dump.

    `outputs`: how many there are.
    `hash_serialized`, `muhash`: the hashes as Bitcoin Core computes them.
    `confirmed_by`: the nodes that gave these hashes of their own sets.
    """

    type: Literal["bitcoin-utxo-set"]
    chain: ChainId
    outputs: Count
    hash_serialized: Digest
    muhash: Digest
    confirmed_by: Annotated[NodeNames, Field(min_length=1)]


class BitcoinDescriptor(Descriptor):
    """The descriptor behind a wallet's scripts. Never public: it reveals every future address."""

    type: Literal["bitcoin-descriptor"]
    wallet: WalletId
    descriptor: LongText
    range: tuple[Count, Count] | None = None

    def check(self, reading: Reading) -> None:
        """See that every output of `reading` pays to a script of the descriptor. Raises `VerificationError`."""
        from attest.chains.bitcoin.scripts import descriptor_scripts

        if not isinstance(reading, BitcoinUtxos) or not reading.utxos:
            return
        try:
            scripts = frozenset(descriptor_scripts(self.descriptor, self.range or (0, 0), reading.chain))
        except MalformedError as error:
            raise VerificationError("recheck/descriptor", error.message) from None
        for utxo in reading.utxos:
            if utxo.script not in scripts:
                raise VerificationError(
                    "recheck/descriptor",
                    f"it is not behind the output {utxo.txid.hex()}:{utxo.vout} of wallet {self.wallet}",
                )
