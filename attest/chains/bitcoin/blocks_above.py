"""The outputs that existed at a pin and were spent in the blocks above it.

A block is passed over only when a sound filter of it shows that it touches none of the wanted scripts; every other is
read whole. A filter is sound when its hash, on the filter header of the block before, gives its own filter header
(BIP-157): bitcoind keeps the headers in a database with checksums, and the filters in files without. So an index that
is behind or damaged costs time, up to `_UNFILTERED_BLOCKS` whole blocks, and then there is no answer; never an output.
Whole blocks alone would be simpler, but a full one is 8 MB of JSON and takes a second, its filter 24 KB and 5 ms.

bitcoind's `scanblocks` is not asked. It says `"completed": true` and names no block when a filter in its range is
missing or cannot be read, and it matches with a key from the file (`block_filter`).

What else may be incomplete about a node refuses by itself: below a snapshot (assumeutxo) and on a pruned node blocks
are refused, during the initial download the tip is low, and signatures that were not checked (assumevalid) take nothing
from the set of outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from attest.chains.bitcoin.answers import (
    NO_SUCH_HEIGHT,
    checked_header,
    height_in,
    integer,
    no_answer,
    refused_with,
    shaped,
    utxo_in,
)
from attest.chains.bitcoin.block_filter import Scripts, filter_header
from attest.chains.bitcoin.header import header_hash, lists_exactly, previous_hash
from attest.chains.bitcoin.records import Utxo
from attest.chains.nodes.answer_sizes import Call
from attest.chains.nodes.rpc import BATCH_SIZE, Node, NodeRefusedError
from attest.chains.pins import lost
from attest.chains.wallets import Pin
from attest.documents import parse_hex
from attest.errors import MalformedError, UnavailableError

_BLOCK_SECONDS: Final = 300.0
_UNFILTERED_BLOCKS: Final = 300  # so many whole blocks are read where filters are missing: two days of Bitcoin's
_AS_HEX: Final = False  # getblockheader's second parameter, verbose
_WITH_PREVOUTS: Final = 3  # getblock's verbosity
_MAX_ABOVE: Final = 2**20  # blocks on a pin: twenty years of Bitcoin's, five of Litecoin's
_INDEX: Final = "basic block filter index"
_HASH_BYTES: Final = 32
_NO_INDEX: Final = "Index is not enabled"  # bitcoind's words
_REBUILD: Final = (
    "its filter index is damaged: stop the node, delete the folder indexes/blockfilter in its data directory, start it "
    "with -blockfilterindex=1, and run again when `bitcoin-cli getindexinfo` says that it is synced"
)


class Link(NamedTuple):
    """A block on the chain from a pin to a tip; `name` is its hash as nodes spell it."""

    height: int
    name: str
    header: bytes


class _Filter(NamedTuple):
    content: bytes
    header: bytes  # in the byte order that nodes show


def blocks_from(node: Node, pin: Pin, height: int, tip: str) -> list[Link] | None:
    """The blocks from `pin` up to the one with the hash `tip` at `height`; None when that is no longer there.

    Their headers link them, so that nothing is undone which does not stand on the pin. Raises `PinLostError`.
    """
    heights = range(pin.height, height + 1)
    if len(heights) > _MAX_ABOVE:
        raise no_answer(
            node,
            "depth",
            f"has {len(heights) - 1:,} blocks above the pin {pin.height:,}; attest goes through {_MAX_ABOVE - 1:,}",
        )
    try:
        names = [str(item) for item in node.batch([("getblockhash", [item]) for item in heights])]
    except UnavailableError as error:
        if not refused_with(error, NO_SUCH_HEIGHT):
            raise
        return None
    if names[0] != pin.block_hash.hex():
        raise lost(node.name, pin)
    if names[-1] != tip:
        return None
    answers = node.batch([("getblockheader", [name, _AS_HEX]) for name in names])
    headers = [checked_header(node, name, answer) for name, answer in zip(names, answers, strict=True)]
    if any(previous_hash(child) != header_hash(parent) for parent, child in pairwise(headers)):
        return None
    return [Link(*link) for link in zip(heights, names, headers, strict=True)]


def spent_above(
    node: Node, pinned: Link, above: Sequence[Link], wanted: Collection[bytes], paid: Collection[int]
) -> Iterator[Utxo]:
    """The `wanted` scripts' outputs that existed at the block `pinned` and were spent in the blocks `above` it.

    `paid` has heights of blocks above that are known to pay to a wanted script: their filters must say so too.
    """
    for block in _to_read(node, pinned, above, wanted, paid):
        with shaped(node, "a block"):
            for spent in _inputs(node, block):
                prevout = _prevout(node, spent)
                script = prevout["scriptPubKey"]["hex"]
                height = height_in(node, prevout, "height")
                if height <= pinned.height and parse_hex(script) in wanted:
                    yield utxo_in(
                        node,
                        txid=spent["txid"],
                        vout=spent["vout"],
                        script=script,
                        amount=prevout["value"],
                        height=height,
                    )


def _to_read(
    node: Node, pinned: Link, above: Sequence[Link], wanted: Collection[bytes], paid: Collection[int]
) -> list[Link]:
    scripts, to_read, unfiltered = Scripts(wanted), [], 0
    before = _filters(node, [pinned])[0]
    for start in range(0, len(above), BATCH_SIZE):
        part = above[start : start + BATCH_SIZE]
        for block, found in zip(part, _filters(node, part), strict=True):
            touched = _touches(scripts, block, found, before)
            if touched is None or touched:
                to_read.append(block)
            elif block.height in paid:
                raise no_answer(
                    node,
                    "filters",
                    f"has an unspent output of block {block.height:,} that its filter of that block does not know",
                    hint=_REBUILD,
                )
            unfiltered += touched is None
            before = found
        if unfiltered > _UNFILTERED_BLOCKS:
            raise _without_filters(node, above, f"{unfiltered:,} of the first {start + len(part):,} blocks", before)
    return to_read


def _touches(
    scripts: Scripts, block: Link, found: _Filter | UnavailableError, before: _Filter | UnavailableError
) -> bool | None:
    """Whether a block may touch the scripts, by its filter; None when it has no filter that is sound."""
    if isinstance(found, UnavailableError) or isinstance(before, UnavailableError):
        return None
    if filter_header(found.content, before.header) != found.header:
        return None
    try:
        return scripts.may_be_in(found.content, bytes.fromhex(block.name))
    except MalformedError:
        return None


def _filters(node: Node, blocks: Sequence[Link]) -> list[_Filter | UnavailableError]:
    """The filter of each block, or in what words the node refuses to give it."""
    calls: list[Call] = [("getblockfilter", [block.name]) for block in blocks]
    try:
        answers = node.batch(calls)
    except NodeRefusedError as error:
        answers = [error if refused_with(error, _NO_INDEX) else _given(node, call) for call in calls]
    return [answer if isinstance(answer, UnavailableError) else _filter(node, answer) for answer in answers]


def _given(node: Node, call: Call) -> Any:
    method, parameters = call
    try:
        return node.call(method, *parameters)
    except NodeRefusedError as error:
        return error


def _filter(node: Node, answer: Any) -> _Filter:
    with shaped(node, "a block filter"):
        found = _Filter(parse_hex(answer["filter"]), parse_hex(answer["header"]))
        if len(found.header) != _HASH_BYTES:
            raise TypeError
        return found


def _without_filters(
    node: Node, above: Sequence[Link], missing: str, last: _Filter | UnavailableError
) -> UnavailableError:
    """The error of a node that gave no sound filter of so many blocks, and why as far as it says so.

    `last` is the filter of the last of them, or how it was refused.
    """
    first, tip = above[0].height, above[-1].height
    words = f" ({last.message})" if isinstance(last, UnavailableError) else ""
    unsound = f"has no sound filter of {missing} above the pin{words}"
    try:
        index = node.call("getindexinfo", _INDEX)
    except NodeRefusedError:
        return no_answer(
            node,
            "filters",
            unsound,
            hint="start it with -blockfilterindex=1, and let attest's user call getblockfilter (-rpcwhitelist)",
        )
    with shaped(node, "an answer to getindexinfo"):
        if _INDEX not in index:
            return no_answer(
                node,
                "filters",
                f"has no block filters, and the pin is {len(above):,} blocks below its tip",
                hint="start it with -blockfilterindex=1",
            )
        reached = integer(node, index[_INDEX]["best_block_height"])
        if index[_INDEX]["synced"] is not True or reached < tip:
            return no_answer(
                node,
                "filters",
                f"has block filters up to height {reached:,}, and needs them from {first:,} to {tip:,}",
                hint="its filter index is being built: run again when `bitcoin-cli getindexinfo` says it is synced",
            )
    return no_answer(node, "filters", unsound, hint=_REBUILD)


def _inputs(node: Node, block: Link) -> list[dict[str, Any]]:
    """What each input of a block spent, with the coinbase left out.

    The transactions must be all that the block's header commits to: bitcoind does not check that when it reads a block
    from its disk.
    """
    try:
        answer = node.call("getblock", block.name, _WITH_PREVOUTS, deadline=_BLOCK_SECONDS)
    except NodeRefusedError as error:
        raise _without_block(node, block, error) from None
    with shaped(node, "a block"):
        transactions = answer["tx"]
        if not lists_exactly(block.header, [parse_hex(item["txid"]) for item in transactions]):
            raise no_answer(
                node,
                "block",
                f"answered with other transactions than the header of block {block.height:,} commits to",
                hint="its copy of the block is damaged, or it answered with another block: restart it with -reindex, "
                "or ask another node",
            )
        return [spent for transaction in transactions[1:] for spent in transaction["vin"]]


def _without_block(node: Node, block: Link, error: UnavailableError) -> UnavailableError:
    if refused_with(error, "pruned data"):
        return no_answer(
            node,
            "pruned",
            f"has pruned block {block.height:,}, which stands above the pin and may have spent what was there",
            hint="ask a node that is not pruned, or pin a later block",
        )
    return no_answer(
        node,
        "block",
        f"does not give block {block.height:,}, which stands above the pin ({error.message})",
        hint="let it download or repair its blocks (-reindex), ask another node, or pin a later block",
    )


def _prevout(node: Node, spent: Any) -> dict[str, Any]:
    """The output that an input spends. Bitcoin Core tells it since version 23, where it has the block's undo data."""
    if "prevout" not in spent:
        raise no_answer(
            node,
            "prevouts",
            "does not tell which outputs a block spent, so it can only be read at its tip",
            hint='use bitcoind 23 or later that has validated all its blocks, or pin = "latest"',
        )
    prevout: dict[str, Any] = spent["prevout"]
    return prevout
