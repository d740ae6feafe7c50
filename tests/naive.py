"""The liability tree row by row, as the protocol words it: what the fast build must equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from attest.errors import MalformedError
from attest.liabilities.accounts import normalise_account
from attest.liabilities.tree import (
    EMPTY_ROOT,
    OwnedLeaf,
    StatedTree,
    SumNode,
    account_digest,
    asset_key,
    join,
    leaf,
    leaf_salt,
)
from attest.merkle import audit_path, levels

normalised = cache(normalise_account)


class Row(NamedTuple):
    """One liability: `amount` base units owed to `account`, as part `part` of its balance."""

    account: str
    part: int
    amount: int


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree over the rows of one asset: leaves in ascending order of hash, whatever order the rows had."""

    asset: str
    key: bytes
    rows: list[Row]
    _levels: list[list[SumNode]]

    @classmethod
    def build(cls, asset: str, secret: bytes, rows: Iterable[Row]) -> Tree:
        """Build from `rows` with positive amounts.

        Raises `MalformedError` for two equal leaves, `VerificationError` when the total leaves 128 bits.
        """
        key = asset_key(secret, asset)
        rows = list(rows)
        leaves = []
        for account, part, amount in rows:
            digest = account_digest(account)
            leaves.append(leaf(leaf_salt(key, digest, part), digest, amount))
        leaves.sort()
        for one, other in pairwise(leaves):
            if one.hash == other.hash:
                raise MalformedError("tree/equal-leaves", f"two rows of {asset} make the same leaf")
        return cls(asset, key, rows, levels(leaves, join))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) if self._levels else 0

    @property
    def root(self) -> bytes:
        """The hash of the topmost node, 32 bytes."""
        return self._levels[-1][0].hash if self._levels else EMPTY_ROOT

    @property
    def total(self) -> int:
        """What is owed in this asset, in base units."""
        return self._levels[-1][0].sum if self._levels else 0

    def owned(self, account: str) -> list[OwnedLeaf]:
        """The leaves of `account` in the order of their parts."""
        account = normalised(account)
        digest = account_digest(account)
        mine = sorted((row.part, row.amount) for row in self.rows if normalised(row.account) == account)
        return [
            OwnedLeaf(self.index(leaf(leaf_salt(self.key, digest, part), digest, amount)), part, amount)
            for part, amount in mine
        ]

    def index(self, node: SumNode) -> int:
        """Where `node` stands among the leaves."""
        return self._levels[0].index(node)

    def audit_path(self, index: int) -> list[SumNode]:
        """The siblings of leaf `index`, from the leaf up."""
        return audit_path(self._levels, index)

    @property
    def stated(self) -> StatedTree:
        """The tree as a statement has it, without negative balances."""
        return StatedTree(
            asset=self.asset, size=self.size, root=self.root, total=self.total, negative_accounts=0, negative_total=0
        )
