"""A node that failed while a chain was read, compared with what the other nodes gave in an earlier run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attest.chains.bitcoin.records import BitcoinUtxos, Utxo
from attest.errors import VerificationError
from attest.reserves.bitcoin import BitcoinReader
from attest.reserves.journal import Journal
from attest.reserves.pins import Block
from attest.reserves.quorum import Quorum
from attest.reserves.reading import ChainReader
from attest.reserves.records import Authority, Reading, Record
from attest.reserves.reread import reread
from attest.reserves.rpc import Node
from attest.reserves.unspent import difference, unspent_at
from attest.reserves.wallets import Pin, Wallet


def check_kept(node: Node, reader: ChainReader, wallets: Sequence[Wallet], journal: Journal) -> None:
    """Ask `node` for everything that `journal` keeps of a chain, at the blocks that it keeps.

    Proofs are not asked for again: they prove themselves, whoever gave them. Raises `VerificationError` when the node
    says otherwise, `PinLostError` when it does not have one of the blocks, `AttestError` when it does not answer.
    """
    reader.check_chain(node)
    for pin, records in journal.kept(reader.chain):
        header = reader.confirm(node, pin)
        readings = [record for record in records if isinstance(record, Reading)]
        if isinstance(reader, BitcoinReader):
            _check_outputs(node, reader, pin, readings)
        elif readings:
            reread(node, pin, dict(enumerate(readings)), lambda _: None)
        else:
            alone = Quorum(reader.chain, [node], 1, lambda _: None)
            if _stated(reader.safes(alone, Block(pin, header), wallets)) != _stated(records):
                raise _differs(node, f"other Safes at block {pin.height}")


def _check_outputs(node: Node, reader: BitcoinReader, pin: Pin, readings: Sequence[Reading]) -> None:
    """All outputs of the wallets, so that one more than was kept is found too."""
    scripts = {script for reading in readings for script in reader.scripts[reading.wallet]}
    kept = [utxo for reading in readings if isinstance(reading, BitcoinUtxos) for utxo in reading.utxos]
    ordered = tuple(sorted(kept, key=_outpoint))
    if scripts and (said := unspent_at(node, pin, sorted(scripts))) != ordered:
        raise VerificationError("nodes/differs", f"node {node.name} {difference(ordered, said)}")


def _outpoint(utxo: Utxo) -> tuple[bytes, int]:
    return utxo.txid, utxo.vout


def _stated(records: Iterable[Record]) -> set[tuple[object, ...]]:
    return {item.stated for item in records if isinstance(item, Authority)}


def _differs(node: Node, what: str) -> VerificationError:
    return VerificationError("nodes/differs", f"node {node.name} says {what}, differently from the others")
