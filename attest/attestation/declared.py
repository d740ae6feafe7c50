"""What a statement declares, checked against its own figures (verification step 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from attest.documents import format_time
from attest.errors import VerificationError
from attest.policy.inputs import Declaration

_OF_CONCENTRATION: Final = frozenset(("custodian", "largest-wallet"))

Customers = Mapping[tuple[str, str], int]
"""What customers' wallets held at the pin, by chain and asset, in base units."""


def check_declarations(declarations: Sequence[Declaration], customers: Customers, leaves: Collection[bytes]) -> None:
    """See that what is declared fits the figures, and rests on records of its own.

    `leaves` are those that other lines of the statement rest on. Raises `VerificationError`.
    """
    ascending("declarations", declarations, declaration_order)
    held: dict[str, int] = {}
    for (_, asset), amount in customers.items():
        held[asset] = held.get(asset, 0) + amount
    _check_concentration(declarations, held)
    windows = [item for item in declarations if item.kind == "window"]
    others = [item.evidence_leaf for item in declarations if item.kind != "window"]
    distinct = {*leaves, *others}
    require(len(distinct) == len(leaves) + len(others), "one document stands behind two lines or declarations")
    _check_windows(windows, customers, distinct)


def _check_concentration(declarations: Sequence[Declaration], held: Mapping[str, int]) -> None:
    """That each asset `held` for customers has a largest wallet, and custodians keep no more than all of it."""
    kept: dict[str, int] = {}
    largest: list[str] = []
    for item in declarations:
        if item.kind not in _OF_CONCENTRATION:
            continue
        unit, amount = str(item.unit), item.amount or 0
        said = 0 < amount <= held.get(unit, 0)
        require(said, f"{item.kind} {item.name} keeps no {unit}, or more than all customers have on chains")
        if item.kind == "largest-wallet":
            largest.append(unit)
        else:
            kept[unit] = kept.get(unit, 0) + amount
    for unit, amount in kept.items():
        require(amount <= held[unit], f"custodians keep more {unit} together than all customers have on chains")
    for unit, amount in held.items():
        count = largest.count(unit)
        require(count == (amount > 0), f"it names {count} largest wallets of {unit}, of which customers have {amount}")


def declaration_order(item: Declaration) -> tuple[str, ...]:
    """What declarations ascend by, and no two have alike."""
    times = ("" if time is None else format_time(time) for time in (item.since, item.until))
    return (item.kind, item.name, item.unit or "", *times)


def _check_windows(windows: Sequence[Declaration], customers: Customers, others: Collection[bytes]) -> None:
    """The lowest counts of a chain stand there for every asset of its customers, and rest on one record."""
    for item in windows:
        bare = item.tier is None and item.since is None and item.until is None
        require(bare, f"the window of {item.name} has other fields than a window has")
        total = customers.get((item.name, str(item.unit)))
        where = f"{item.unit} on {item.name}"
        require(total is not None, f"it has a window for {where}, where customers have no wallet")
        require((item.amount or 0) <= (total or 0), f"the lowest count of {where} is above that at the pin")
    chains = {item.name for item in windows}
    named = {(item.name, item.unit) for item in windows}
    for chain, asset in customers:
        said = chain not in chains or (chain, asset) in named
        require(said, f"it has a window on {chain}, and does not say the lowest count of {asset} there")
    leaves = {(item.name, item.evidence_leaf) for item in windows}
    require(len(leaves) == len(chains), "the lowest counts of one chain rest on several records")
    distinct = {leaf for _, leaf in leaves} | {*others}
    require(len(distinct) == len(leaves) + len(others), "a window rests on the record of another line")


def ascending(name: str, items: Sequence[Any], key: Callable[[Any], Any]) -> set[Any]:
    """The keys of `items`. Raises `VerificationError` when they do not rise."""
    keys = [key(item) for item in items]
    require(all(a < b for a, b in pairwise(keys)), f"{name} are not in ascending order, each once")
    return set(keys)


def require(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    """Raises `VerificationError` with what the statement says `otherwise`."""
    if not condition:
        raise VerificationError("statement/arithmetic", f"the statement contradicts itself: {otherwise}")
