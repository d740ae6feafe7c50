"""The Merkle-sum tree of one asset's liabilities, `merkle-sum-sha256/v1` (protocol.md, section 2)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final, NamedTuple

from attest.amounts import MAX_AMOUNT
from attest.documents import Amount, AssetName, Count, Digest, Document
from attest.errors import VerificationError
from attest.liabilities.accounts import normalise_account
from attest.merkle import tagged_hash

SCHEME: Final = "merkle-sum-sha256/v1"
SECRET_BYTES: Final = 32  # random, of a snapshot
PREFIX: Final = 8  # the first bytes of an account digest, by which an account is looked up
EMPTY_ROOT: Final = tagged_hash("attest/v1/empty", b"")  # of a tree without leaves


class SumNode(NamedTuple):
    """A node or leaf of the tree.

    `hash`: 32 bytes.
    `sum`: the amounts of all leaves below it; of a leaf, its own. In base units.
    """

    hash: bytes
    sum: int


class StatedTree(Document):
    """The tree of one asset as a statement gives it.

    `asset`: its name.
    `size`: the number of leaves.
    `root`: the hash of the root, 32 bytes.
    `total`: the sum of all leaves, in base units.
    `negative_accounts`: the number of accounts with a negative balance, which have no leaf.
    `negative_total`: the sum of the magnitudes of these balances, in base units; it is not netted with `total`.
    """

    asset: AssetName
    size: Count
    root: Digest
    total: Amount
    negative_accounts: Count
    negative_total: Amount


def check_trees(stated: Iterable[StatedTree], built: Iterable[StatedTree]) -> None:
    """Check that the trees of a statement are those that a ledger leads to, in number and in every field.

    `stated`: the trees of the statement.
    `built`: the trees that were built from the ledger.
    Raises `VerificationError` naming what differs.
    """
    found = {tree.asset: tree for tree in built}
    for tree in stated:
        other = found.pop(tree.asset, None)
        if other is None:
            raise VerificationError("ledger/tree", f"the ledger leads to no tree of {tree.asset}")
        said = tree.to_value()
        differing = [
            f"{name} {value}, not {said[name]}" for name, value in other.to_value().items() if value != said[name]
        ]
        if differing:
            raise VerificationError(
                "ledger/tree",
                f"the ledger leads to another tree of {tree.asset}: {', '.join(differing)}",
                hint="the same rows, secret, splitting and decoys lead to the same tree: which of them changed?",
            )
    if found:
        raise VerificationError("ledger/tree", f"the ledger also leads to a tree of {', '.join(sorted(found))}")


class OwnedLeaf(NamedTuple):
    """A leaf of one account.

    `leaf_index`: its position in the tree, from 0.
    `part`: the number of its part of the balance, from 0; 0 where the balance is not split.
    `amount`: in base units.
    """

    leaf_index: int
    part: int
    amount: int


def account_digest(account: str) -> bytes:
    """The digest of an account: `T("attest/v1/account", account)` of its NFC; 32 bytes (protocol.md, section 2).

    Raises `MalformedError` for a malformed account.
    """
    return tagged_hash("attest/v1/account", normalise_account(account).encode())


def asset_key(secret: bytes, asset: str) -> bytes:
    """The key of one asset's salts: `HMAC-SHA256(secret, "attest/v1/asset-key" ‖ 0x00 ‖ asset)`; 32 bytes.

    `secret`: of the snapshot, `SECRET_BYTES` random bytes.
    """
    return hmac.digest(secret, b"attest/v1/asset-key\x00" + asset.encode(), "sha256")


def leaf_salt(key: bytes, digest: bytes, part: int) -> bytes:
    """The salt of a leaf: `HMAC-SHA256(key, digest ‖ u32(part))`; 32 bytes.

    A leaf's hash includes it, because a neighbour in the tree sees hash and amount, and could else find the account by
    trying many.

    `key`: of the asset, as `asset_key` makes it.
    `digest`: of the account.
    `part`: the number of the leaf's part of the balance.
    """
    return hmac.digest(key, digest + part.to_bytes(4), "sha256")


def leaf(salt: bytes, digest: bytes, amount: int) -> SumNode:
    """The leaf of an account and an amount; its hash is `T("attest/v1/leaf", salt ‖ digest ‖ u128(amount))`.

    `salt`: as `leaf_salt` makes it.
    `digest`: of the account.
    `amount`: in base units, 0 <= amount < 2^128.
    """
    return SumNode(tagged_hash("attest/v1/leaf", salt + digest + amount.to_bytes(16)), amount)


def join(left: SumNode, right: SumNode) -> SumNode:
    """The parent of two nodes; its hash is `T("attest/v1/node", l.hash ‖ u128(l.sum) ‖ r.hash ‖ u128(r.sum))`.

    Both sums are hashed, because a hash of their total alone would let a prover split a total that is too small in
    another way for each customer (Maxwell's flaw, eprint 2018/1139). Raises `VerificationError` for a sum of 2^128 or
    more.
    """
    total = left.sum + right.sum
    if total > MAX_AMOUNT:
        raise VerificationError("tree/overflow", "the sum of two nodes does not fit in 128 bits")
    message = left.hash + left.sum.to_bytes(16) + right.hash + right.sum.to_bytes(16)
    return SumNode(tagged_hash("attest/v1/node", message), total)


NODE: Final = 48  # bytes of a stored node: its hash, then its sum as a big-endian u128
HASH: Final = 32  # bytes of the hash
