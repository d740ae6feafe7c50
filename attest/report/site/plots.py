"""The figures of all months of a site as charts, each with a table of the same figures.

A month without figures is a gap in a line and an empty row of a table. The charts and the tables say one thing: both
are made from the numbers of the months' views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from markupsafe import Markup

from attest.report.charts.axes import Axis, amount_axis, percent_axis, share_axis
from attest.report.charts.lines import MOST_LINES, Line, lines, small_lines
from attest.report.numbers import Number, Share, share, units
from attest.report.view.held import CoverageRow, Shares
from attest.report.view.month import MonthView
from attest.report.view.rules import ReserveView

Words = Mapping[str, str]
_LEVELS: Final = ("proven", "agreed", "single", "declared")
_CONTROLS: Final = ("signed", "confirmed", "sampled", "nothing", "unavailable")


class Cell(NamedTuple):
    """A figure of a table; `below` says that it is less than it must be."""

    number: Number
    below: bool = False


class Column(NamedTuple):
    """A column of figures: what they are of, a value for the chart and a cell for the table for each month, or None."""

    label: str
    values: tuple[int | None, ...]
    cells: tuple[Cell | None, ...]

    @property
    def line(self) -> Line:
        """The column as a line of a chart."""
        return Line(self.label, self.values, tuple("" if cell is None else cell.number.text for cell in self.cells))

    @property
    def says_something(self) -> bool:
        """Whether any month has a figure."""
        return any(cell is not None for cell in self.cells)


class Plot(NamedTuple):
    """Pictures, what they show, and the columns of the table below them; a picture of its own for each, if `small`."""

    title: str
    pictures: tuple[Markup, ...]
    columns: tuple[Column, ...]
    small: bool


class Shown(NamedTuple):
    """One month, like `2026-10`, its view where figures may be shown, and what that has by asset."""

    period: str
    view: MonthView | None
    coverage: Mapping[str, CoverageRow]
    control: Mapping[str, Shares]

    @classmethod
    def of(cls, period: str, view: MonthView | None) -> Shown:
        """The month, which is asked for each of its assets many times."""
        if view is None:
            return cls(period, None, {}, {})
        return cls(period, view, {row.asset: row for row in view.coverage}, {row.asset: row for row in view.control})


class Months(NamedTuple):
    """The months in their order, with the words of a language, from which charts are drawn."""

    months: tuple[Shown, ...]
    words: Words

    @property
    def periods(self) -> tuple[str, ...]:
        """The months, ascending."""
        return tuple(month.period for month in self.months)


def coverage_plot(shown: Months, assets: Sequence[str]) -> Plot:
    """Coverage of all assets: lines in one picture, or a small picture each where there are many."""
    columns = [_column(shown, asset, partial(_covered, asset)) for asset in assets]
    axis = percent_axis(value for column in columns for value in column.values)
    return _plot(shown, "coverage", shown.words["heading.coverage"], columns, axis)


def reserve_plots(shown: Months) -> tuple[Plot, ...]:
    """Required and available reserve of each rule that asks for one."""
    found = {_key(item): item for month in shown.months if month.view is not None for item in month.view.reserves}
    return tuple(_reserve_plot(shown, f"reserve{number}", found[key]) for number, key in enumerate(sorted(found)))


def asset_plots(shown: Months, ident: str, asset: str) -> tuple[Plot, ...]:
    """Owed and held, evidence and control of one asset; `ident` begins the names of its charts."""
    words = shown.words
    decimals = max((month.coverage[asset].decimals for month in shown.months if asset in month.coverage), default=0)
    amounts = [
        _column(shown, words["field.owed"], partial(_owed, asset, decimals)),
        _column(shown, words["field.held"], partial(_held, asset, decimals)),
    ]
    levels = _parts(_column(shown, words[f"level.{level}"], partial(_level, asset, level)) for level in _LEVELS)
    controls = _parts(_column(shown, words[f"control.{kind}"], partial(_control, asset, kind)) for kind in _CONTROLS)
    axis = amount_axis((value for column in amounts for value in column.values), decimals)
    plots = (("amounts", amounts, axis), ("evidence", levels, share_axis()), ("control", controls, share_axis()))
    drawn = (
        _plot(shown, f"{ident}-{name}", words[f"site.{name}"].format(asset=asset), columns, of)
        for name, columns, of in plots
    )
    return tuple(plot for plot in drawn if plot.columns)


Read = Callable[[Shown], tuple[int, Cell] | None]


def _column(shown: Months, label: str, read: Read) -> Column:
    found = [read(month) for month in shown.months]
    return Column(
        label,
        tuple(None if item is None else item[0] for item in found),
        tuple(None if item is None else item[1] for item in found),
    )


def _plot(shown: Months, ident: str, title: str, columns: Iterable[Column], axis: Axis) -> Plot:
    """The plot of those columns that say something."""
    told = tuple(column for column in columns if column.says_something)
    if not told:
        return Plot(title, (), (), small=False)
    desc = shown.words["site.chart.desc"].format(
        months=len(shown.periods), first=shown.periods[0], last=shown.periods[-1]
    )
    if len(told) <= MOST_LINES:
        drawn = [column.line for column in told]
        picture = lines(ident, shown.periods, drawn, axis, title=title, desc=desc)
        return Plot(title, (Markup(picture),), told, small=False)  # noqa: S704 (our own)
    pictures = tuple(
        Markup(  # noqa: S704 (our own)
            small_lines(f"{ident}{number}", shown.periods, column.line, axis, title=column.label, desc=desc)
        )
        for number, column in enumerate(told)
    )
    return Plot(title, pictures, told, small=True)


def _parts(columns: Iterable[Column]) -> list[Column]:
    """Those that are something in any month: a line that lies on nought from end to end says nothing."""
    return [column for column in columns if any(column.values)]


def _covered(asset: str, month: Shown) -> tuple[int, Cell] | None:
    row = month.coverage.get(asset)
    if row is None or row.coverage.number is None:
        return None
    return row.coverage.hundredths, Cell(row.coverage.number, below=not row.met)


def _owed(asset: str, decimals: int, month: Shown) -> tuple[int, Cell] | None:
    row = month.coverage.get(asset)
    return None if row is None else _amount(row.owed, decimals - row.decimals)


def _held(asset: str, decimals: int, month: Shown) -> tuple[int, Cell] | None:
    row = month.coverage.get(asset)
    return None if row is None else _amount(row.held, decimals - row.decimals)


def _amount(number: Number, shift: int) -> tuple[int, Cell]:
    return int(number.exact) * 10**shift, Cell(number)


def _level(asset: str, level: str, month: Shown) -> tuple[int, Cell] | None:
    """The share of a level; nothing, and not no figure, where all that is held is of other levels."""
    row = month.coverage.get(asset)
    if row is None:
        return None
    none = share(0, int(row.held.exact))
    return _share(next((item.share for item in row.levels if item.level == level), none))


def _control(asset: str, kind: str, month: Shown) -> tuple[int, Cell] | None:
    found = month.control.get(asset)
    parts = () if found is None else found.parts
    return _share(next((part.share for part in parts if part.kind == kind), None))


def _share(of: Share | None) -> tuple[int, Cell] | None:
    return None if of is None or of.number is None else (of.hundredths, Cell(of.number))


def _reserve_plot(shown: Months, ident: str, of: ReserveView) -> Plot:
    key = _key(of)
    found = (_reserve(key, month) for month in shown.months)
    decimals = max(item.decimals for item in found if item is not None)
    columns = [
        _column(shown, shown.words["field.required"], partial(_required, key, decimals)),
        _column(shown, shown.words["field.available"], partial(_available, key, decimals)),
    ]
    axis = amount_axis((value for column in columns for value in column.values), decimals)
    title = shown.words["reserve.chart"].format(title=of.title, rule=of.rule)
    return _plot(shown, ident, f"{title} ({of.currency})", columns, axis)


Key = tuple[str, str, str]


def _key(item: ReserveView) -> Key:
    return item.policy, item.rule, item.currency


def _reserve(key: Key, month: Shown) -> ReserveView | None:
    reserves = () if month.view is None else month.view.reserves
    return next((item for item in reserves if _key(item) == key), None)


def _required(key: Key, decimals: int, month: Shown) -> tuple[int, Cell] | None:
    item = _reserve(key, month)
    return None if item is None else (_scaled(item, item.required, decimals), Cell(item.required))


def _available(key: Key, decimals: int, month: Shown) -> tuple[int, Cell] | None:
    item = _reserve(key, month)
    if item is None:
        return None
    return _scaled(item, item.available, decimals), Cell(item.available, below=item.verdict != "MET")


def _scaled(item: ReserveView, number: Number, decimals: int) -> int:
    """A figure in units of the month that has the most `decimals`, so that all are drawn to one scale."""
    finer: int = 10 ** (decimals - item.decimals)
    return units(number) * finer
