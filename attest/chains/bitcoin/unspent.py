"""The unspent outputs of some scripts at one block, as a Bitcoin node has them.

`scantxoutset` reads the set of unspent outputs at the node's tip, so coins in the mempool never count. For an earlier
block those above it are undone: what they created is left out, what they spent is put back. The node is asked for
scripts, not for descriptors: it learns no extended key, and what it returns must pay to a script that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import Any, Final, NamedTuple

from attest.chains.bitcoin.answers import (
    behind,
    contradiction,
    height_in,
    integer,
    no_answer,
    refused_with,
    satoshis,
    shaped,
    utxo_in,
)
from attest.chains.bitcoin.blocks_above import blocks_from, spent_above
from attest.chains.bitcoin.records import Utxo
from attest.chains.nodes.rpc import Node, NodeRefusedError
from attest.chains.wallets import Pin
from attest.errors import UnavailableError

_SCAN_SECONDS: Final = 3600.0  # mainnet: minutes on a fast disk, ten on a slow one
_BUSY_SECONDS: Final = 3600.0  # how long another's scan is waited for
_LONGEST_PAUSE: Final = 15.0
_TRIES: Final = 3


Unspent = tuple[Utxo, ...]


class _Scan(NamedTuple):
    height: int
    block_hash: str
    unspent: Unspent


def unspent_at(
    node: Node, pin: Pin, wanted: Sequence[bytes], *, tell: Callable[[str], None] = lambda _: None
) -> Unspent:
    """The outputs paying to the `wanted` scripts that are unspent at `pin`, by outpoint, as `node` has them.

    `tell` hears when another's scan is waited for. Raises `PinLostError` when the pin is not on the node's chain,
    `UnavailableError` when the node's answer may not be complete, `AttestError`.
    """
    scripts = frozenset(wanted)
    for _ in range(_TRIES):
        scan = _scan(node, wanted, scripts, tell)
        if scan.block_hash == pin.block_hash.hex():
            return _each_once(node, scan.unspent)
        if scan.height < pin.height:
            raise behind(node, pin.height)
        blocks = blocks_from(node, pin, scan.height, scan.block_hash)
        if blocks is None:
            continue  # the chain changed while it was read
        pinned, *above = blocks
        paid = {utxo.height for utxo in scan.unspent if utxo.height > pin.height}
        kept = [utxo for utxo in scan.unspent if utxo.height <= pin.height]
        return _each_once(node, [*kept, *spent_above(node, pinned, above, scripts, paid)])
    raise UnavailableError(
        "bitcoin/tip", f"node {node.name}: its chain changed during each of {_TRIES} scans", hint="run again"
    )


def _scan(node: Node, wanted: Sequence[bytes], scripts: frozenset[bytes], tell: Callable[[str], None]) -> _Scan:
    answer = _scanned(node, [f"raw({script.hex()})" for script in wanted], tell)
    with shaped(node, "a scan"):
        height, block_hash = height_in(node, answer, "height"), str(answer["bestblock"])
        _refuse_short(node, block_hash, integer(node, answer["txouts"]))
        unspent = tuple(
            utxo_in(
                node,
                txid=item["txid"],
                vout=item["vout"],
                script=item["scriptPubKey"],
                amount=item["amount"],
                height=height_in(node, item, "height"),
            )
            for item in answer["unspents"]
        )
        if sum(utxo.amount for utxo in unspent) != satoshis(answer["total_amount"]):
            raise contradiction(node, "scan", "returned outputs that do not add up to its own total")
        for utxo in unspent:
            if utxo.script not in scripts:
                raise contradiction(
                    node, "script", f"returned an output that nobody asked for: {utxo.txid.hex()}:{utxo.vout}"
                )
            if not 0 < utxo.height <= height:
                raise contradiction(
                    node,
                    "height",
                    f"returned an output of height {utxo.height:,} at height {height:,}: {utxo.txid.hex()}:{utxo.vout}",
                )
        return _Scan(height, block_hash, unspent)


def _scanned(node: Node, descriptors: list[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """The answer of a scan that went to its end.

    A node scans once at a time, and goes on when its caller has gone: a scan under way is waited for.
    """
    waited, aborted = 0.0, 0
    for attempt in count():
        try:
            answer = node.call("scantxoutset", "start", descriptors, deadline=_SCAN_SECONDS)
        except UnavailableError as error:
            if not refused_with(error, "Scan already in progress"):
                raise
        else:
            with shaped(node, "a scan"):
                if answer["success"] is True:
                    return dict(answer)
            aborted += 1
            if aborted == _TRIES:
                raise no_answer(
                    node,
                    "scan",
                    f"ended its scan of the unspent outputs {_TRIES} times before it was done",
                    hint="see that nobody calls `scantxoutset abort` and that the node stays up, then run again",
                )
        pause = min(2.0**attempt, _LONGEST_PAUSE)
        if waited + pause > _BUSY_SECONDS:
            raise no_answer(
                node,
                "busy",
                f"scans its unspent outputs for another caller, or for an earlier run of attest{_progress(node)}, and "
                f"was not done within {_BUSY_SECONDS / 60:.0f} minutes",
                hint="run again when `bitcoin-cli scantxoutset status` prints nothing; `bitcoin-cli scantxoutset "
                "abort` ends a scan that nobody needs",
            )
        if not waited:
            tell(f"node {node.name} is busy with another scan of its unspent outputs, which is waited for")
        node.pause(pause)
        waited += pause
    raise AssertionError


def _progress(node: Node) -> str:
    try:
        status = node.call("scantxoutset", "status")
    except UnavailableError:  # the scan has ended just now
        return ""
    progress = status.get("progress") if isinstance(status, dict) else None
    return f" ({progress} % done)" if type(progress) is int else ""


def _refuse_short(node: Node, block_hash: str, scanned: int) -> None:
    """Raises `UnavailableError` when a scan went over fewer or more outputs than the node's own index counts.

    bitcoind's database passes over what it cannot read, and the scan of a damaged set ends with success and fewer
    outputs. `coinstatsindex` counts them in another place; without it only a second node can tell.
    """
    try:
        said = node.call("gettxoutsetinfo", "none", block_hash)
    except NodeRefusedError:
        return
    with shaped(node, "an answer to gettxoutsetinfo"):
        counted = integer(node, said["txouts"])
        if said["bestblock"] == block_hash and counted != scanned:
            raise no_answer(
                node,
                "damaged",
                f"went over {scanned:,} unspent outputs, and its coinstatsindex counts {counted:,} at that block",
                hint="one of the two is damaged: restart it with -reindex-chainstate; if that does not help, delete "
                "the folder indexes/coinstats in its data directory",
            )


def _each_once(node: Node, utxos: Sequence[Utxo]) -> Unspent:
    ordered = sorted(utxos, key=_outpoint)
    for one, other in pairwise(ordered):
        if _outpoint(one) == _outpoint(other):
            raise contradiction(node, "outpoint", f"returned the output {one.txid.hex()}:{one.vout} twice")
    return tuple(ordered)


def _outpoint(utxo: Utxo) -> tuple[bytes, int]:
    return utxo.txid, utxo.vout


def difference(one: Unspent, other: Unspent) -> str:
    """In which output the list of a node, `other`, differs from the one it is held against."""
    a, b = ({_outpoint(utxo): utxo for utxo in utxos} for utxos in (one, other))
    txid, vout = min(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    name = f"{txid.hex()}:{vout}"
    match a.get((txid, vout)), b.get((txid, vout)):
        case None, Utxo():
            return f"has an unspent output {name} more"
        case Utxo(), None:
            return f"does not have the unspent output {name}"
    return f"says something else of the output {name}"
