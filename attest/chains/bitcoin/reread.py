"""The unspent outputs of readings, asked of a node again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attest.chains.bitcoin.records import BitcoinUtxos, Utxo
from attest.chains.bitcoin.unspent import difference, unspent_at
from attest.chains.nodes.rpc import Node
from attest.chains.records import Reading
from attest.chains.reread import differs
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record


def reread_outputs(node: Node, pin: Pin, readings: Mapping[int, Reading]) -> int:
    """How many of `readings`, by index, have the outputs that `node` lists for their scripts at `pin`.

    One without outputs names no script that a node could be asked for. Raises `VerificationError` naming the record and
    the node, `AttestError`.
    """
    asked = {index: item for index, item in readings.items() if isinstance(item, BitcoinUtxos) and item.utxos}
    if not asked:
        return 0
    said: dict[bytes, set[Utxo]] = {utxo.script: set() for reading in asked.values() for utxo in reading.utxos}
    for utxo in unspent_at(node, pin, sorted(said)):
        said[utxo.script].add(utxo)
    for index, reading in asked.items():
        shown: dict[bytes, set[Utxo]] = {}
        for utxo in reading.utxos:
            shown.setdefault(utxo.script, set()).add(utxo)
        for script, utxos in shown.items():
            if utxos != said[script]:
                raise differs(node, index, reading, f"lists other outputs of the script {script.hex()}")
    return len(asked)


def check_outputs(node: Node, pin: Pin, records: Sequence[Record], scripts: Mapping[str, Sequence[bytes]]) -> None:
    """See that `node` has the outputs at `pin` that `records` have, and no other of their wallets.

    `scripts` are those of each wallet. Raises `VerificationError`, `AttestError`.
    """
    readings = [record for record in records if isinstance(record, BitcoinUtxos)]
    wanted = {script for reading in readings for script in scripts[reading.wallet]}
    ordered = tuple(sorted((utxo for reading in readings for utxo in reading.utxos), key=_outpoint))
    if wanted and (said := unspent_at(node, pin, sorted(wanted))) != ordered:
        raise VerificationError("nodes/differs", f"node {node.name} {difference(ordered, said)}")


def _outpoint(utxo: Utxo) -> tuple[bytes, int]:
    return utxo.txid, utxo.vout
