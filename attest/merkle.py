"""What every tree here shares: the tagged hash, and the audit path of RFC 9162 folded to a root.

An unpaired last node of a level moves up unchanged, so nothing is ever duplicated (CVE-2012-2459).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from typing import TypeVar

from attest.errors import VerificationError

Node = TypeVar("Node")
Join = Callable[[Node, Node], Node]


@cache
def _tag_prefix(tag: str) -> bytes:
    return sha256(tag.encode()).digest() * 2


def tagged_hash(tag: str, message: bytes) -> bytes:
    """`T(tag, m) = H(H(tag) ‖ H(tag) ‖ m)` with SHA-256, as in BIP-340; 32 bytes."""
    return sha256(_tag_prefix(tag) + message).digest()


def levels(leaves: Sequence[Node], join: Join[Node]) -> list[list[Node]]:
    """All levels of the tree over `leaves`, leaves first, root last; no level for no leaves."""
    if not leaves:
        return []
    built = [list(leaves)]
    while len(level := built[-1]) > 1:
        above = [join(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        built.append(above)
    return built


def audit_path(built: Sequence[Sequence[Node]], index: int) -> list[Node]:
    """The siblings of leaf `index` from the leaf up, given `levels(...)`."""
    path = []
    for level in built[:-1]:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def fold(leaf: Node, index: int, size: int, path: Sequence[Node], join: Join[Node]) -> Node:
    """The root that `leaf` at `index` of a tree of `size` leaves has with `path` (RFC 9162, 2.1.3.2).

    Which side a sibling stands on, and how long the path is, follow from `index` and `size` alone.
    Raises `VerificationError` when `index` is outside the tree or the path is too long or too short.
    """
    if not 0 <= index < size:
        raise VerificationError("path/index", f"leaf {index} does not exist in a tree of {size} leaves")
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise VerificationError("path/length", "the audit path is too long")
        if position & 1 or position == last:
            node = join(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = join(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise VerificationError("path/length", "the audit path is too short")
    return node
