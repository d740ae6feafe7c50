"""The months of one exchange, one after the other: whether any is missing, moved, replaced or told twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain, pairwise
from typing import Final, NamedTuple, TypedDict

from attest.attestation.bundle import parse_bundle
from attest.attestation.envelope import Envelope
from attest.attestation.months import months_between
from attest.attestation.previous import in_order
from attest.attestation.statement import PERIOD_PATTERN, parse_statement
from attest.attestation.timestamp import Authorities
from attest.attestation.trust import Trust
from attest.attestation.verify import Verified, verify
from attest.documents import format_time
from attest.errors import AttestError, UnavailableError
from attest.lines import Content

MAX_MONTHS: Final = 1200
MAX_HISTORY_BYTES: Final = 64 * 1024 * 1024  # of all its bundles, whose statements stay in memory to be compared


_BUNDLE: Final = ".attest.json"


class Month(NamedTuple):
    """One bundle of a history, verified, and where it was found."""

    name: str
    verified: Verified

    @property
    def period(self) -> str:
        """`2026-10`."""
        return self.verified.statement.predicate.period

    @property
    def sequence(self) -> int:
        """0 for an exchange's first statement."""
        return self.verified.statement.predicate.sequence


class Finding(NamedTuple):
    """One thing that is wrong with a history, and what to do about it.

    `adverse` says that nothing is false: a month is late or not met; `unavailable` that a bundle could not be read to
    its end here, which says nothing against it. `names` are the bundles that are in doubt, or late, or not met, and
    `periods` their months; without names, `periods` are months of which there is no statement. A finding with neither
    is about the history as a whole.

    Where two statements contradict each other nobody can say which of them is false, so that both are named: those of
    one place (`history/equivocation`), and a month with the one that it does not follow (`history/link`) or is not
    later than (`history/order`). What comes after a month that did not verify (`history/unjudged`) or after one that is
    missing (`history/gap`) is not named: it is not known to be false.
    """

    code: str
    sentence: str
    adverse: bool = False
    hint: str | None = None
    names: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    unavailable: bool = False


class _Concerned(TypedDict):
    """The bundles and months of a finding."""

    names: tuple[str, ...]
    periods: tuple[str, ...]


class _Claimed(NamedTuple):
    """The place that a bundle which did not verify claims to have."""

    name: str
    sequence: int
    period: str


@dataclass(frozen=True, slots=True)
class History:
    """The months in the order of their sequence, and all that is wrong; only without findings is it intact."""

    months: tuple[Month, ...]
    findings: tuple[Finding, ...]


def check_history(
    bundles: Mapping[str, bytes],
    *,
    trust: Trust,
    later_roots: Sequence[Envelope],
    authorities: Authorities,
    now: datetime,
    files: Callable[[str, str], Content | None],
    see: Callable[[str, Verified], None] = lambda *_: None,
) -> History:
    """Verify every bundle by itself, then how they follow one another.

    `bundles` are bytes by name; `files` returns what was published beside the bundle of a name. The trust roots that
    any bundle carries are used for all, so that a key counts only for its time whatever a single bundle withholds.
    `see` is shown each month that verified by the name of its bundle, whole, before it is known how it follows the
    others. What is wrong is returned, never raised.
    """
    findings: list[Finding] = []
    roots = _roots(bundles, trust, later_roots, findings)
    months: list[Month] = []
    unverified: list[_Claimed] = []
    for name, data in sorted(bundles.items()):
        try:
            verified = verify(
                data,
                trust=trust,
                later_roots=roots,
                authorities=authorities,
                now=now,
                files=partial(files, name),
            )
        except AttestError as error:
            claimed = _claimed(name, data)
            unverified += claimed
            findings.append(_unverified(name, error, claimed))
        else:
            see(name, verified)
            # What is said wallet by wallet may be large, and nothing in a history asks for it.
            months.append(Month(name, replace(verified, records={}, wallets=(), controlled=None)))
    months.sort(key=lambda month: (month.sequence, month.period, month.name))
    if not bundles:
        findings.append(Finding("history/empty", "there is no bundle"))
    findings += _told_twice(months)
    findings += _links(months)
    findings += _gaps(months, unverified)
    findings += _misnamed(months)
    findings += _not_met(months)
    findings += _late(months, now)
    return History(tuple(months), tuple(findings))


def _roots(
    bundles: Mapping[str, bytes], trust: Trust, later_roots: Sequence[Envelope], findings: list[Finding]
) -> list[Envelope]:
    """All trust roots that follow `trust`, whichever bundle carries them.

    When they do not make one chain, those of a bundle that does not follow the others by itself are left out, and told.
    """
    carried: dict[str, tuple[Envelope, ...]] = {}
    for name, data in sorted(bundles.items()):
        with suppress(AttestError):  # said where the bundle is verified
            carried[name] = parse_bundle(data).trust_roots
    found = list(dict.fromkeys([*later_roots, *chain.from_iterable(carried.values())]))
    with suppress(AttestError):
        trust.followed_by(found)
        return found
    found = list(later_roots)
    for name, roots in carried.items():
        try:
            trust.followed_by((*found, *roots))
        except AttestError as error:
            findings.append(
                Finding(
                    "history/roots",
                    f"{name} carries trust roots that do not follow: {error.message}",
                    names=(name,),
                    periods=_periods(name, _claimed(name, bundles[name])),
                )
            )
        else:
            found += [root for root in roots if root not in found]
    return found


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


def _claimed(name: str, data: bytes) -> list[_Claimed]:
    with suppress(AttestError):  # said where the bundle was verified
        predicate = parse_statement(parse_bundle(data).envelope.payload).predicate
        return [_Claimed(name, predicate.sequence, predicate.period)]
    return []


def _periods(name: str, claimed: Sequence[_Claimed]) -> tuple[str, ...]:
    """The month that a bundle which did not verify says it is of, or else that its name says."""
    if claimed:
        return (claimed[0].period,)
    said = name.rpartition("/")[2].removesuffix(_BUNDLE)
    return (said,) if re.fullmatch(PERIOD_PATTERN, said, re.ASCII) else ()


def _unverified(name: str, error: AttestError, claimed: Sequence[_Claimed]) -> Finding:
    return Finding(
        "history/month",
        f"{name}: {error.message}",
        hint=error.hint,
        names=(name,),
        periods=_periods(name, claimed),
        unavailable=isinstance(error, UnavailableError),
    )


def _gaps(months: Sequence[Month], unverified: Sequence[_Claimed]) -> list[Finding]:
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
        if month.name.rpartition("/")[2] != f"{month.period}{_BUNDLE}"
    ]


def _not_met(months: Sequence[Month]) -> list[Finding]:
    """What is adverse about a month by itself; that it is no longer the latest one is not."""
    findings = []
    for month in months:
        said = [f"the coverage of {item.asset} is not met" for item in month.verified.coverage if not item.met]
        said += [
            f"{step.title}: {step.detail}"
            for step in month.verified.steps
            if step.status == "NOT MET" and step.title != "freshness"
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
