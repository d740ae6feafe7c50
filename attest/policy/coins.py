"""Rules about customers' coins and money: whether all of it is held, of which kind, and where it lies.

Each function compares for one kind of rule and returns a `Line` for each asset, currency or custodian, in ascending
order. Amounts in lines are base units.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Final

from attest.policy.model import (
    ConcentrationCap,
    Coverage,
    InKindMatch,
    ReconciliationGap,
    WalletRatio,
)
from attest.policy.results import RATIO, Line
from attest.policy.working import ALL_STORAGES, MissingInput, Working

_SELF: Final = "the exchange itself"


def coverage(working: Working, rule: Coverage) -> list[Line]:
    """Held against owed, a line for each asset and currency. Coins count at the lowest count around their pins."""
    owed = _owed(working, rule.min_ratio)
    held = working.deducted(working.lowest(_all_held(working)), "customer", rule.deduct)
    for asset, amount in held.items():
        _keep(working, "held", f"held for customers in {asset}", amount, asset, "the statement's reserves and money")
    return _per_asset(working, owed, held)


def in_kind_match(working: Working, rule: InKindMatch) -> list[Line]:
    """Own guarantee coins against customers' coins, a line for each asset of which customers have coins there."""
    customers = working.held("customer", rule.storage)
    own = working.held("guarantee", rule.own_storage)
    storage = " or ".join(rule.storage)
    for asset, amount in customers.items():
        _keep(
            working, "customer", f"customers' {asset} in {storage} storage", amount, asset, "the statement's reserves"
        )
    own_storage = " or ".join(rule.own_storage)
    for asset, amount in own.items():
        _keep(working, "own", f"own {asset} in {own_storage} storage", amount, asset, "the statement's reserves")
    required = {asset: ceil(rule.factor * amount) for asset, amount in customers.items() if amount}
    return _per_asset(working, required, working.deducted(own, "guarantee", rule.deduct), only=required)


def money_in_trust(working: Working) -> list[Line]:
    """Money in trust against money owed, a line for each currency that customers are owed."""
    owed = {name: amount for name, amount in sorted(working.inputs.owed.items()) if name in working.currencies}
    for currency, amount in owed.items():
        _keep(working, "owed", f"owed to customers in {currency}", amount, currency, "the statement's liabilities")
    trusted = working.deposited("customer")
    for currency, amount in trusted.items():
        _keep(working, "held", f"customers' {currency} in trust", amount, currency, "the statement's money")
    return _per_asset(working, owed, trusted, only=owed)


def reconciliation_gap(working: Working, rule: ReconciliationGap) -> list[Line]:
    """The difference between ledger and wallets in either direction, a line for each asset and currency."""
    owed, held = dict(sorted(working.inputs.owed.items())), _all_held(working)
    lines = []
    for asset in sorted({*owed, *held}):
        ledger, there = owed.get(asset, 0), held.get(asset, 0)
        _keep(working, "owed", f"owed to customers in {asset}", ledger, asset, "the statement's liabilities")
        _keep(working, "held", f"held for customers in {asset}", there, asset, "the statement's reserves and money")
        gap = Fraction(abs(there - ledger))
        if rule.max_gap is None:
            lines.append(Line(asset, asset, Fraction(ledger), Fraction(there), only_shown=True))
        else:
            lines.append(Line(asset, asset, Fraction(floor(rule.max_gap * ledger)), gap, at_most=True))
    if rule.max_gap is None:
        working.notes.append("the rule names no gap that is too large, so both sides are only shown")
    return lines


def wallet_ratio(working: Working, rule: WalletRatio) -> list[Line]:
    """The share of customers' coins in some kinds of storage.

    By value one line whose unit is `RATIO`; by units a line for each asset, with the amount that the bound allows or
    asks for.
    """
    part = working.held("customer", rule.storage)
    if rule.share_of == "held":
        whole = working.held("customer", ALL_STORAGES)
    else:
        whole = {name: amount for name, amount in working.inputs.owed.items() if name not in working.currencies}
    bound = rule.at_most if rule.at_most is not None else rule.at_least
    if bound is None:
        return []
    if rule.measure == "value" and rule.price_basis is not None:
        return _value_ratio(working, rule, part, whole, bound)
    lines = []
    for asset, amount in sorted(whole.items()):
        if not amount:
            continue
        there = part.get(asset, 0)
        storage = " or ".join(rule.storage)
        _keep(working, "part", f"customers' {asset} in {storage} storage", there, asset, "the statement's reserves")
        _keep(working, "whole", f"all {asset} {_of(rule)} customers", amount, asset, "the statement")
        if rule.at_most is not None:
            lines.append(Line(asset, asset, Fraction(floor(bound * amount)), Fraction(there), at_most=True))
        else:
            lines.append(Line(asset, asset, Fraction(ceil(bound * amount)), Fraction(there)))
    return lines


def _value_ratio(
    working: Working, rule: WalletRatio, part: Mapping[str, int], whole: Mapping[str, int], bound: Fraction
) -> list[Line]:
    at_most = rule.at_most is not None
    basis = rule.price_basis or "spot"
    try:
        total = working.value(f"all coins {_of(rule)} customers", whole, basis)
        there = working.value(f"customers' coins in {' or '.join(rule.storage)} storage", part, basis)
    except MissingInput as error:
        working.notes += error.notes
        return [Line("all assets", RATIO, bound, None, at_most=at_most)]
    if total == 0:
        working.notes.append(f"no coins are {_of(rule)} customers, so there is no share of them")
        return []
    share = working.keep("ratio", "the second value as a share of the first", there / total, unit=RATIO, source="both")
    return [Line("all assets", RATIO, bound, share, at_most=at_most)]


def concentration_cap(working: Working, rule: ConcentrationCap) -> list[Line]:
    """The value that each custodian keeps against its limit: a line for each, and one for the exchange itself.

    What the exchange keeps itself is what is held for customers less what custodians are declared to keep. Raises
    `MissingInput` for a missing price, a tier that the rule does not know, and custodians that keep more than is held.
    """
    held = working.held("customer", ALL_STORAGES)
    kept: dict[str, dict[str, int]] = {}
    caps: dict[str, Fraction] = {}
    left = dict(held)
    missing = []
    for item in sorted(working.declared(["custodian"]), key=lambda item: (item.name, item.unit or "")):
        if item.unit is None or item.amount is None:
            continue
        if item.tier not in rule.caps:
            missing.append(f"custodian {item.name} is declared as of tier {item.tier}, which the rule does not know")
            continue
        kept.setdefault(item.name, {})[item.unit] = item.amount
        caps[item.name] = min(caps.get(item.name, Fraction(1)), rule.caps[item.tier])
        left[item.unit] = left.get(item.unit, 0) - item.amount
    missing += [
        f"custodians are declared to keep more {asset} than is held for customers"
        for asset, amount in left.items()
        if amount < 0
    ]
    if missing:
        raise MissingInput(missing)
    total = working.value("all coins held for customers", held, rule.price_basis)
    if rule.self_custody is not None:
        kept[_SELF] = left
        caps[_SELF] = rule.self_custody
    lines = []
    for name, amounts in kept.items():
        value = working.value(f"coins kept by {name}", amounts, rule.price_basis)
        working.keep(f"cap {name}", f"the share that {name} may keep", caps[name], unit=RATIO, source="the rule")
        limit, there = Fraction(floor(caps[name] * total)), Fraction(ceil(value))
        lines.append(Line(name, working.currency, limit, there, at_most=True))
    return lines


def _of(rule: WalletRatio) -> str:
    return "held for" if rule.share_of == "held" else "owed to"


def _owed(working: Working, ratio: Fraction) -> dict[str, int]:
    owed = dict(sorted(working.inputs.owed.items()))
    for asset, amount in owed.items():
        _keep(working, "owed", f"owed to customers in {asset}", amount, asset, "the statement's liabilities")
    return {asset: ceil(ratio * amount) for asset, amount in owed.items()}


def _all_held(working: Working) -> dict[str, int]:
    held = working.held("customer", ALL_STORAGES)
    for currency, amount in working.deposited("customer").items():
        held[currency] = held.get(currency, 0) + amount
    return held


def _keep(working: Working, name: str, text: str, amount: int, asset: str, source: str) -> None:
    working.keep(f"{name} {asset}", text, Fraction(amount), unit=asset, source=source)


def _per_asset(
    working: Working, required: Mapping[str, int], there: Mapping[str, int], only: Mapping[str, int] | None = None
) -> list[Line]:
    names = sorted(only if only is not None else {*required, *there})
    if not names:
        working.notes.append("nothing is asked for")
    return [Line(name, name, Fraction(required.get(name, 0)), Fraction(there.get(name, 0))) for name in names]
