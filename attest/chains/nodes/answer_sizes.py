"""How long the answer to a call may be, by what was asked.

The bounds are what the protocols permit, with room for a node's own way of writing JSON; where they permit anything,
such as the outputs of a wallet, they are what one answer may take of memory here. The bytes are counted while an answer
is read. The values are counted before it is decoded, because a short `{}` takes thirty times its bytes of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

Call = tuple[str, Sequence[Any]]

MAX_ANSWER_BYTES: Final = 64 << 20  # a full block of Bitcoin is 8 MB of JSON, one of only the smallest outputs 50
_ERROR: Final = 64 << 10  # how a node or a gateway refuses: a page, or a revert with a contract's own words


class Size(NamedTuple):
    """At most so many bytes, and so many JSON values: objects, lists, and what stands between commas."""

    bytes: int
    values: int


class _Kind(NamedTuple):
    """The size of one answer that is asked for alone, and that of each more in a batch.

    Where the two differ, a batch whose answers are larger than the usual ones is asked for again in halves.
    """

    alone: Size
    usual: Size


_WORD: Final = Size(1 << 10, 64)
# EIP-170 allows 24 KiB of code; some chains allow more.
_CODE: Final = _Kind(Size(2 << 20, 64), Size(52 << 10, 64))
# A branch of a trie has 16 hashes and 532 bytes; a path has at most 64 branches and a leaf.
_TRIE_NODE_BYTES: Final = 1200
_PATH: Final = 65
# A transaction's hash takes 69 bytes and at least 21,000 gas: so many are in a block of 630 million gas.
_BLOCK: Final = Size(2 << 20, 1 << 16)
# Each key of an access list takes 69 bytes and 1,900 gas.
_ACCESS_LIST: Final = Size(2 << 20, 1 << 16)
# A log of a transfer takes some 700 bytes and at least 1,756 gas. A span of blocks with more is searched in halves; in
# a single block, a byte of a log's data takes 8 gas, and two in JSON.
_LOGS: Final = Size(8 << 20, 1 << 18)
_LOGS_OF_A_BLOCK: Final = Size(32 << 20, 1 << 20)
# A block's 111,000 outputs and the outputs its inputs spend are at most so many filter elements of 21 bits.
_FILTER: Final = _Kind(Size(2 << 20, 64), Size(128 << 10, 64))
# Ten values for each output of a scan. Of a block, 111,000 outputs have eight each, 24,000 inputs have 25, and what
# lies in witnesses is at most four million items.
_SCAN: Final = Size(MAX_ANSWER_BYTES, 5 << 19)
_WHOLE_BLOCK: Final = Size(MAX_ANSWER_BYTES, 4 << 20)
_SMALL: Final = Size(_ERROR, 1 << 12)
_OTHER: Final = Size(16 << 20, 1 << 18)


def _proof(parameters: Sequence[Any]) -> _Kind:
    slots = len(parameters[1]) if len(parameters) > 1 and isinstance(parameters[1], list | tuple) else 0
    paths = slots + 1
    size = Size(paths * (_PATH * _TRIE_NODE_BYTES + (1 << 10)), paths * (_PATH + 16) + 64)
    return _Kind(size, size)


def _logs(parameters: Sequence[Any]) -> _Kind:
    query = parameters[0] if parameters and isinstance(parameters[0], dict) else {}
    one = query.get("fromBlock") == query.get("toBlock")
    return _Kind(_LOGS_OF_A_BLOCK, _LOGS_OF_A_BLOCK) if one else _Kind(_LOGS, _LOGS)


def _always(alone: Size, usual: Size | None = None) -> Callable[[Sequence[Any]], _Kind]:
    kind = _Kind(alone, usual or alone)
    return lambda _: kind


_KINDS: Final[Mapping[str, Callable[[Sequence[Any]], _Kind]]] = {
    **dict.fromkeys(
        (
            *("eth_chainId", "eth_blockNumber", "eth_getBalance", "eth_getStorageAt", "eth_call"),
            *("getblockcount", "getbestblockhash", "getblockhash", "getblockheader", "getindexinfo"),
            *("gettxoutsetinfo", "dumptxoutset"),
        ),
        _always(_SMALL, _WORD),
    ),
    "eth_getCode": lambda _: _CODE,
    "eth_getProof": _proof,
    "eth_getBlockByNumber": _always(_BLOCK),
    "eth_getBlockByHash": _always(_BLOCK),
    "eth_createAccessList": _always(_ACCESS_LIST),
    "eth_getLogs": _logs,
    "getblockfilter": lambda _: _FILTER,
    "scantxoutset": lambda parameters: _Kind(_SMALL, _SMALL) if parameters[:1] == ["status"] else _Kind(_SCAN, _SCAN),
    "getblock": _always(_WHOLE_BLOCK),
}


def answer_size(calls: Sequence[Call]) -> Size:
    """The size of the answer to `calls` that travel together, of which there is at least one."""
    kinds = [_KINDS.get(method, _always(_OTHER))(list(parameters)) for method, parameters in calls]
    bytes_ = sum(kind.usual.bytes for kind in kinds) + max(kind.alone.bytes - kind.usual.bytes for kind in kinds)
    values = sum(kind.usual.values for kind in kinds) + max(kind.alone.values - kind.usual.values for kind in kinds)
    return Size(min(_ERROR + bytes_, MAX_ANSWER_BYTES), values + _SMALL.values)
