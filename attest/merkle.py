"""The parts that all trees share: the tagged hash, the levels of a tree, and audit paths folded to a root (RFC 9162).

An unpaired last node of a level moves up unchanged, so that no leaf is ever counted twice (CVE-2012-2459). What a node
is, and how two are joined, is for each tree to say.
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
    """The hash `H(H(tag) ‖ H(tag) ‖ message)` with SHA-256, as in BIP-340; 32 bytes."""
    return sha256(_tag_prefix(tag) + message).digest()


def levels(leaves: Sequence[Node], join: Join[Node]) -> list[list[Node]]:
    """All levels of the tree over `leaves`, the leaves first and the root last; no level without leaves.

    `join`: the node above a left and a right one.
    """
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
    """The audit path of the leaf at `index`: its siblings from the leaf up.

    `built`: the levels, as `levels` returns them.
    """
    path = []
    for level in built[:-1]:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def fold(leaf: Node, index: int, size: int, path: Sequence[Node], join: Join[Node]) -> Node:
    """The root that follows from a leaf and its audit path (RFC 9162, section 2.1.3.2).

    `index`: of the leaf, from 0.
    `size`: the number of leaves of the tree.
    `path`: its siblings from the leaf up.
    `join`: the node above a left and a right one.

    The side of each sibling and the length of the path follow from `index` and `size` alone, because a path may not
    choose them. Raises `VerificationError` when `index` is outside the tree or the path is too long or too short.
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
