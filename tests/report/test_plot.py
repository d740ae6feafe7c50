"""The plots in a terminal: what they draw, and that they fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attest.report.history.plot import MAX_PLOTS, WIDTH, plot, plot_document
from attest.report.history.series import MonthRow, Series, State
from attest.report.numbers import share
from attest.report.view.held import CoverageRow
from attest.report.view.month import MonthView
from tests.report.test_tables import DOCS

A = "A"


@pytest.fixture
def view(read: tuple[object, Series]) -> MonthView:
    found = read[1].rows[0].view
    assert found is not None
    return found


def of(view: MonthView, coverage: dict[str, int | None]) -> MonthView:
    """A month with this coverage in hundredths of a percent; None where nothing is owed."""
    first = view.coverage[0]
    rows: list[CoverageRow] = [
        first._replace(asset=asset, coverage=share(value or 0, 0 if value is None else 10_000))
        for asset, value in coverage.items()
    ]
    return replace(view, coverage=tuple(rows))


def drawn(view: MonthView, *months: dict[str, int | None] | State) -> str:
    """The plot of months, with their coverage or in a state without figures."""
    rows = []
    for number, month in enumerate(months):
        period = f"{2000 + number // 12}-{number % 12 + 1:02d}"
        shown = None if isinstance(month, str) else of(view, month)
        rows.append(MonthRow(period, month if isinstance(month, str) else "verified", period, shown, ()))
    assets = {asset for month in months if not isinstance(month, str) for asset in month}
    text = plot(Series(tuple(rows), (), tuple(sorted(assets))))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    return text


def test_a_plot_has_a_line_at_100_and_marks_what_is_below_by_a_letter(view: MonthView) -> None:
    months = [{A: 10400}, {A: 10000}, "gap", {A: 9999}, "failed", {A: 10001}, "not-checked", {}, {A: None}, {A: 9000}]
    assert drawn(view, *months).splitlines() == [
        "Coverage of customers' assets by month",
        "",
        "A  lowest 90.00 % in 2000-10, BELOW 100 %",
        "  first 104.00 % in 2000-01   last 90.00 % in 2000-10",
        "   104.00 % |###",
        "            |###",
        "            |###                 ###",
        "      100 % |--------    ----!!! ----??? ... ... ----",
        "            |            XXX                     XXX",
        "    90.00 % |                                    XXX",
        "             2000-01                          2000-10",
        "",
        "# 100 % or more   X below 100 %   blank no statement   ! failed",
        "? could not be checked   . no such coverage",
    ]


@pytest.mark.parametrize(("month", "rows"), [({A: 10000}, 1), ({A: 10001}, 4), ({A: 9999}, 3), ({A: 10**40}, 4)])
def test_a_month_by_itself_is_on_its_side_of_the_line(view: MonthView, month: dict[str, int | None], rows: int) -> None:
    text = drawn(view, month)
    assert sum("|" in line for line in text.splitlines()) == rows
    assert ("#" in text, "X" in text) == (rows == 4, rows == 3)


def test_a_long_history_is_cut_and_the_figures_beside_it_are_not(view: MonthView) -> None:
    text = drawn(view, {A: 9000}, *[{A: 10100}] * 70)
    assert text.startswith("Coverage of customers' assets by month, the last 66 of 71 months\n")
    assert "lowest 90.00 % in 2000-01, BELOW 100 %" in text
    assert "X" not in text.replace("BELOW", "")
    assert text.count("2000-06") == 1


def test_of_many_assets_the_lowest_are_drawn(view: MonthView) -> None:
    month: dict[str, int | None] = {f"A{number:02d}": 10000 + 100 * number for number in range(MAX_PLOTS + 3)}
    text = drawn(view, month, month)
    assert text.count("lowest") == MAX_PLOTS
    assert f"\n3 more assets are not drawn; none of their figures is below {100 + MAX_PLOTS}.00 %.\n" in text
    assert "more assets" not in drawn(view, dict(list(month.items())[:MAX_PLOTS]))


def test_the_longest_names_and_figures_fit(view: MonthView) -> None:
    asset = "A" * 32
    drawn(view, {asset: 9999}, {asset: 10**8})


def test_nothing_to_draw_is_said(view: MonthView) -> None:
    assert drawn(view, "failed", {A: None}) == "Coverage by month: there is no figure to be shown."
    assert plot(Series((), (), ())) == "Coverage by month: there is no figure to be shown."


def test_of_a_month_that_was_found_twice_the_one_that_may_be_shown_is_drawn(view: MonthView) -> None:
    good = MonthRow("2000-01", "verified", "b", of(view, {A: 10100}), ())
    for other in ("a", "c"):
        bad = MonthRow("2000-01", "failed", other, None, ())
        (found,) = plot_document(Series((good, bad) if other == "c" else (bad, good), (), (A,)))
        assert found == {"asset": A, "months": [{"period": "2000-01", "state": "verified", "coverage": "101.00 %"}]}


def test_the_invented_year_is_drawn_as_the_instructions_show_it(read: tuple[object, Series]) -> None:
    (shown,) = (block for block in DOCS.read_text(encoding="utf-8").split("```") if block.startswith("\nDUSD"))
    assert shown.strip() in plot(read[1])
