"""The figures of all months of a site as charts, each with a table of its figures.

A month without figures is a gap in a line and an empty row of a table. Chart and table agree, because both are made
from the numbers of the months' views.
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
    """A figure of a table.

    `number`: the figure.
    `below`: whether it is less than it must be.
    """

    number: Number
    below: bool = False


class Column(NamedTuple):
    """A column of a table, and a line of its chart.

    `label`: what the figures are of.
    `values`: for each month the value that the chart draws; None for no figure.
    `cells`: for each month the cell of the table; None for no figure.
    """

    label: str
    values: tuple[int | None, ...]
    cells: tuple[Cell | None, ...]

    @property
    def line(self) -> Line:
        """The column as a line of a chart."""
        return Line(self.label, self.values, tuple("" if cell is None else cell.number.text for cell in self.cells))

    @property
    def says_something(self) -> bool:
        """Whether at least one month has a figure."""
        return any(cell is not None for cell in self.cells)


class Plot(NamedTuple):
    """A chart and the table below it.

    `title`: what they show.
    `pictures`: one for all columns, or, with `small`, one for each.
    `columns`: those of the table.
    `small`: whether each column has a picture of its own.
    """

    title: str
    pictures: tuple[Markup, ...]
    columns: tuple[Column, ...]
    small: bool


class Shown(NamedTuple):
    """One month of the charts.

    `period`: the month, `2026-10`.
    `view`: its view; None when no figures may be shown.
    `coverage`: the view's rows by asset.
    `control`: what shows control, by asset.
    """

    period: str
    view: MonthView | None
    coverage: Mapping[str, CoverageRow]
    control: Mapping[str, Shares]

    @classmethod
    def of(cls, period: str, view: MonthView | None) -> Shown:
        """A month, with its rows in dicts, because each asset is asked for many times."""
        if view is None:
            return cls(period, None, {}, {})
        return cls(period, view, {row.asset: row for row in view.coverage}, {row.asset: row for row in view.control})


class Months(NamedTuple):
    """The months from which charts are drawn.

    `months`: ascending.
    `words`: those of the language.
    """

    months: tuple[Shown, ...]
    words: Words

    @property
    def periods(self) -> tuple[str, ...]:
        """The months, ascending."""
        return tuple(month.period for month in self.months)


def coverage_plot(shown: Months, assets: Sequence[str]) -> Plot:
    """The coverage of all assets: lines in one picture, or a small picture for each when they are more than six."""
    columns = [_column(shown, asset, partial(_covered, asset)) for asset in assets]
    axis = percent_axis(value for column in columns for value in column.values)
    return _plot(shown, "coverage", shown.words["heading.coverage"], columns, axis)


def reserve_plots(shown: Months) -> tuple[Plot, ...]:
    """The required and the available reserve over the months, a plot for each rule that asks for a reserve."""
    found = {_key(item): item for month in shown.months if month.view is not None for item in month.view.reserves}
    return tuple(_reserve_plot(shown, f"reserve{number}", found[key]) for number, key in enumerate(sorted(found)))


def asset_plots(shown: Months, ident: str, asset: str) -> tuple[Plot, ...]:
    """The plots of one asset: owed and held, levels of evidence, control; those without figures are left out.

    `ident`: the beginning of the names of its charts, unique on the page.
    """
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
    """The plot of the columns that have a figure in any month."""
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
    """The columns that are not 0 in every month, because a line that lies on 0 throughout tells nothing."""
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
    """The share of what is held that is of one level; 0, not a gap, when all of it is of other levels."""
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
    """An amount in the base units of the month with the most decimals, so that all months have one scale."""
    finer: int = 10 ** (decimals - item.decimals)
    return units(number) * finer
