"""Coverage: what is owed and held of each asset, as a statement says it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from attest.attestation.statement import Predicate
from attest.chains.wallets import Level

HeldLevel = Literal[Level, "declared"]  # of money, and of coins that only a custodian speaks for, a document says it


class Coverage(NamedTuple):
    """One asset: what is owed to customers and what is held for them, in base units, by level of evidence.

    Money is `declared`; what the statement's `held` has is not in it. `fewer` is by how much what was held on a chain
    was less at a block of its window than at the pin, at the most; it has the chains that have a window. `denied` is
    what of it cannot move, since its token denies the holders transfers.
    """

    asset: str
    decimals: int
    owed: int
    held: dict[HeldLevel, int]
    fewer: Mapping[str, int] = MappingProxyType({})
    denied: int = 0

    @property
    def held_total(self) -> int:
        """What is held, over all levels of evidence."""
        return sum(self.held.values())

    @property
    def counted(self) -> int:
        """What coverage is judged by: what is held, but on each chain no more than in its window at the lowest."""
        return self.held_total - sum(self.fewer.values())

    @property
    def met(self) -> bool:
        """Whether what counts reaches what is owed."""
        return self.counted >= self.owed


def coverage(predicate: Predicate) -> tuple[Coverage, ...]:
    """Per asset, in the order of the statement. A surplus in one never offsets a shortfall in another."""
    owed = {tree.asset: tree.total for tree in predicate.liabilities.trees}
    pinned = customers_held(predicate)
    result = []
    for asset, decimals in ((item.asset, item.decimals) for item in predicate.assets):
        held: dict[HeldLevel, int] = {}
        denied = 0
        for line in predicate.reserves:
            if line.asset == asset and line.purpose == "customer":
                held[line.evidence] = held.get(line.evidence, 0) + line.amount
                denied += line.denied
        for money in predicate.money:
            if money.currency == asset and money.purpose == "customer":
                held["declared"] = held.get("declared", 0) + money.amount
        fewer = {
            item.name: pinned.get((item.name, asset), 0) - (item.amount or 0)
            for item in predicate.declarations
            if (item.kind, item.unit) == ("window", asset)
        }
        result.append(Coverage(asset, decimals, owed.get(asset, 0), held, fewer, denied))
    return tuple(result)


def customers_held(predicate: Predicate) -> dict[tuple[str, str], int]:
    """What customers' wallets held at the pin, by chain and asset."""
    totals: dict[tuple[str, str], int] = {}
    for line in predicate.reserves:
        if line.purpose == "customer":
            totals[line.chain, line.asset] = totals.get((line.chain, line.asset), 0) + line.amount
    return totals
