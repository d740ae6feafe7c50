"""Outputs proven by the whole set that they are in: one node dumps it, another node confirms its hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from attest.documents import parse_hex
from attest.errors import UnavailableError, VerificationError
from attest.reserves.bitcoin_networks import network
from attest.reserves.bitcoin_node import lie, shaped
from attest.reserves.quorum import Quorum
from attest.reserves.records import BitcoinUtxoSet, Utxo, new_salt
from attest.reserves.rpc import Node
from attest.reserves.unspent import Unspent, difference
from attest.reserves.utxo_dump import Output
from attest.reserves.utxo_set import UtxoSet, read_utxo_set
from attest.reserves.wallets import Pin

_DUMP_SECONDS: Final = 4 * 3600.0  # mainnet, rolled back by a month: hours
_HASH_SECONDS: Final = 600.0
_REMOVE: Final = "remove the file to have it written again"


def prove_unspent(
    quorum: Quorum, pin: Pin, unspent: Unspent, wanted: frozenset[bytes], folder: Path
) -> BitcoinUtxoSet | None:
    """The hashes of the set of unspent outputs at `pin`, in which `unspent` is all that pays to the `wanted` scripts.

    The first node writes its set into `folder`, which it must see under the same path; a file that is there is taken.
    The set is hashed here and compared with what the other nodes say (`coinstatsindex`); None when none of them can
    say it. Raises `VerificationError` when the set does not hold `unspent` or has another hash, `AttestError`.
    """
    first, *others = quorum.nodes
    path = folder / f"utxo-{pin.height}-{pin.block_hash.hex()[-16:]}.dat"
    if not path.exists():
        quorum.tell(f"node {first.name} writes its unspent outputs to {path}")
        _dump(first, pin, path)
    quorum.tell(f"hashing the unspent outputs in {path}")
    found = read_utxo_set(path, magic=network(pin.chain).magic, scripts=wanted, with_muhash=True)
    if found.block_hash != pin.block_hash:
        raise lie(first, "utxo-set", f"wrote the set of block {found.block_hash.hex()} to {path}; {_REMOVE}")
    listed = tuple(sorted((_utxo(output) for output in found.found), key=lambda utxo: (utxo.txid, utxo.vout)))
    if listed != unspent:
        raise lie(first, "utxo-set", f"wrote a set to {path} that {difference(unspent, listed)}; {_REMOVE}")
    confirmed = tuple(node.name for node in others if _confirms(node, pin, found, quorum.tell))
    if not confirmed or found.muhash is None:
        return None
    return BitcoinUtxoSet(
        type="bitcoin-utxo-set",
        salt=new_salt(),
        chain=pin.chain,
        outputs=found.outputs,
        hash_serialized=found.hash_serialized,
        muhash=found.muhash,
        confirmed_by=confirmed,
    )


def _dump(node: Node, pin: Pin, path: Path) -> None:
    block_hash = pin.block_hash.hex()
    answer = node.call("dumptxoutset", str(path), "rollback", {"rollback": block_hash}, deadline=_DUMP_SECONDS)
    with shaped(node, "an answer to dumptxoutset"):
        if answer["base_hash"] != block_hash:
            raise lie(node, "utxo-set", f"wrote the set of block {str(answer['base_hash'])[:64]} to {path}")
    if not path.exists():
        raise UnavailableError(
            "bitcoin/utxo-set",
            f"node {node.name} wrote its unspent outputs to {path}, and there is no such file here",
            hint="utxo_set must be a folder that the node and attest see under the same path",
        )


def _confirms(node: Node, pin: Pin, found: UtxoSet, tell: Callable[[str], None]) -> bool:
    """Whether `node` says the same hash of its own set at `pin`; false when it keeps no such hashes."""
    try:
        answer = node.call("gettxoutsetinfo", "muhash", pin.block_hash.hex(), deadline=_HASH_SECONDS)
    except UnavailableError as error:
        tell(f"the set of unspent outputs is not confirmed: {error.message} (start it with -coinstatsindex=1)")
        return False
    with shaped(node, "an answer to gettxoutsetinfo"):
        said = (parse_hex(answer["bestblock"]), parse_hex(answer["muhash"]), answer["txouts"])
    if said != (pin.block_hash, found.muhash, found.outputs):
        raise VerificationError(
            "bitcoin/utxo-set", f"node {node.name} has another set of unspent outputs at the pinned block"
        )
    return True


def _utxo(output: Output) -> Utxo:
    return Utxo(txid=output.txid, vout=output.vout, script=output.script, amount=output.amount, height=output.height)
