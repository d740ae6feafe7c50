"""Rules about amounts of money: a requirement, and what counts towards it.

Each function compares for one kind of rule. Amounts in lines are minor units of the policy's currency, the requirement
rounded up and what is available rounded down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Any, Final

from attest.documents import format_time
from attest.policy import cover, volumes
from attest.policy.model import (
    Band,
    Cadence,
    MaxOf,
    NetWorthFloor,
    PercentWithMinimum,
    StressExposure,
    VolumeRate,
    WeightedSumCover,
)
from attest.policy.results import TIMES, Line
from attest.policy.terms import Span
from attest.policy.working import ALL_STORAGES, MissingInput, Working

_CREDITS: Final = {"insurance credit", "bank-guarantee credit", "trust-deposit credit", "escrow credit"}


def _side(working: Working, figure: Callable[[], Fraction]) -> Fraction | None:
    """One side of a comparison. None when an input is missing: the other side is still computed, and notes say why."""
    try:
        return figure()
    except MissingInput as error:
        working.notes += error.notes
        return None


def _compared(working: Working, required: Fraction | None, there: Fraction | None) -> list[Line]:
    """The one line of a comparison in the policy's currency; the requirement rounded up, what is available down."""
    up = None if required is None else Fraction(ceil(required))
    down = None if there is None else Fraction(floor(there))
    return [Line(working.currency, working.currency, up, down)]


def covered(working: Working, rule: WeightedSumCover | PercentWithMinimum | MaxOf | Band) -> list[Line]:
    """A requirement against what the rule accepts for it.

    A bound on the share of cover is a share of the requirement as it is rounded.
    """
    exact = _side(working, partial(_REQUIRED[rule.kind], working, rule))
    if exact is None:
        return _compared(working, None, None)
    required = Fraction(ceil(working.keep("required", "the requirement", exact, source="the figures above")))
    there = _side(working, lambda: cover.available(working, rule.accepts, required))
    credit = sum((item.value for item in working.figures if item.name in _CREDITS), Fraction(0))
    if there is not None and rule.accepts.contracts:
        needed = max(Fraction(0), required - floor(credit))
        working.keep("own funds", "to be met by other means than cover", needed, source="requirement less cover")
    return _compared(working, required, there)


def _weighted(working: Working, rule: WeightedSumCover) -> Fraction:
    total = Fraction(0)
    missing: list[str] = []
    for storage in ("hot", "other", "cold"):
        weight = getattr(rule.weights, storage)
        try:
            held = working.held("customer", [storage])
            value = working.value(f"customers' coins in {storage} storage", held, rule.price_basis)
        except MissingInput as error:
            missing += error.notes
            continue
        source = "the rule's weight"
        total += working.keep(f"weighted {storage}", f"of it must be covered {weight}", weight * value, source=source)
    if missing:
        raise MissingInput(missing)
    return total


def _percent(working: Working, rule: PercentWithMinimum) -> Fraction:
    minimum = working.licensed(rule.minimum_by_licence)
    what = f"customers' coins in {' or '.join(rule.storage)} storage"
    value = working.value(what, working.held("customer", rule.storage), rule.price_basis)
    return max(minimum, working.keep("percent", f"{rule.percent} of it", rule.percent * value, source="the rule"))


def _max_of(working: Working, rule: MaxOf) -> Fraction:
    minimum = working.licensed(rule.table)
    base = working.accounts(rule.base)
    for name in rule.deductions:
        try:
            base -= working.accounts(name)
        except MissingInput as error:
            if any(working.declared(["financial"], [name])):
                raise  # it is declared, and too old or of another currency
            working.notes += [f"{note}, so nothing is deducted for it" for note in error.notes]
    base = working.keep("base", f"{rule.base} less deductions", max(base, Fraction(0)), source="the figures above")
    part = working.keep("fraction", f"{rule.fraction} of it", rule.fraction * base, source="the rule")
    return max(minimum, part)


def _band(working: Working, rule: Band) -> Fraction:
    working.sources |= working.earlier[rule.of].sources
    base = working.earlier[rule.of].figure(rule.figure)
    if base is None:
        raise MissingInput([f"rule {rule.of} gives no {rule.figure}", *working.earlier[rule.of].notes])
    working.keep("base", f"the {rule.figure} of rule {rule.of}", base, source=f"rule {rule.of}")
    if rule.tiered:
        base *= volumes.multiplier(working)
        working.keep("scaled", "times the multiplier", base, source="the figures above")
    low = working.keep(
        "floor", "the floor, below which nothing brings it", working.whole(rule.floor), source="the rule"
    )
    if rule.cap is not None:
        base = min(base, working.keep("cap", "the cap", working.whole(rule.cap), source="the rule"))
    return max(base, low)


_REQUIRED: Final[dict[str, Callable[[Working, Any], Fraction]]] = {
    "weighted-sum-cover": _weighted,
    "percent-with-minimum": _percent,
    "max-of": _max_of,
    "band": _band,
}


def reserve(working: Working, rule: VolumeRate) -> list[Line]:
    """The reserve that must stand after the year's provision, against the reserve as it stands.

    Cabinet Office Order on Financial Instruments Business Art. 175: the year adds the accrual, or as much as is free
    below the ceiling where that is less; what stands above the ceiling may be released. No line where the rule names no
    figures of the accounts. Raises `MissingInput` for volumes that are missing or too old.
    """
    accrual, ceiling = volumes.rates(working, rule)
    if rule.opening is None or rule.used is None or rule.closing is None:
        working.notes.append("the rule gives figures to another one, and asks for nothing itself")
        return []
    accounts = [_side(working, partial(working.accounts, name)) for name in (rule.opening, rule.used)]
    closing = _side(working, partial(working.accounts, rule.closing))
    opening, used = accounts
    if opening is None or used is None:
        return _compared(working, None, closing)
    there = working.keep("reserve", "the reserve less use", max(Fraction(0), opening - used), source="the accounts")
    provision = max(Fraction(0), min(Fraction(ceil(accrual)), ceil(ceiling) - there))
    working.keep("provision", "the lower of the accrual and what is free below the ceiling", provision, source="both")
    releasable = max(Fraction(0), there - ceil(ceiling))
    working.keep("releasable", "what stands above the ceiling and may be released", releasable, source="both")
    after = working.keep("closing", "the reserve with the provision", there + provision, source="both")
    return _compared(working, after - releasable, closing)


def net_worth(working: Working, rule: NetWorthFloor) -> list[Line]:
    """A figure of the accounts against the amount or value that it must reach."""
    there = _side(working, lambda: working.accounts(rule.accounts))
    if rule.value_of is None or rule.price_basis is None:
        amount = working.whole(rule.at_least or 0)
        return _compared(working, working.keep("required", "the amount", amount, source="the rule"), there)
    what, basis = f"{rule.value_of} coins", rule.price_basis
    amounts = working.held(rule.value_of, ALL_STORAGES)
    return _compared(working, _side(working, lambda: working.value(what, amounts, basis)), there)


def cadence(working: Working, rule: Cadence) -> list[Line]:
    """How often something was done. Raises `MissingInput`."""
    at = working.inputs.snapshot_at
    begin = Span(rule.within).before(at)
    times = {
        item.since
        for item in working.declared(["activity"], [rule.activity])
        if item.since is not None and item.since <= at
    }
    if not times:
        raise MissingInput([f"nothing is declared about {rule.activity}"])
    last = f"the last time at {format_time(max(times))}"
    text = f"{rule.activity} within {rule.within} before the snapshot, {last}"
    done = Fraction(sum(time >= begin for time in times))
    working.keep("done", text, done, unit=TIMES, source="declared")
    return [Line(rule.activity, TIMES, Fraction(rule.at_least), done)]


def stress(working: Working, rule: StressExposure) -> list[Line]:
    """The value in the largest wallets beside what would compensate for it; shown without a verdict.

    Raises `MissingInput` when no largest wallet is declared or a price is missing.
    """
    wallets: dict[str, dict[str, int]] = {}
    for item in working.declared(["largest-wallet"]):
        if item.unit is not None and item.amount is not None:
            wallets.setdefault(item.name, {})[item.unit] = item.amount
    if not wallets:
        raise MissingInput(["no largest wallet is declared"])
    values = [working.value(f"wallet {name}", wallets[name], rule.price_basis) for name in sorted(wallets)]
    exposed = sum(sorted(values, reverse=True)[: rule.largest], Fraction(0))
    working.keep("exposure", f"the {rule.largest} largest, together", exposed, source="the figures above")
    there = _side(working, lambda: cover.available(working, rule.accepts, Fraction(ceil(exposed))))
    working.notes.append("this shows how far the reserve would go, and asks for nothing")
    return [dataclasses.replace(line, only_shown=True) for line in _compared(working, exposed, there)]
