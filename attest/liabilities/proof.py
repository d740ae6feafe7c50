"""The inclusion proof a customer keeps, and its verification (protocol.md, section 3)."""

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
MAX_PATH: Final = 64
MAX_LEAVES: Final = 4096
MAX_ASSETS: Final = 1024


class ProvenLeaf(Document):
    """One leaf and its siblings up to the root.

    No root, size, direction or algorithm stands here: those come from the verified statement and `index`.
    """

    index: Count
    salt: Digest
    amount: Amount
    path: Annotated[tuple[tuple[Digest, Amount], ...], Field(max_length=MAX_PATH)]


class ProvenAsset(Document):
    """The leaves of one asset."""

    asset: AssetName
    leaves: Annotated[tuple[ProvenLeaf, ...], Field(min_length=1, max_length=MAX_LEAVES)]


class InclusionProof(Document):
    """`account` is owed what `holdings` say, in the statement with this SHA-256."""

    format: Literal["attest/inclusion-proof/v1"]
    statement: Digest
    account: str
    holdings: Annotated[tuple[ProvenAsset, ...], Field(min_length=1, max_length=MAX_ASSETS)]


class Holding(NamedTuple):
    """What a customer is owed in one asset, in base units."""

    asset: str
    amount: int


class ProvableTree(Protocol):
    """A tree that knows its accounts."""

    asset: str
    key: bytes

    def owned(self, account: str) -> list[OwnedLeaf]:
        """The leaves of `account`; none when nothing is owed."""

    def audit_path(self, index: int) -> list[SumNode]:
        """The siblings of leaf `index`, from the leaf up."""


def prove(statement: bytes, account: str, trees: Iterable[ProvableTree]) -> InclusionProof:
    """The proof of what `account` is owed in `trees`, in the statement with this digest.

    Raises `MalformedError` when it is owed nothing.
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
    """What the statement with digest `statement` and these `trees` owes to the proof's account.

    Every leaf must lead to its tree's root and to its total. Raises `VerificationError`.
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
