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
SECRET_BYTES: Final = 32
PREFIX: Final = 8  # the bytes of an account digest that an account is looked up by
EMPTY_ROOT: Final = tagged_hash("attest/v1/empty", b"")


class SumNode(NamedTuple):
    """A node of the tree, or a leaf: its hash and the sum of the amounts below it."""

    hash: bytes
    sum: int


class StatedTree(Document):
    """What a statement says of one asset's tree.

    Negative balances are not netted: they make no leaf, their number and the sum of their magnitudes are disclosed.
    """

    asset: AssetName
    size: Count
    root: Digest
    total: Amount
    negative_accounts: Count
    negative_total: Amount


def check_trees(stated: Iterable[StatedTree], built: Iterable[StatedTree]) -> None:
    """Compare the stated trees with those that a ledger leads to. Raises `VerificationError` naming what differs."""
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
    """A leaf of an account: its index in the tree, the part of the balance it is, and the amount in base units."""

    leaf_index: int
    part: int
    amount: int


def account_digest(account: str) -> bytes:
    """`T("attest/v1/account", account)` of the normalised account."""
    return tagged_hash("attest/v1/account", normalise_account(account).encode())


def asset_key(secret: bytes, asset: str) -> bytes:
    """The key of one asset's salts, from the snapshot's `secret` of 32 random bytes."""
    return hmac.digest(secret, b"attest/v1/asset-key\x00" + asset.encode(), "sha256")


def leaf_salt(key: bytes, digest: bytes, part: int) -> bytes:
    """What keeps an amount from being guessed: HMAC-SHA256(`key`, account digest ‖ u32(part))."""
    return hmac.digest(key, digest + part.to_bytes(4), "sha256")


def leaf(salt: bytes, digest: bytes, amount: int) -> SumNode:
    """The leaf that commits to `amount` for the account with `digest`."""
    return SumNode(tagged_hash("attest/v1/leaf", salt + digest + amount.to_bytes(16)), amount)


def join(left: SumNode, right: SumNode) -> SumNode:
    """The parent of two nodes.

    It hashes both sums: hashing only their total would let a prover show each customer another split of a
    total that is too small (Maxwell's flaw, eprint 2018/1139). Raises `VerificationError` beyond 128 bits.
    """
    total = left.sum + right.sum
    if total > MAX_AMOUNT:
        raise VerificationError("tree/overflow", "the sum of two nodes does not fit in 128 bits")
    message = left.hash + left.sum.to_bytes(16) + right.hash + right.sum.to_bytes(16)
    return SumNode(tagged_hash("attest/v1/node", message), total)


NODE: Final = 48
HASH: Final = 32
