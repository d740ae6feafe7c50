"""What a Bitcoin node answers, in the form that it must have: anything else is an error that names the node.

An answer in another form, or of another block than asked, is no answer (`UnavailableError`): the node may be of another
version, behind, or damaged. Only what cannot be true beside the node's own words is a contradiction
(`VerificationError`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from attest.chains.bitcoin.header import HEADER_BYTES, header_hash
from attest.chains.bitcoin.networks import DECIMALS
from attest.chains.bitcoin.records import Utxo
from attest.chains.nodes.rpc import Node, NodeRefusedError
from attest.documents import parse_hex
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError

_MAX_HEIGHT: Final = 2**31
_MAX_INTEGER: Final = 2**53
NO_SUCH_HEIGHT: Final = "Block height out of range"  # bitcoind's words
_AS_HEX: Final = False  # getblockheader's second parameter, verbose
# CAmount (src/consensus/amount.h): as many outputs as there can be add up to less than 2^128.
_MAX_SATOSHIS: Final = 2**63 - 1


def tip_height(node: Node) -> int:
    """The height of the newest block on the node's chain."""
    return integer(node, node.call("getblockcount"))


def hash_at(node: Node, height: int) -> str:
    """What the node says is the hash of the block at `height`; only a header proves that it is one."""
    try:
        return str(node.call("getblockhash", height))
    except UnavailableError as error:
        if not refused_with(error, NO_SUCH_HEIGHT):
            raise
        raise behind(node, height) from None


def header_of(node: Node, block_hash: str) -> bytes:
    """The 80 bytes that hash to `block_hash`. Raises `UnavailableError`."""
    return checked_header(node, block_hash, node.call("getblockheader", block_hash, _AS_HEX))


def checked_header(node: Node, block_hash: str, answer: object) -> bytes:
    """A node's `answer` as the header that hashes to `block_hash`. Raises `UnavailableError`."""
    with shaped(node, "a header"):
        header = parse_hex(str(answer))
    if len(header) != HEADER_BYTES:
        raise no_answer(
            node, "header", f"answered with a header of {len(header):,} bytes; attest reads those of {HEADER_BYTES}"
        )
    if header_hash(header).hex() != block_hash:
        raise no_answer(node, "header", f"answered with a header that does not hash to the block {block_hash[:64]}")
    return header


def integer(node: Node, value: object) -> int:
    """A number of a node's answer that is a whole one and not negative. Raises `UnavailableError`."""
    if type(value) is not int or not 0 <= value < _MAX_INTEGER:
        raise no_answer(node, "number", f"answered {str(value)[:40]!r} where a number belongs")
    return value


def height_in(node: Node, answer: Mapping[str, Any], field: str) -> int:
    """The height in a field of a node's answer. Raises `UnavailableError`."""
    with shaped(node, "an answer with a height"):
        height = integer(node, answer[field])
        if height > _MAX_HEIGHT:
            raise no_answer(node, "height", f"answered with the height {height}, which no chain has")
        return height


def satoshis(value: object) -> int:
    """Bitcoins as the node's JSON has them, in satoshis. Raises `ArithmeticError` when they are no whole number."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ArithmeticError  # noqa: TRY004 (one kind of error for all that is no amount)
    amount = Fraction(value) * 10**DECIMALS
    if amount.denominator != 1 or not 0 <= amount <= _MAX_SATOSHIS:
        raise ArithmeticError
    return amount.numerator


def utxo_in(node: Node, *, txid: Any, vout: Any, script: Any, amount: Any, height: int) -> Utxo:
    """An output from the fields of a node's answer. Raises `UnavailableError`."""
    with shaped(node, "an output"):
        try:
            return Utxo(
                txid=parse_hex(txid), vout=vout, script=parse_hex(script), amount=satoshis(amount), height=height
            )
        except ValueError as error:
            raise no_answer(node, "output", f"answered with an output that cannot be read: {error}") from None


@contextmanager
def shaped(node: Node, what: str) -> Iterator[None]:
    """Turn what happens on an answer in another form into an error that names the node."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ArithmeticError, AttributeError, MalformedError) as error:
        raise no_answer(
            node, "answer", f"answered with {what} in a form that attest does not know ({type(error).__name__})"
        ) from None


def refused_with(error: AttestError, words: str) -> bool:
    """Whether a node refused a call with these words of bitcoind's."""
    return isinstance(error, NodeRefusedError) and words in error.message


def behind(node: Node, height: int) -> UnavailableError:
    """The error of a node whose chain does not reach `height`."""
    return no_answer(
        node, "behind", f"has no block at height {height:,} yet", hint="run again when the node has caught up"
    )


def no_answer(node: Node, code: str, text: str, *, hint: str | None = None) -> UnavailableError:
    """The error of a node whose answer is missing, not complete or not understood."""
    return UnavailableError(
        f"bitcoin/{code}",
        f"node {node.name} {text}",
        hint=hint or "ask a bitcoind of version 23 or later, or name another node in the config",
    )


def contradiction(node: Node, code: str, text: str) -> VerificationError:
    """The error of a node that contradicts itself or the chain."""
    return VerificationError(f"bitcoin/{code}", f"node {node.name} {text}")
