"""The months of a history as rows of the calendar, for charts, tables and analysts.

A figure is shown only of a month against which nothing was found: one that did not verify, or that a finding says is
replaced, told twice, out of order or under another name, has a row and no view.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from attest.attestation.envelope import Envelope
from attest.attestation.findings import Finding
from attest.attestation.history import History, check_history
from attest.attestation.previous import is_next, said_to_follow
from attest.attestation.timestamp import Authorities
from attest.attestation.trust import Trust
from attest.attestation.verify import Verified
from attest.lines import Content
from attest.periods import months_between
from attest.report.month import month_view, seen_to_follow
from attest.report.view.month import MonthView

_LEAP: Final = 12  # months that may be missing before one that did not verify, or after it

State = Literal["verified", "not-met", "gap", "failed", "not-checked"]


class MonthRow(NamedTuple):
    """One month of the calendar, like `2026-10`, and what may be shown of it.

    `name` is that of the bundle in the publication folder, None for a gap. `view` is there for `verified` and `not-met`
    alone. `findings` are those that name this bundle, or, for a gap, this month. `failed` is a month that did not
    verify, or that another finding puts in doubt; `not-checked` one that could not be read to its end here, which says
    nothing against it.
    """

    period: str
    state: State
    name: str | None
    view: MonthView | None
    findings: tuple[Finding, ...]


class Series(NamedTuple):
    """The months of one exchange.

    `rows` are ascending and have every month of the calendar from the first to the last, gaps too, and one month
    several times where several statements of it were found. A bundle that did not verify may say any month: what lies
    between it and the others has rows only where that is a year at most. `findings` are all of the history, also those
    that belong to no row. `assets` are all that any shown month has, ascending.
    """

    rows: tuple[MonthRow, ...]
    findings: tuple[Finding, ...]
    assets: tuple[str, ...]


def read_series(
    bundles: Mapping[str, bytes],
    *,
    trust: Trust,
    later_roots: Sequence[Envelope],
    authorities: Authorities,
    now: datetime,
    files: Callable[[str, str], Content | None],
) -> tuple[History, Series]:
    """The history of `bundles`, which are bytes by name, as `check_history` checks it, and its series."""
    views: dict[str, MonthView] = {}

    def see(name: str, verified: Verified) -> None:
        views[name] = month_view(verified, bundles[name])

    history = check_history(
        bundles, trust=trust, later_roots=later_roots, authorities=authorities, now=now, files=files, see=see
    )
    return history, series(history, views | _following(history, views))


def _following(history: History, views: Mapping[str, MonthView]) -> dict[str, MonthView]:
    """The views of the months that follow one that verified, which step 7 of each by itself could not see."""
    statements = {month.verified.digest: month.verified.statement.predicate for month in history.months}
    found = {}
    for month in history.months:
        predicate = month.verified.statement.predicate
        earlier = statements.get(predicate.previous or b"")
        if earlier is not None and is_next(earlier, predicate):
            found[month.name] = seen_to_follow(views[month.name], said_to_follow(predicate, earlier))
    return found


def series(history: History, views: Mapping[str, MonthView]) -> Series:
    """The rows of a history, with the views of the months that verified, by the names of their bundles.

    Of several copies of one statement there is one row: of one against which nothing was found, where there is one, and
    of those, of one beside which most of its files lie. A bundle that says no month has no row; its finding stands
    among those of the series.
    """
    rows = [*_verified(history, views), *_unverified(history.findings)]
    rows += [_gap(period, history.findings) for period in _missing({row.period for row in rows}, history)]
    rows.sort(key=lambda row: (row.period, row.name or ""))
    assets = {item.asset for row in rows if row.view is not None for item in row.view.coverage}
    return Series(tuple(rows), history.findings, tuple(sorted(assets)))


def _missing(there: Collection[str], history: History) -> Iterator[str]:
    """The months between those that are `there`, but not all that a bundle which did not verify may leap over."""
    verified = sorted(month.period for month in history.months)
    for before, after in pairwise(sorted(there)):
        months = months_between(before, after)
        if len(months) <= _LEAP or (verified and verified[0] <= before and after <= verified[-1]):
            yield from months


def _verified(history: History, views: Mapping[str, MonthView]) -> list[MonthRow]:
    found: dict[bytes, MonthRow] = {}
    for month in sorted(history.months, key=lambda month: (len(month.verified.missing), month.name)):
        said = tuple(finding for finding in history.findings if month.name in finding.names)
        doubtful = any(not finding.adverse for finding in said)
        view = None if doubtful else views[month.name]
        state: State = "failed" if view is None else "verified" if view.verdict == "VERIFIED" else "not-met"
        row = MonthRow(month.period, state, month.name, view, said)
        other = found.get(month.verified.digest)
        if other is None or (other.view is None and view is not None):
            found[month.verified.digest] = row
    return list(found.values())


def _unverified(findings: tuple[Finding, ...]) -> list[MonthRow]:
    return [
        MonthRow(
            finding.periods[0],
            "not-checked" if finding.unavailable else "failed",
            finding.names[0],
            None,
            tuple(other for other in findings if finding.names[0] in other.names),
        )
        for finding in findings
        if finding.code == "history/month" and finding.periods
    ]


def _gap(period: str, findings: tuple[Finding, ...]) -> MonthRow:
    said = tuple(finding for finding in findings if not finding.names and period in finding.periods)
    return MonthRow(period, "gap", None, None, said)
