"""The levels of a Merkle-sum tree as arrays of nodes, 48 bytes each: the hash, then the sum as a big-endian u128."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from attest.errors import VerificationError
from attest.liabilities.columns.sha256 import Midstate, hash_rows
from attest.liabilities.tree import HASH, NODE

Nodes = NDArray[np.uint8]

_NODE_HASH: Final = Midstate.tagged("attest/v1/node")


def level_above(nodes: Nodes) -> Nodes:
    """The level above `nodes`: uint8 of shape (ceil(n / 2), 48).

    `nodes`: contiguous uint8 of shape (n, 48); an unpaired last node moves up unchanged.
    Raises `VerificationError` for a sum of 2^128 or more.
    """
    pairs = len(nodes) // 2
    above = np.empty((len(nodes) - pairs, NODE), np.uint8)
    # The bytes of two neighbouring nodes are exactly the message that is hashed: both hashes and both sums.
    hash_rows(_NODE_HASH, nodes[: 2 * pairs].reshape(pairs, 2 * NODE), above[:pairs, :HASH])
    _add(nodes[0 : 2 * pairs : 2, HASH:], nodes[1 : 2 * pairs : 2, HASH:], above[:pairs, HASH:])
    if len(nodes) % 2:
        above[-1] = nodes[-1]
    return above


def _add(left: Nodes, right: Nodes, out: Nodes) -> None:
    """`out = left + right` for 128-bit sums, uint8 of shape (n, 16)."""
    a = np.ascontiguousarray(left).view(">u8").astype(np.uint64)
    b = np.ascontiguousarray(right).view(">u8").astype(np.uint64)
    low = a[:, 1] + b[:, 1]
    carry = (low < a[:, 1]).astype(np.uint64)
    high = a[:, 0] + b[:, 0]
    with_carry = high + carry
    if ((high < a[:, 0]) | (with_carry < high)).any():
        raise VerificationError("tree/overflow", "the sum of two nodes does not fit in 128 bits")
    sums = np.empty((len(low), 2), ">u8")
    sums[:, 0], sums[:, 1] = with_carry, low
    out[:] = sums.view(np.uint8).reshape(-1, NODE - HASH)
