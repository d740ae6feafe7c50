"""Rows of what is held for customers: the coverage of each asset, where it lies, and what shows control of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attest.attestation.coverage import Coverage
from attest.attestation.statement import Predicate
from attest.control.shown import Value
from attest.report.evaluations import rest_view
from attest.report.numbers import amount, share
from attest.report.view.held import CoverageRow, Level, Part, Shares
from attest.verification.control.step import customers_coins
from attest.verification.segregation import segregation
from attest.verification.verified import Verified

_MAIN_NETWORKS: Final = frozenset(
    {
        "bip122:000000000019d6689c085ae165831e93",  # Bitcoin
        "bip122:12a765e31ffd4059bada1e25190f6e98",  # Litecoin
        "eip155:1",  # Ethereum
        "eip155:10",  # OP
        "eip155:56",  # BNB
        "eip155:137",  # Polygon
        "eip155:8453",  # Base
        "eip155:42161",  # Arbitrum One
        "eip155:43114",  # Avalanche
    }
)


def decimals_of(predicate: Predicate) -> dict[str, int]:
    """The decimals of each asset of a statement: a base unit is 10^-decimals."""
    return {item.asset: item.decimals for item in predicate.assets}


def coverage_row(verified: Verified, item: Coverage) -> CoverageRow:
    """The row of one asset: owed, held and their ratio by the statement's figures, and what of them was not checked."""
    decimals = item.decimals
    return CoverageRow(
        item.asset,
        decimals,
        amount(item.owed, decimals),
        amount(item.held_total, decimals),
        amount(item.counted, decimals) if item.counted != item.held_total else None,
        amount(item.denied, decimals) if item.denied else None,
        share(item.counted, item.owed),
        tuple(
            Level(level, amount(value, decimals), share(value, item.held_total), verified.is_rechecked(item, level))
            for level, value in item.held.items()
        ),
        item.met,
        rest_view(verified.unchecked.of_coverage(item.asset), decimals_of(verified.statement.predicate)),
    )


def _shares(asset: str, decimals: int, parts: dict[str, int]) -> Shares:
    total = sum(parts.values())
    return Shares(
        asset,
        amount(total, decimals),
        tuple(Part(kind, amount(value, decimals), share(value, total)) for kind, value in parts.items()),
    )


def storage_shares(verified: Verified) -> Iterator[Shares]:
    """For each asset, where what is held for customers lies: coins by kind of storage, money in trust."""
    predicate = verified.statement.predicate
    coins = {item.asset: item for item in segregation(predicate)}
    for asset, decimals in decimals_of(predicate).items():
        parts: dict[str, int] = {}
        if (kept := coins.get(asset)) is not None:
            parts = {"cold": kept.cold, "hot": kept.hot, "other": kept.other}
        money = [line.amount for line in predicate.money if (line.currency, line.purpose) == (asset, "customer")]
        if money:
            parts["trust"] = sum(money)
        if any(parts.values()):
            yield _shares(asset, decimals, parts)


def control_shares(verified: Verified) -> Iterator[Shares]:
    """For each asset, what shows control of the customers' coins on chains.

    The parts add up to all of them: `signed`, `confirmed`, `sampled`, `nothing` shows it, and `unavailable` when the
    evidence of control is not available here.
    """
    predicate = verified.statement.predicate
    decimals = decimals_of(predicate)
    for asset, total in sorted(customers_coins(predicate).items()):
        if verified.controlled is None:
            value = Value(held=_without_control(predicate, asset))
        else:
            value = verified.controlled.values.get(asset, Value())
        parts = {
            "signed": value.signed,
            "confirmed": value.confirmed,
            "sampled": value.sampled,
            "nothing": value.held - value.signed - value.confirmed - value.sampled,
            "unavailable": total - value.held,
        }
        if total:
            yield _shares(asset, decimals[asset], parts)


def _without_control(predicate: Predicate, asset: str) -> int:
    """The customers' coins, in base units, whose lines in the statement say that nothing shows control of them."""
    return sum(
        line.amount
        for line in predicate.reserves
        if (line.asset, line.purpose, line.control) == (asset, "customer", "none")
    )


def other_networks(predicate: Predicate) -> tuple[str, ...]:
    """The chains of customers' coins that are no main network which attest knows, ascending."""
    chains = {line.chain for line in predicate.reserves if line.purpose == "customer"}
    return tuple(sorted(chains - _MAIN_NETWORKS))
