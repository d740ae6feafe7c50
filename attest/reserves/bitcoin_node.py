"""What a Bitcoin node answers, in the form that it must have: anything else is an error that names the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attest.documents import parse_hex
from attest.errors import AttestError, MalformedError, VerificationError
from attest.reserves.bitcoin_header import HEADER_BYTES, header_hash
from attest.reserves.rpc import Node

_MAX_HEIGHT: Final = 2**31
_MAX_INTEGER: Final = 2**53
_AS_HEX: Final = False  # getblockheader's second parameter, verbose


def tip_height(node: Node) -> int:
    """The height of the newest block on the node's chain."""
    return integer(node, node.call("getblockcount"))


def hash_at(node: Node, height: int) -> str:
    """What the node says is the hash of the block at `height`; only a header proves that it is one."""
    return str(node.call("getblockhash", height))


def header_of(node: Node, block_hash: str) -> bytes:
    """The 80 bytes that hash to `block_hash`. Raises `VerificationError`."""
    return checked_header(node, block_hash, node.call("getblockheader", block_hash, _AS_HEX))


def checked_header(node: Node, block_hash: str, answer: object) -> bytes:
    """A node's `answer` as the header that hashes to `block_hash`. Raises `VerificationError`."""
    try:
        header = parse_hex(str(answer))
    except AttestError as error:
        raise lie(node, "header", error.message) from None
    if len(header) != HEADER_BYTES or header_hash(header).hex() != block_hash:
        raise lie(node, "header", f"answered with a header that does not hash to its block {block_hash[:64]}")
    return header


def integer(node: Node, value: object) -> int:
    """A number of a node's answer that is a whole one and not negative. Raises `VerificationError`."""
    if type(value) is not int or not 0 <= value < _MAX_INTEGER:
        raise lie(node, "number", f"answered {str(value)[:40]!r} where a number belongs")
    return value


def height_in(node: Node, answer: Mapping[str, Any], field: str, *, at_most: int = _MAX_HEIGHT) -> int:
    """The height in a field of a node's answer, no more than `at_most`. Raises `VerificationError`."""
    with shaped(node, "an answer with a height"):
        height = integer(node, answer[field])
        if height > at_most:
            raise lie(node, "height", f"answered with the height {height}, above {at_most}")
        return height


@contextmanager
def shaped(node: Node, what: str) -> Iterator[None]:
    """Turn what happens on an answer of another shape into an error of the node."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ArithmeticError, AttributeError, MalformedError) as error:
        raise lie(node, "answer", f"answered with something that is not {what} ({type(error).__name__})") from None


def lie(node: Node, code: str, text: str) -> VerificationError:
    """The error of a node that contradicts itself or the chain."""
    return VerificationError(f"bitcoin/{code}", f"node {node.name} {text}")
