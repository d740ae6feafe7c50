"""How much of a figure rests on what step 11 could not check, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from attest.policy.results import Sources

Why = Literal["unavailable", "dump"]
REASONS: Final[dict[Why, str]] = {
    "unavailable": "records not available here",
    "dump": "only a dump of all unspent outputs shows them",
}


class UncheckedLine(NamedTuple):
    """An amount of the statement in base units that no available record shows; money has no chain and no storage."""

    asset: str
    chain: str | None
    purpose: str
    storage: str | None
    amount: int
    why: Why


class Rest(NamedTuple):
    """What one verdict rests on that was not checked: amounts in base units by asset and reason, and documents.

    `documents` counts the records of cover and declarations that are not available, and that of prices; `lowest` has
    the assets whose lowest count around the pins was not recomputed.
    """

    amounts: tuple[tuple[str, Why, int], ...] = ()
    documents: int = 0
    lowest: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was not checked."""
        return bool(self.amounts or self.documents or self.lowest)


class Unchecked(NamedTuple):
    """What a statement says and step 11 did not check.

    `lines` are of reserves and money; `leaves` those of documents whose record is not available, money included;
    `lowest` has the chains and assets whose lowest count was not recomputed; `prices` is whether their record is not
    available.
    """

    lines: tuple[UncheckedLine, ...] = ()
    leaves: frozenset[bytes] = frozenset()
    lowest: frozenset[tuple[str, str]] = frozenset()
    prices: bool = False

    def of_coverage(self, asset: str) -> Rest:
        """What the coverage of an asset rests on that was not checked."""
        return Rest(
            _added(line for line in self.lines if (line.asset, line.purpose) == (asset, "customer")),
            0,
            (asset,) if any(name == asset for _, name in self.lowest) else (),
        )

    def of_verdict(self, sources: Sources, asset: str | None = None) -> Rest:
        """What a verdict rests on that was not checked; of a rule that is per asset, the verdict on that `asset`."""
        lines = [
            line
            for line in self.lines
            if (line.asset, line.purpose, line.storage) in sources.coins and asset in {None, line.asset}
        ]
        lowest = {name for _, name in self.lowest if name in sources.lowest and asset in {None, name}}
        return Rest(
            _added(lines), len(self.leaves & sources.leaves) + (self.prices and sources.prices), tuple(sorted(lowest))
        )


def _added(lines: Iterable[UncheckedLine]) -> tuple[tuple[str, Why, int], ...]:
    amounts: dict[tuple[str, Why], int] = {}
    for line in lines:
        amounts[line.asset, line.why] = amounts.get((line.asset, line.why), 0) + line.amount
    return tuple((asset, why, amount) for (asset, why), amount in sorted(amounts.items()))
