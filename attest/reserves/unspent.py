"""The unspent outputs of some scripts at one block, as a Bitcoin node has them.

`scantxoutset` reads the set of unspent outputs at the node's tip, so coins in the mempool never count. For an earlier
block those above it are undone: what they created is left out, what they spent is put back. The node is asked for
scripts, not for descriptors: it learns no extended key, and what it returns must pay to a script that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple

from attest.documents import parse_hex
from attest.errors import AttestError, UnavailableError
from attest.reserves.bitcoin_header import header_hash, previous_hash
from attest.reserves.bitcoin_node import checked_header, height_in, lie, shaped
from attest.reserves.pins import lost
from attest.reserves.records import Utxo
from attest.reserves.rpc import Node
from attest.reserves.wallets import BITCOIN_DECIMALS, Pin

_SCAN_SECONDS: Final = 3600.0  # mainnet: minutes on a fast disk, ten on a slow one
_BLOCK_SECONDS: Final = 300.0
_TRIES: Final = 3
_UNFILTERED_BLOCKS: Final = 300  # so many whole blocks are read when a node has no filters to choose among them
_AS_HEX: Final = False  # getblockheader's second parameter, verbose
_WITH_PREVOUTS: Final = 3  # getblock's verbosity
# CAmount (src/consensus/amount.h): as many outputs as there can be add up to less than 2^128.
_MAX_SATOSHIS: Final = 2**63 - 1
_MAX_ABOVE: Final = 2**20  # blocks on a pin: twenty years of Bitcoin's, five of Litecoin's


Unspent = tuple[Utxo, ...]


class _Scan(NamedTuple):
    height: int
    block_hash: str
    unspent: Unspent


def unspent_at(node: Node, pin: Pin, wanted: Sequence[bytes]) -> Unspent:
    """The outputs paying to the `wanted` scripts that are unspent at `pin`, by outpoint, as `node` has them.

    Raises `PinLostError` when the pin is not on the node's chain, `AttestError`.
    """
    descriptors = [f"raw({script.hex()})" for script in wanted]
    for _ in range(_TRIES):
        scan = _scan(node, descriptors, frozenset(wanted))
        if scan.block_hash == pin.block_hash.hex():
            return _each_once(node, scan.unspent)
        above = _blocks_above(node, pin, scan)
        if above is None:
            continue  # the chain changed while it was read
        kept = [utxo for utxo in scan.unspent if utxo.height <= pin.height]
        kept += _spent_above(node, pin, above, descriptors, frozenset(wanted))
        return _each_once(node, kept)
    raise UnavailableError("bitcoin/tip", f"node {node.name}: its chain changed during each of {_TRIES} scans")


def _scan(node: Node, descriptors: list[str], wanted: frozenset[bytes]) -> _Scan:
    answer = node.call("scantxoutset", "start", descriptors, deadline=_SCAN_SECONDS)
    with shaped(node, "a scan"):
        height = height_in(node, answer, "height")
        if answer["success"] is not True:
            raise lie(node, "scan", "did not finish scanning its unspent outputs")
        unspent = tuple(
            _utxo(
                node,
                txid=item["txid"],
                vout=item["vout"],
                script=item["scriptPubKey"],
                amount=item["amount"],
                height=height_in(node, item, "height", at_most=height),
            )
            for item in answer["unspents"]
        )
        if sum(utxo.amount for utxo in unspent) != _satoshis(answer["total_amount"]):
            raise lie(node, "scan", "returned outputs that do not add up to its own total")
        for utxo in unspent:
            if utxo.script not in wanted:
                raise lie(node, "script", f"returned an output that nobody asked for: {utxo.txid.hex()}:{utxo.vout}")
            if utxo.height == 0:
                raise lie(node, "height", f"returned an output of no block: {utxo.txid.hex()}:{utxo.vout}")
        return _Scan(height, str(answer["bestblock"]), unspent)


def _blocks_above(node: Node, pin: Pin, scan: _Scan) -> list[str] | None:
    """The hashes of the blocks above `pin` up to where the scan was, oldest first; None when the scan's is gone.

    Their headers link them, so that nothing is undone which does not stand on the pin.
    """
    heights = range(pin.height, scan.height + 1)
    if len(heights) > _MAX_ABOVE:
        raise lie(node, "height", f"has {len(heights):,} blocks from the pin {pin.height} on, more than {_MAX_ABOVE:,}")
    if not heights:
        raise UnavailableError("bitcoin/behind", f"node {node.name} is at {scan.height}, below the pin {pin.height}")
    hashes = [str(item) for item in node.batch([("getblockhash", [height]) for height in heights])]
    if hashes[0] != pin.block_hash.hex():
        raise lost(node.name, pin)
    if hashes[-1] != scan.block_hash:
        return None
    headers = [
        checked_header(node, block_hash, answer)
        for block_hash, answer in zip(
            hashes, node.batch([("getblockheader", [item, _AS_HEX]) for item in hashes]), strict=True
        )
    ]
    if any(previous_hash(child) != header_hash(parent) for parent, child in pairwise(headers)):
        return None
    return hashes[1:]


def _spent_above(
    node: Node, pin: Pin, above: list[str], descriptors: list[str], wanted: frozenset[bytes]
) -> Iterator[Utxo]:
    """The wanted outputs that existed at `pin` and were spent in the blocks `above` it."""
    for block_hash in _relevant(node, pin, above, descriptors):
        block = node.call("getblock", block_hash, _WITH_PREVOUTS, deadline=_BLOCK_SECONDS)
        with shaped(node, "a block"):
            for spent in (item for transaction in block["tx"][1:] for item in transaction["vin"]):
                prevout = _prevout(node, spent)
                script = prevout["scriptPubKey"]["hex"]
                height = height_in(node, prevout, "height", at_most=pin.height + len(above))
                if height <= pin.height and parse_hex(script) in wanted:
                    yield _utxo(
                        node,
                        txid=spent["txid"],
                        vout=spent["vout"],
                        script=script,
                        amount=prevout["value"],
                        height=height,
                    )


def _prevout(node: Node, spent: dict[str, Any]) -> dict[str, Any]:
    """The output that an input spends. Bitcoin Core tells it since version 23."""
    if "prevout" not in spent:
        raise UnavailableError(
            "bitcoin/prevouts",
            f"node {node.name} does not tell which outputs a block spent, so it can only be read at its tip",
            hint='use bitcoind 23 or later, or pin = "latest"',
        )
    prevout: dict[str, Any] = spent["prevout"]
    return prevout


def _relevant(node: Node, pin: Pin, above: list[str], descriptors: list[str]) -> list[str]:
    """Those of the blocks `above` the pin that may touch a wanted script, by their filters (BIP-158)."""
    try:
        answer = node.call(
            "scanblocks", "start", descriptors, pin.height + 1, pin.height + len(above), deadline=_SCAN_SECONDS
        )
    except UnavailableError as error:
        if error.code != "node/refused" or "Index is not enabled" not in error.message:
            raise
        if len(above) <= _UNFILTERED_BLOCKS:
            return above
        raise UnavailableError(
            "bitcoin/filters",
            f"node {node.name} has no block filters, and the pin is {len(above)} blocks below its tip",
            hint="start it with -blockfilterindex=1",
        ) from None
    with shaped(node, "a scan of blocks"):
        if answer["completed"] is not True:
            raise lie(node, "scan", "did not finish scanning its block filters")
        relevant = {str(item) for item in answer["relevant_blocks"]}
    if not relevant.issubset(above):
        raise lie(node, "scan", "names blocks that were not asked for")
    return [block_hash for block_hash in above if block_hash in relevant]


def _each_once(node: Node, utxos: Sequence[Utxo]) -> Unspent:
    ordered = sorted(utxos, key=_outpoint)
    for one, other in pairwise(ordered):
        if _outpoint(one) == _outpoint(other):
            raise lie(node, "outpoint", f"returned the output {one.txid.hex()}:{one.vout} twice")
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


def _utxo(node: Node, *, txid: Any, vout: Any, script: Any, amount: Any, height: int) -> Utxo:
    try:
        return Utxo(txid=parse_hex(txid), vout=vout, script=parse_hex(script), amount=_satoshis(amount), height=height)
    except (AttestError, ValueError) as error:
        raise lie(node, "output", f"returned an output that cannot be read: {error}") from None


def _satoshis(value: object) -> int:
    """Bitcoins as the node's JSON has them, in satoshis. Raises `ArithmeticError` when they are no whole number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ArithmeticError  # noqa: TRY004 (one kind of error for all that is no amount)
    amount = Fraction(value) * 10**BITCOIN_DECIMALS
    if amount.denominator != 1 or not 0 <= amount <= _MAX_SATOSHIS:
        raise ArithmeticError
    return amount.numerator
