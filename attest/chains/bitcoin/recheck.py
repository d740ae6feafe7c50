"""What the records of one block of a Bitcoin chain say, and whether they show the outputs of readings."""

from __future__ import annotations

from attest.chains.bitcoin.records import BitcoinUtxos, BitcoinUtxoSet
from attest.chains.bitcoin.utxo_set.read import UtxoSet
from attest.chains.family import Dump
from attest.chains.records import Authority, Reading
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record


class BitcoinFacts:
    """The set of unspent outputs of one block `pin`, as far as records or a dump say it."""

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        self._set: BitcoinUtxoSet | None = None
        self._unspent: frozenset[tuple[object, ...]] | None = None

    def note(self, record: Record) -> None:
        """Keep the hashes of the set of unspent outputs. Raises `VerificationError` for a second record of them."""
        if isinstance(record, BitcoinUtxoSet):
            if self._set is not None:
                raise VerificationError("recheck/twice", "a chain has one such record, and this is the second")
            self._set = record

    def hold_against(self, dump: Dump) -> None:
        """Keep the outputs of `dump`. Raises `VerificationError` when it is of another block, or has another hash."""
        if not isinstance(dump, UtxoSet):
            raise TypeError(type(dump))
        if dump.block_hash != self._pin.block_hash:
            raise VerificationError(
                "recheck/utxo-set",
                f"the set of unspent outputs is that of block {dump.block_hash.hex()}, not of the pin",
            )
        said = self._set
        if said is not None and (said.outputs, said.hash_serialized) != (dump.outputs, dump.hash_serialized):
            raise VerificationError(
                "recheck/utxo-set", "the set of unspent outputs has another hash than the evidence says"
            )
        self._unspent = frozenset(
            (output.txid, output.vout, output.script, output.amount, output.height) for output in dump.found
        )

    def amount(self, reading: Reading) -> int:
        """The sum of the reading's outputs, none of which contradicts what is known. Raises `VerificationError`."""
        if not isinstance(reading, BitcoinUtxos):
            raise TypeError(type(reading))
        if any(utxo.height > self._pin.height for utxo in reading.utxos):
            raise VerificationError("recheck/height", "an output is younger than the block that it was read at")
        if reading.level == "proven" and self._set is None:
            raise VerificationError(
                "recheck/level", "it claims to be proven, and no record names the set of unspent outputs"
            )
        for utxo in reading.utxos if self._unspent is not None else ():
            if (utxo.txid, utxo.vout, utxo.script, utxo.amount, utxo.height) not in (self._unspent or ()):
                raise VerificationError(
                    "recheck/utxo-set", f"{utxo.txid.hex()}:{utxo.vout} is not among the unspent outputs"
                )
        return sum(utxo.amount for utxo in reading.utxos)

    def check_authority(self, record: Authority) -> None:
        """None can be right, because a script signs by itself."""
        raise TypeError(type(record))
