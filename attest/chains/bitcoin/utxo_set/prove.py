"""Outputs proven by the whole set that they are in: one node dumps it, another node confirms its hash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from attest.chains.bitcoin.answers import integer, no_answer, refused_with, shaped
from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.records import BitcoinUtxoSet, Utxo
from attest.chains.bitcoin.unspent import Unspent, difference
from attest.chains.bitcoin.utxo_set.dump import Output
from attest.chains.bitcoin.utxo_set.read import UtxoSet, read_utxo_set
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.wallets import Pin
from attest.documents import parse_hex
from attest.errors import UnavailableError, VerificationError
from attest.evidence.record import new_salt

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
        raise UnavailableError(
            "bitcoin/utxo-set",
            f"{path} is the set of unspent outputs of block {found.block_hash.hex()}, not of the pin",
            hint=_REMOVE,
        )
    listed = tuple(sorted((_utxo(output) for output in found.found), key=lambda utxo: (utxo.txid, utxo.vout)))
    if listed != unspent:
        raise VerificationError(
            "bitcoin/utxo-set",
            f"the set of unspent outputs in {path} is not what was read of the nodes: it {difference(unspent, listed)}",
            hint=f"{_REMOVE}; if it comes out so again, the unspent outputs of node {first.name} are damaged",
        )
    confirmed = tuple(node.name for node in others if _confirms(node, pin, found, first, quorum.tell))
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
            with suppress(OSError):  # the file may be the node's, and not ours to delete
                path.unlink()
            raise no_answer(
                node, "utxo-set", f"wrote the unspent outputs of block {str(answer['base_hash'])[:64]}, not of the pin"
            )
    if not path.exists():
        raise UnavailableError(
            "bitcoin/utxo-set",
            f"node {node.name} wrote its unspent outputs to {path}, and there is no such file here",
            hint="utxo_set must be a folder that the node and attest see under the same path",
        )


def _confirms(node: Node, pin: Pin, found: UtxoSet, dumper: Node, tell: Callable[[str], None]) -> bool:
    """Whether `node` says the same hash of its own set at `pin`; false when it cannot say one. `tell` hears why.

    Raises `VerificationError` when it says another.
    """
    try:
        answer = node.call("gettxoutsetinfo", "muhash", pin.block_hash.hex(), deadline=_HASH_SECONDS)
        with shaped(node, "an answer to gettxoutsetinfo"):
            block_hash, muhash = parse_hex(answer["bestblock"]), parse_hex(answer["muhash"])
            outputs = integer(node, answer["txouts"])
        if block_hash != pin.block_hash:
            raise no_answer(node, "utxo-set", f"answered of the block {block_hash.hex()[:64]}, not of the pin")
    except UnavailableError as error:
        tell(f"the set of unspent outputs is not confirmed: {error.message}{_remedy(error)}")
        return False
    if (muhash, outputs) != (found.muhash, found.outputs):
        raise VerificationError(
            "bitcoin/utxo-set",
            f"two nodes have other unspent outputs at the pinned block: {dumper.name} wrote {found.outputs:,} with the "
            f"MuHash {'' if found.muhash is None else found.muhash.hex()}, {node.name} says {outputs:,} and "
            f"{muhash.hex()[:64]}",
            hint=f"one of the two is damaged or wrong. {node.name} answers from its coinstatsindex, built anew "
            f"when its folder indexes/coinstats is deleted; of {dumper.name}: {_REMOVE}",
        )
    return True


def _remedy(error: UnavailableError) -> str:
    """What to do where bitcoind said why it keeps no hashes of its set, or has none yet of that block."""
    if refused_with(error, "requires coinstatsindex"):
        return " (start it with -coinstatsindex=1)"
    if refused_with(error, "still syncing"):
        return " (its index is being built: run again later to have the outputs proven)"
    return ""


def _utxo(output: Output) -> Utxo:
    return Utxo(txid=output.txid, vout=output.vout, script=output.script, amount=output.amount, height=output.height)
