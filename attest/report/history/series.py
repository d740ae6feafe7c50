"""The months of a history in a row of the calendar, for charts, tables and analysts.

Figures are shown only of a month against which nothing was found. A month that did not verify, or of which a finding
says that it is replaced, told twice, out of order or under another name, has a row without figures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from attest.lines import Content
from attest.periods import months_between
from attest.report.month import month_view, seen_to_follow
from attest.report.view.month import MonthView
from attest.verification.anchors import Anchors
from attest.verification.findings import Finding
from attest.verification.follows import is_next, said_to_follow
from attest.verification.history import History, check_history
from attest.verification.verified import Verified

_LEAP: Final = 12  # missing months that are shown between a month that did not verify and its neighbours

State = Literal["verified", "not-met", "gap", "failed", "not-checked"]


class MonthRow(NamedTuple):
    """One month of the calendar and what may be shown of it.

    `period`: the month, `2026-10`.
    `state`: `verified`; `not-met`: verified, and a coverage, rule or step is NOT MET; `gap`: no bundle was found;
    `failed`: it did not verify, or a finding puts it in doubt; `not-checked`: it could not be read to its end here,
    which says nothing against it.
    `name`: of the bundle in the publication folder; None for a gap.
    `view`: its figures, for `verified` and `not-met` alone; else None.
    `findings`: those that name this bundle or, for a gap, this month.
    """

    period: str
    state: State
    name: str | None
    view: MonthView | None
    findings: tuple[Finding, ...]


class Series(NamedTuple):
    """The months of one exchange.

    `rows`: every month of the calendar from the first to the last, ascending, gaps included; a month with several
    statements has several rows. A bundle that did not verify may claim any month, so that months missing between it and
    the others have rows only where they are a year at most.
    `findings`: all of the history, also those that belong to no row.
    `assets`: those of any month whose figures are shown, ascending.
    """

    rows: tuple[MonthRow, ...]
    findings: tuple[Finding, ...]
    assets: tuple[str, ...]


def read_series(
    bundles: Mapping[str, bytes],
    anchors: Anchors,
    *,
    now: datetime,
    files: Callable[[str, str], Content | None],
) -> tuple[History, Series]:
    """The history of a publication folder, as `check_history` checks it, and the series of its months.

    `bundles`: the bytes of each bundle, by its name in the folder.
    `trust`: the pinned trust root.
    `later_roots`: envelopes of roots after it.
    `authorities`: the timestamp authorities that are trusted.
    `now`: the time of verification.
    `files`: opens a file beside a bundle, by the bundle's name and its own; None for one that is not there.
    """
    views: dict[str, MonthView] = {}

    def see(name: str, verified: Verified) -> None:
        views[name] = month_view(verified, bundles[name])

    history = check_history(bundles, anchors, now=now, files=files, see=see)
    return history, series(history, views | _following(history, views))


def _following(history: History, views: Mapping[str, MonthView]) -> dict[str, MonthView]:
    """The views of months that follow another one that verified, with step 7 VERIFIED.

    Step 7 needs the bundle before, which the verification of a single bundle does not have.
    """
    statements = {month.verified.digest: month.verified.statement.predicate for month in history.months}
    found = {}
    for month in history.months:
        predicate = month.verified.statement.predicate
        earlier = statements.get(predicate.previous or b"")
        if earlier is not None and is_next(earlier, predicate):
            found[month.name] = seen_to_follow(views[month.name], said_to_follow(predicate, earlier))
    return found


def series(history: History, views: Mapping[str, MonthView]) -> Series:
    """The series of a history.

    `views`: the view of each month that verified, by the name of its bundle.

    Several copies of one statement have one row: that of a copy against which nothing was found, if any, and among
    those of the one beside which most of its files lie. A bundle that names no month has no row; its finding is among
    those of the series.
    """
    rows = [*_verified(history, views), *_unverified(history.findings)]
    rows += [_gap(period, history.findings) for period in _missing({row.period for row in rows}, history)]
    rows.sort(key=lambda row: (row.period, row.name or ""))
    assets = {item.asset for row in rows if row.view is not None for item in row.view.coverage}
    return Series(tuple(rows), history.findings, tuple(sorted(assets)))


def _missing(there: Collection[str], history: History) -> Iterator[str]:
    """The missing months between those that are `there`, without long stretches to a month that did not verify."""
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
