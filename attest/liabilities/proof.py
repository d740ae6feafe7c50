"""The inclusion proof that a customer keeps, and its verification (protocol.md, section 3).

A tree of two leaves, the proof for one of them, and what it proves:

    >>> from attest.liabilities.tree import asset_key
    >>> key = asset_key(bytes(32), "BTC")  # a snapshot's secret is random
    >>> alice = leaf(leaf_salt(key, account_digest("alice"), 0), account_digest("alice"), 150_000_000)
    >>> bob = leaf(leaf_salt(key, account_digest("bob"), 0), account_digest("bob"), 25)
    >>> leaves = sorted([alice, bob])  # leaves ascend by hash
    >>> root = join(*leaves)
    >>> tree = StatedTree(
    ...     asset="BTC", size=2, root=root.hash, total=root.sum, negative_accounts=0, negative_total=0
    ... )
    >>> proven = ProvenLeaf(
    ...     index=leaves.index(alice), salt=leaf_salt(key, account_digest("alice"), 0), amount=150_000_000, path=(bob,)
    ... )
    >>> proof = InclusionProof(
    ...     format="attest/inclusion-proof/v1",
    ...     statement=bytes(32),  # else the SHA-256 of the statement
    ...     account="alice",
    ...     holdings=(ProvenAsset(asset="BTC", leaves=(proven,)),),
    ... )
    >>> verify_inclusion(proof, statement=bytes(32), trees={"BTC": tree})
    (Holding(asset='BTC', amount=150000000),)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, NamedTuple, Protocol

from pydantic import Field

from attest.documents import Amount, AssetName, Count, Digest, Document
from attest.errors import MalformedError, VerificationError
from attest.liabilities.accounts import normalise_account
from attest.liabilities.tree import (
    OwnedLeaf,
    StatedTree,
    SumNode,
    account_digest,
    join,
    leaf,
    leaf_salt,
)
from attest.merkle import fold

MAX_PROOF_BYTES: Final = 1024 * 1024
MAX_PATH: Final = 64  # siblings of one leaf
MAX_LEAVES: Final = 4096  # of one holding
MAX_ASSETS: Final = 1024  # holdings of one proof


class ProvenLeaf(Document):
    """A leaf of the account and its siblings up to the root.

    `index`: its position in the tree, from 0.
    `salt`: 32 bytes; with account and amount it determines the leaf's hash.
    `amount`: in base units.
    `path`: the siblings from the leaf up, each a hash and the sum of amounts below it, in base units.

    Root, size, sides and algorithm come from the verified statement and `index`, because a proof may not choose them.
    """

    index: Count
    salt: Digest
    amount: Amount
    path: Annotated[tuple[tuple[Digest, Amount], ...], Field(max_length=MAX_PATH)]


class ProvenAsset(Document):
    """The leaves of the account in one asset.

    `asset`: its name; an asset may stand in several holdings, whose amounts add up.
    `leaves`: one, or one for each part of a split balance.
    """

    asset: AssetName
    leaves: Annotated[tuple[ProvenLeaf, ...], Field(min_length=1, max_length=MAX_LEAVES)]


class InclusionProof(Document):
    """A proof of what one account is owed in one statement (protocol.md, section 3).

    `format`: the name and version of this form.
    `statement`: the SHA-256 of the statement's bytes, 32 bytes.
    `account`: the identifier that the customer knows.
    `holdings`: the leaves of the account, by asset.
    """

    format: Literal["attest/inclusion-proof/v1"]
    statement: Digest
    account: str
    holdings: Annotated[tuple[ProvenAsset, ...], Field(min_length=1, max_length=MAX_ASSETS)]


class Holding(NamedTuple):
    """What one account is owed in one asset.

    `asset`: its name.
    `amount`: in base units.
    """

    asset: str
    amount: int


class ProvableTree(Protocol):
    """A tree of one asset that finds the leaves of an account.

    `asset`: its name.
    `key`: the key of its salts, 32 bytes, as `asset_key` makes it.
    """

    asset: str
    key: bytes

    def owned(self, account: str) -> list[OwnedLeaf]:
        """The leaves of `account`; empty when the account is owed nothing."""

    def audit_path(self, index: int) -> list[SumNode]:
        """The siblings of the leaf at `index`, from the leaf up."""


def prove(statement: bytes, account: str, trees: Iterable[ProvableTree]) -> InclusionProof:
    """The inclusion proof of one account.

    `statement`: the SHA-256 of the statement's bytes, 32 bytes.
    `account`: as in the ledger; it is brought into NFC.
    `trees`: the trees of the statement, one for each asset.
    Raises `MalformedError` when the account is malformed or owed nothing in all of `trees`.
    """
    account = normalise_account(account)
    digest = account_digest(account)
    holdings = []
    for tree in trees:
        if owned := tree.owned(account):
            leaves = tuple(_prove_leaf(tree, digest, *place) for place in owned)
            holdings.append(ProvenAsset(asset=tree.asset, leaves=leaves))
    if not holdings:
        raise MalformedError(
            "prove/account",
            f"account {account!r} has no balance in the snapshot",
            hint="the account is written as in the ledger; zero and negative balances have no proof",
        )
    return InclusionProof(
        format="attest/inclusion-proof/v1", statement=statement, account=account, holdings=tuple(holdings)
    )


def _prove_leaf(tree: ProvableTree, digest: bytes, index: int, part: int, amount: int) -> ProvenLeaf:
    path = tuple((node.hash, node.sum) for node in tree.audit_path(index))
    return ProvenLeaf(index=index, salt=leaf_salt(tree.key, digest, part), amount=amount, path=path)


def verify_inclusion(
    proof: InclusionProof, *, statement: bytes, trees: Mapping[str, StatedTree]
) -> tuple[Holding, ...]:
    """What the proof's account is owed, summed by asset, after every leaf was folded to its tree's root and total.

    `statement`: the SHA-256 of the verified statement's bytes, 32 bytes.
    `trees`: the trees of that statement by asset.
    Raises `VerificationError` when the proof is of another statement, names an asset without a tree, has a leaf twice,
    or a leaf does not lead to root and total; `MalformedError` for a malformed account.
    """
    if proof.statement != statement:
        raise VerificationError(
            "proof/statement",
            "the proof belongs to another statement",
            hint="use the proof and the attestation of the same month",
        )
    digest = account_digest(proof.account)
    seen: set[tuple[str, int]] = set()
    owed: dict[str, int] = {}
    for holding in proof.holdings:
        tree = trees.get(holding.asset)
        if tree is None:
            raise VerificationError("proof/asset", f"the statement has no tree of {holding.asset}")
        for proven in holding.leaves:
            if (place := (holding.asset, proven.index)) in seen:
                raise VerificationError(
                    "proof/leaf-twice", f"leaf {proven.index} of {holding.asset} stands in the proof twice"
                )
            seen.add(place)
            path = [SumNode(*sibling) for sibling in proven.path]
            start = leaf(proven.salt, digest, proven.amount)
            root = fold(start, proven.index, tree.size, path, join)
            if root.hash != tree.root or root.sum != tree.total:
                raise VerificationError(
                    "proof/root",
                    f"leaf {proven.index} of {holding.asset} does not lead to the root and total in the statement",
                )
            owed[holding.asset] = owed.get(holding.asset, 0) + proven.amount
    return tuple(Holding(asset, amount) for asset, amount in owed.items())
