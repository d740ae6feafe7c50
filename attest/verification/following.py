"""Whether verified months follow one another: none is missing, moved, replaced, told twice or late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypedDict

from attest.attestation.bundle import bundle_file_name
from attest.documents import format_time
from attest.periods import months_between
from attest.verification.findings import Claimed, Finding, Month
from attest.verification.follows import in_order


class _Concerned(TypedDict):
    """The bundles and months of a finding."""

    names: tuple[str, ...]
    periods: tuple[str, ...]


def following(months: Sequence[Month], unverified: Sequence[Claimed], now: datetime) -> list[Finding]:
    """What is wrong with `months`, ascending by sequence; `unverified` are bundles that did not verify."""
    return [
        *_told_twice(months),
        *_links(months),
        *_gaps(months, unverified),
        *_misnamed(months),
        *_not_met(months),
        *_late(months, now),
    ]


def _told_twice(months: Sequence[Month]) -> list[Finding]:
    """Two different statements for one place in the chain, or for one month: the exchange told different stories."""
    findings = []
    places: dict[tuple[str, object], Month] = {}
    for month in months:
        for what, value in (("sequence", month.sequence), ("period", month.period)):
            other = places.setdefault((what, value), month)
            if other.verified.digest != month.verified.digest:
                findings.append(
                    Finding(
                        "history/equivocation",
                        f"EQUIVOCATION: {other.name} ({other.verified.digest.hex()}) and {month.name} "
                        f"({month.verified.digest.hex()}) are two different statements of {what} {value}",
                        **_of(
                            one
                            for one in months
                            if one.verified.digest in {month.verified.digest, other.verified.digest}
                        ),
                    )
                )
    return findings


def _links(months: Sequence[Month]) -> list[Finding]:
    """Each month names the one before it by digest, and was issued after it."""
    findings = []
    by_sequence: dict[int, list[Month]] = {}
    for month in months:
        by_sequence.setdefault(month.sequence, []).append(month)
    for month in months:
        predicate = month.verified.statement.predicate
        before = by_sequence.get(month.sequence - 1, [])
        if not before:
            continue
        linked = [other for other in before if other.verified.digest == predicate.previous]
        if not linked:
            findings.append(
                Finding(
                    "history/link",
                    f"{month.name} does not follow {before[0].name}: it names another statement",
                    **_of([*before, month]),
                )
            )
            continue
        if not in_order(linked[0].verified.statement.predicate, predicate):
            findings.append(
                Finding(
                    "history/order",
                    f"{month.name} follows {linked[0].name}, but is of an earlier month or time",
                    **_of([*linked, month]),
                )
            )
    return findings


def _of(months: Iterable[Month]) -> _Concerned:
    found = list(months)
    return {
        "names": tuple(dict.fromkeys(month.name for month in found)),
        "periods": tuple(sorted({month.period for month in found})),
    }


def _gaps(months: Sequence[Month], unverified: Sequence[Claimed]) -> list[Finding]:
    """Months that are missing, by sequence and by the calendar.

    A month whose bundle is `unverified` is there; that it leads from one to the other nobody can say.
    """
    findings = []
    verified = {month.sequence for month in months}
    there = {claimed.sequence for claimed in unverified if claimed.sequence < max(verified, default=0)}
    findings += [
        Finding(
            "history/unjudged",
            f"sequence {number} is there and did not verify: whether the months after it follow it could not be judged",
            names=tuple(claimed.name for claimed in unverified if claimed.sequence == number),
            periods=tuple(sorted({claimed.period for claimed in unverified if claimed.sequence == number})),
        )
        for number in sorted(there - verified)
    ]
    numbers = sorted(verified | there)
    placed = {claimed.sequence: claimed.period for claimed in unverified if claimed.sequence in there}
    placed |= {month.sequence: month.period for month in months}
    if numbers and numbers[0] != 0:
        findings.append(Finding("history/gap", f"the history begins with sequence {numbers[0]}, not with 0"))
    for low, high in pairwise(numbers):
        if high > low + 1:
            left_out = f"{low + 1}" if high == low + 2 else f"{low + 1} to {high - 1}"
            missing = tuple(months_between(placed[low], placed[high]))
            findings.append(Finding("history/gap", f"sequence {left_out} is missing", periods=missing))
    periods = {month.period for month in months}
    periods |= {claimed.period for claimed in unverified if claimed.period < max(periods, default="")}
    for before, after in pairwise(sorted(periods)):
        missing = tuple(months_between(before, after))
        if missing:
            months_are = "1 month has" if len(missing) == 1 else f"{len(missing)} months have"
            said = f"{months_are} no statement between {before} and {after}"
            findings.append(Finding("history/gap", said, periods=missing))
    return findings


def _misnamed(months: Sequence[Month]) -> list[Finding]:
    """Bundles whose names say another month than they are of."""
    return [
        Finding("history/name", f"{month.name} is the statement of {month.period}", **_of([month]))
        for month in months
        if month.name.rpartition("/")[2] != bundle_file_name(month.period)
    ]


def _not_met(months: Sequence[Month]) -> list[Finding]:
    """What is adverse about a month by itself; that it is no longer the latest one is not."""
    findings = []
    for month in months:
        said = [f"the coverage of {item.asset} is not met" for item in month.verified.coverage if not item.met]
        said += [
            f"{step.title}: {step.detail}"
            for step in month.verified.steps
            if step.status == "NOT MET" and step.name != "freshness"
        ]
        findings += [
            Finding("history/not-met", f"{month.period}: {what}", adverse=True, **_of([month])) for what in said
        ]
    return findings


def _late(months: Sequence[Month], now: datetime) -> list[Finding]:
    """A statement promises the next one before it expires; one of a time to come would put that off."""
    times = [(month, month.verified.statement.predicate) for month in months]
    findings = [
        Finding(
            "history/future",
            f"{item.period} is not yet issued: it says {format_time(item.issued_at)}",
            adverse=True,
            **_of([month]),
        )
        for month, item in times
        if now < item.issued_at
    ]
    for (_, before), (month, after) in pairwise(times):
        if after.sequence == before.sequence + 1 and after.issued_at > before.expires_at:
            issued = format_time(after.issued_at)
            said = f"{after.period} was issued at {issued}, after {before.period} had expired"
            findings.append(Finding("history/late", said, adverse=True, **_of([month])))
    if times and now >= times[-1][1].expires_at:
        last, item = times[-1]
        said = f"{item.period} is the last month, and it expired at {format_time(item.expires_at)}"
        findings.append(Finding("history/overdue", said, adverse=True, **_of([last])))
    return findings
