"""The tree over the leaves of all records, whose root the statement carries (protocol.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from blockcerts_merkletools import MerkleTools

MAX_PATH: Final = 64


def join(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes of the evidence tree: plain SHA-256, as merkletools has it."""
    return sha256(left + right).digest()


@dataclass(frozen=True, slots=True)
class EvidenceTree:
    """The tree over the `leaves` of all records, built by merkletools."""

    leaves: tuple[bytes, ...]
    _tree: MerkleTools

    @classmethod
    def build(cls, leaves: Sequence[bytes]) -> EvidenceTree:
        """Build over at least one leaf."""
        tree = MerkleTools(hash_type="sha256")
        tree.add_leaf([leaf.hex() for leaf in leaves])
        tree.make_tree()
        return cls(tuple(leaves), tree)

    @property
    def root(self) -> bytes:
        """The root's digest, 32 bytes."""
        return bytes.fromhex(self._tree.get_merkle_root())

    @property
    def count(self) -> int:
        """The number of records."""
        return int(self._tree.get_leaf_count())

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings of record `index`, from the leaf up."""
        steps: list[dict[str, str]] = self._tree.get_proof(index)
        return tuple(bytes.fromhex(sibling) for step in steps for sibling in step.values())
