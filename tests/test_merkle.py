from __future__ import annotations

import contextlib
from hashlib import sha256

import pytest
from blockcerts_merkletools import MerkleTools
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import VerificationError
from attest.evidence.tree import EvidenceTree, join
from attest.merkle import audit_path, fold, levels

leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def rfc9162_root(nodes: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162, 2.1.1, with the node hash of the evidence tree."""
    if len(nodes) == 1:
        return nodes[0]
    split = 1 << (len(nodes) - 1).bit_length() - 1
    return sha256(rfc9162_root(nodes[:split]) + rfc9162_root(nodes[split:])).digest()


@given(leaves=leaves)
def test_levels_have_the_shape_of_rfc_9162_and_of_merkletools(leaves: list[bytes]) -> None:
    root = levels(leaves, join)[-1][0]
    assert root == rfc9162_root(leaves)
    assert root == EvidenceTree.build(leaves).root


@given(leaves=leaves, data=st.data())
def test_every_path_leads_to_the_root_and_is_the_one_merkletools_gives(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    built = levels(leaves, join)
    path = audit_path(built, index)
    assert tuple(path) == EvidenceTree.build(leaves).path(index)
    assert fold(leaves[index], index, len(leaves), path, join) == built[-1][0]
    tree = MerkleTools()
    tree.add_leaf([leaf.hex() for leaf in leaves])
    tree.make_tree()
    assert tree.validate_proof(tree.get_proof(index), leaves[index].hex(), built[-1][0].hex())


@given(size=st.integers(1, 2**40), data=st.data())
def test_a_path_of_another_length_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    lengths = set()
    for length in range(43):
        with contextlib.suppress(VerificationError):
            fold(b"", index, size, [b""] * length, join)
            lengths.add(length)
    assert len(lengths) == 1


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (-1, 5), (2**70, 5)])
def test_an_index_outside_the_tree_fails(index: int, size: int) -> None:
    with pytest.raises(VerificationError):
        fold(b"", index, size, [], join)
