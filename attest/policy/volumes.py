"""Trading volumes by fiscal year, the reserve that follows from them, and the multiplier of an exchange's tier."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from attest.documents import format_time
from attest.policy.inputs import Declaration
from attest.policy.model import VolumeRate
from attest.policy.terms import Span, Steps
from attest.policy.working import MissingInput, Working, in_force, leaf_name

_SEAM: Final = timedelta(days=1)  # some say that a year ends at midnight, some at the last second, some on the last day


def yearly(working: Working, buckets: Iterable[str], years: int) -> list[dict[str, Fraction]]:
    """The volume of each bucket in minor units, for the last fiscal years that ended by the snapshot, newest first.

    `buckets`: the names of kinds of trade.
    `years`: how many years are wanted; fewer are returned, with a note, where fewer are declared: a young business.
    Raises `MissingInput` naming every bucket and year that is missing, a gap between years, and a newest year that
    ended too long ago.
    """
    names = tuple(buckets)
    declared = _declared(working, names)
    periods = sorted(declared, reverse=True)[:years]
    if not periods:
        raise MissingInput([f"no volume of {name} is declared in {working.currency}" for name in names])
    missing: list[str] = []
    if periods[0].until < Span(working.policy.accounts_max_age).before(working.inputs.snapshot_at):
        ended = format_time(periods[0].until)
        missing.append(f"the last year of volume ended at {ended}, longer ago than {working.policy.accounts_max_age}")
    for newer, older in pairwise(periods):
        if abs(newer.since - older.until) > _SEAM:
            missing.append(f"the year of volume before {format_time(newer.since)} is missing, or another overlaps it")
    for period in periods:
        for name in names:
            year = f"volume of {name} in the year until {format_time(period.until)}"
            if (item := declared[period].get(name)) is None:
                missing.append(f"no {year} is declared in {working.currency}")
            else:
                source = f"declared, {leaf_name(item.evidence_leaf)}"
                working.keep(f"volume {name} {format_time(period.until)}", year, _amount(item), source=source)
    if missing:
        raise MissingInput(missing)
    if len(periods) < years:
        working.notes.append(f"{len(periods)} of {years} fiscal years are declared, and those count")
    return [{name: _amount(declared[period][name]) for name in names} for period in periods]


class _Year(NamedTuple):
    until: datetime
    since: datetime


def _declared(working: Working, names: tuple[str, ...]) -> dict[_Year, dict[str, Declaration]]:
    """The declarations of volume in the policy's currency, by fiscal year that ended by the snapshot, and by bucket."""
    found: dict[_Year, dict[str, Declaration]] = {}
    for item in working.declared(["volume"], names):
        if item.unit != working.currency:
            continue
        if item.since is not None and item.until is not None and item.until <= working.inputs.snapshot_at:
            found.setdefault(_Year(item.until, item.since), {})[item.name] = item
    return found


def _amount(item: Declaration) -> Fraction:
    return Fraction(item.amount or 0)


def rates(working: Working, rule: VolumeRate) -> tuple[Fraction, Fraction]:
    """The accrual of the newest year and the ceiling, exact, in minor units of the policy's currency.

    Cabinet Office Order on Financial Instruments Business Art. 175(1): the accrual is the sum over all buckets of rate
    times the newest year's volume; the ceiling is the sum of rate times the bucket's own largest year. Raises
    `MissingInput` as `yearly` does.
    """
    volumes = yearly(working, rule.buckets, rule.fiscal_years)
    accrual, ceiling = Fraction(0), Fraction(0)
    for name, rate in rule.buckets.items():
        accrual += rate.accrual * volumes[0][name]
        ceiling += rate.ceiling * max(year[name] for year in volumes)
    working.keep("accrual", "what the newest year adds at most", accrual, source="the rule's accrual rates")
    working.keep("ceiling", "where the reserve ends", ceiling, source="the rule's ceiling rates, on the largest years")
    return accrual, ceiling


def multiplier(working: Working) -> Fraction:
    """The multiplier of the policy's tier: the product of its tables, kept within its bounds; 1 without a tier.

    Raises `MissingInput` for a price or volume that is missing.
    """
    tier = working.policy.tier
    if tier is None:
        return Fraction(1)
    product = Fraction(1)
    if tier.size is not None:
        size = working.value("what customers are owed", working.inputs.owed, tier.size.price_basis)
        product *= _step(working, "size", size, tier.size.steps)
    if tier.volume is not None:
        years = yearly(working, tier.volume.buckets, tier.volume.fiscal_years)
        largest = max(sum(year.values(), Fraction(0)) for year in years)
        product *= _step(working, "volume", largest, tier.volume.steps)
    if tier.posture is not None:
        product *= _posture(working, tier.posture.points, tier.posture.steps)
    bounded = min(max(product, tier.lowest), tier.highest)
    text = f"tier multiplier, {product} kept between {tier.lowest} and {tier.highest} ({tier.authority_status})"
    return working.keep("multiplier", text, bounded, unit="ratio", source=f"the policy's tier: {tier.citation}")


def _step(working: Working, name: str, value: Fraction, steps: Steps) -> Fraction:
    step = [step for step in steps if value >= working.whole(step.at_least)][-1]
    text = f"multiplier for {name}, from {step.at_least:,} {working.currency}"
    return working.keep(f"multiplier {name}", text, step.multiplier, unit="ratio", source="the policy's tier")


def _posture(working: Working, points: dict[str, int], steps: Steps) -> Fraction:
    at = working.inputs.snapshot_at
    counted: dict[str, int] = {}
    for item in working.declared(["posture"], points):
        if item.name in counted:
            continue
        if in_force(item.since, item.until, at):
            counted[item.name] = points[item.name]
            text, source = f"points for {item.name}", f"declared, {leaf_name(item.evidence_leaf)}"
            working.keep(f"points {item.name}", text, Fraction(points[item.name]), unit="points", source=source)
        else:
            working.notes.append(f"{item.name} does not count: it is not in place at the snapshot")
    absent = [name for name in points if name not in counted]
    if absent:
        working.notes.append(f"no points without evidence: {', '.join(absent)}")
    total = sum(counted.values())
    step = [step for step in steps if total >= step.at_least][-1]
    text = f"multiplier for posture, {total} points, from {step.at_least}"
    return working.keep("multiplier posture", text, step.multiplier, unit="ratio", source="the policy's tier")
