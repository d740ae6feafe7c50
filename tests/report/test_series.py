"""Which months of a history are shown, and with figures only where nothing was found against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from attest.errors import UnavailableError
from attest.lines import Content
from attest.report.history.series import Series, _missing, read_series, series
from attest.verification.anchors import Known, Sources
from attest.verification.history import History
from attest.verification.verify import verify
from tests.conftest import Exchange
from tests.verification import test_history as broken
from tests.verification.test_history import CHECKED_AT, FIRST, months, name

Make = Callable[[Exchange], dict[str, bytes]]


def read(
    bundles: Mapping[str, bytes],
    *,
    now: datetime = CHECKED_AT,
    files: Callable[[str, str], Content | None] = lambda _, __: None,
) -> tuple[History, Series]:
    return read_series(bundles, FIRST, now=now, files=files)


def states(series: Series) -> list[tuple[str, str]]:
    """Every row's month and state; a row has figures when nothing is wrong with it, and never otherwise."""
    assert all((row.view is not None) == (row.state in {"verified", "not-met"}) for row in series.rows)
    assert all(row.view is None or row.view.period == row.period for row in series.rows)
    return [(row.period[2:], row.state) for row in series.rows]


def with_copy(exchange: Exchange) -> dict[str, bytes]:
    """A second copy of one of two Novembers is as doubtful as the first."""
    found = broken.fork(exchange)
    return {**found, "copy/2026-11.attest.json": found[name("2026-11")]}


def misnamed_copy(exchange: Exchange) -> dict[str, bytes]:
    found = months(exchange)
    return {**found, "0.attest.json": found[name("2026-11")]}


OK, BAD = "verified", "failed"
CASES: dict[str, tuple[Make, list[tuple[str, str]]]] = {
    "intact": (months, [("26-10", OK), ("26-11", OK), ("26-12", OK)]),
    "a gap": (broken.month_left_out, [("26-10", OK), ("26-11", "gap"), ("26-12", OK)]),
    "a number left out": (broken.number_left_out, [("26-10", OK), ("26-11", OK)]),
    "the first deleted": (broken.delete(0), [("26-11", OK), ("26-12", OK)]),
    "files swapped": (broken.swap, [("26-10", BAD), ("26-11", BAD), ("26-12", OK)]),
    "October replaced": (broken.replace, [("26-10", BAD), ("26-11", BAD), ("26-12", OK)]),
    "two Novembers": (broken.fork, [("26-10", OK), ("26-11", BAD), ("26-11", BAD), ("26-12", OK)]),
    "two Novembers, one twice": (with_copy, [("26-10", OK), ("26-11", BAD), ("26-11", BAD), ("26-12", OK)]),
    "December again": (
        broken.second_statement_of_a_month,
        [("26-10", OK), ("26-11", OK), ("26-12", BAD), ("26-12", BAD)],
    ),
    "another link": (broken.another_link, [("26-10", OK), ("26-11", BAD), ("26-12", BAD)]),
    "backwards": (broken.backwards, [("26-10", OK), ("26-11", BAD), ("26-12", BAD)]),
    "a withdrawn key": (broken.stolen, [("26-10", BAD), ("26-11", OK), ("26-12", OK)]),
    "a forged root": (broken.forged_root, [("26-10", OK), ("26-11", OK), ("26-12", BAD)]),
    "a copy of another name": (misnamed_copy, [("26-10", OK), ("26-11", OK), ("26-12", OK)]),
    "nothing": (lambda _: {}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_month_in_doubt_has_a_row_and_no_figures(case: str, exchange: Exchange) -> None:
    make, expected = CASES[case]
    history, series = read(make(exchange))
    assert states(series) == expected
    assert series.findings == history.findings
    for row in series.rows:
        assert all(row.period in finding.periods for finding in row.findings)
        assert (row.state == "failed") == any(not finding.adverse and finding.names for finding in row.findings)


def test_a_month_whose_earlier_one_verified_is_seen_to_follow_it(exchange: Exchange) -> None:
    bundles = months(exchange)
    shown = [row.view.steps[7] for row in read(bundles)[1].rows if row.view is not None]
    assert [step.status for step in shown] == ["VERIFIED"] * 3
    alone = verify(
        bundles[name("2026-12")],
        FIRST,
        now=CHECKED_AT,
        sources=Sources(),
        known=Known(previous=bundles[name("2026-11")]),
    )
    assert (shown[2].status, shown[2].detail) == (alone.steps[7].status, alone.steps[7].detail)
    del bundles[name("2026-11")]
    last = [row.view for row in read(bundles)[1].rows if row.view is not None][-1]
    assert (last.steps[7].status, 7 in last.unchecked_steps) == ("NOT CHECKED", True)


def test_a_row_has_the_sentences_that_are_about_it(exchange: Exchange) -> None:
    _, series = read(broken.stolen(exchange))
    first, second, _ = series.rows
    assert [finding.code for finding in first.findings] == ["history/month", "history/unjudged"]
    assert first.findings[0].sentence.startswith(f"{name('2026-10')}: ")
    assert second.findings == ()
    _, gap = read(broken.month_left_out(exchange))
    assert [finding.sentence for finding in gap.rows[1].findings] == [
        "1 month has no statement between 2026-10 and 2026-12"
    ]


def test_a_month_that_could_not_be_read_is_not_called_failed(exchange: Exchange) -> None:
    def files(bundle: str, _: str) -> bytes | None:
        if bundle == name("2026-11"):
            raise UnavailableError("file/unreadable", "cannot read it")
        return None

    _, series = read(months(exchange), files=files)
    assert states(series) == [("26-10", "verified"), ("26-11", "not-checked"), ("26-12", "verified")]


def test_a_file_that_says_no_month_has_no_row_and_one_whose_name_does_has(exchange: Exchange) -> None:
    found = months(exchange)
    history, series = read({**found, "x.attest.json": b"{"})
    assert states(series) == states(read(found)[1])
    assert [finding.names for finding in history.findings] == [("x.attest.json",)]
    _, series = read({**found, "2027-02.attest.json": b"{"})
    assert states(series)[3:] == [("27-01", "gap"), ("27-02", "failed")]


def test_a_month_that_nobody_signed_does_not_make_hundreds_of_rows(exchange: Exchange) -> None:
    found = months(exchange)
    _, series = read({**found, "2999-12.attest.json": b"{", "2000-01.attest.json": b"{"})
    assert states(series) == [("00-01", "failed"), *states(read(found)[1]), ("99-12", "failed")]
    _, series = read({"2999-12.attest.json": b"{", "2000-01.attest.json": b"{"})
    assert states(series) == [("00-01", "failed"), ("99-12", "failed")]


def test_a_year_without_statements_has_rows_where_the_months_around_it_verified() -> None:
    def month(period: str) -> Any:
        return SimpleNamespace(period=period)

    history = History((month("2026-01"), month("2028-01")), ())
    assert len([*_missing({"2026-01", "2026-06", "2028-01"}, history)]) == 4 + 18


def test_of_two_copies_the_one_with_its_files_is_shown(exchange: Exchange) -> None:
    found = months(exchange)
    copy = "0/2026-11.attest.json"
    history, shown = read({**found, copy: found[name("2026-11")]})
    assert shown.rows[1].name == copy
    lacking = tuple(
        month._replace(verified=replace(month.verified, missing=("a", "b") if month.name == copy else ("a",)))
        for month in history.months
    )
    views = {month.name: row.view for month in lacking for row in shown.rows if row.period == month.period and row.view}
    assert series(replace(history, months=lacking), views).rows[1].name == name("2026-11")


def test_a_month_that_is_late_keeps_its_figures(exchange: Exchange) -> None:
    _, series = read(months(exchange), now=CHECKED_AT + timedelta(days=60))
    assert states(series) == [("26-10", "verified"), ("26-11", "verified"), ("26-12", "verified")]
    assert [[finding.code for finding in row.findings] for row in series.rows] == [[], [], ["history/overdue"]]


def test_whoever_looks_on_sees_each_month_whole(exchange: Exchange) -> None:
    def beside(bundle: str, file: str) -> bytes | None:
        return exchange.files.get(file) if bundle == name("2026-10") else None

    seen: dict[str, Any] = {}
    found = broken.check(months(exchange), see=seen.__setitem__, files=beside)
    assert list(seen) == [month.name for month in found.months]
    assert [month.verified.digest for month in found.months] == [verified.digest for verified in seen.values()]
    october = seen[name("2026-10")]
    assert (bool(october.wallets), bool(october.records)) == (True, True)
    assert {month.verified.wallets for month in found.months} == {()}
