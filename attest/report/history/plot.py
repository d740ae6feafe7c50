"""Coverage over months as plain text: a small plot for each asset, which needs neither colour nor a wide terminal.

Its marks are ASCII: block characters take two columns on many terminals in Japan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from attest.report.history.series import Series, State
from attest.report.numbers import HUNDREDTHS, percent

WIDTH: Final = 80
MAX_PLOTS: Final = 12
_ABOVE: Final = 3  # rows above the line of 100 %
_BELOW: Final = 2  # rows below it
_LABEL: Final = 11  # characters of the figures on the left
_SPACE: Final = WIDTH - _LABEL - 3  # characters for all months
_WIDEST: Final = 4  # characters for one month, at most
_FULL, _SHORT, _LINE = "#", "X", "-"
_MISSING: Final[dict[State, str]] = {"gap": " ", "failed": "!", "not-checked": "?"}
_UNSTATED: Final = "."
_LEGEND: Final = {
    _FULL: "100 % or more",
    _SHORT: "below 100 %",
    " ": "no statement",
    "!": "failed",
    "?": "could not be checked",
    _UNSTATED: "no such coverage",
}


class Point(NamedTuple):
    """Coverage of one asset in one month.

    `period`: the month, `2026-10`.
    `state`: of the month.
    `hundredths`: coverage in hundredths of a percent, rounded down; None when there is no figure.
    """

    period: str
    state: State
    hundredths: int | None


def points(series: Series, asset: str) -> tuple[Point, ...]:
    """The coverage of one asset, a point for each month.

    Where a month has several bundles, the point is that of one whose figures may be shown, if any. A month whose
    statement lacks the asset or owes nothing of it has no figure.
    """
    found: dict[str, Point] = {}
    for row in series.rows:
        items = () if row.view is None else row.view.coverage
        shares = [
            item.coverage.hundredths for item in items if item.asset == asset and item.coverage.number is not None
        ]
        point = Point(row.period, row.state, shares[0] if shares else None)
        if row.period not in found or row.view is not None:
            found[row.period] = point
    return tuple(found.values())


def lowest(found: Sequence[Point]) -> Point | None:
    """The point with the lowest coverage, the first of several; None when no month has a figure."""
    known = [point for point in found if point.hundredths is not None]
    return min(known, key=lambda point: (point.hundredths, point.period), default=None)


def plot(series: Series) -> str:
    """The plots as text of at most 80 columns: one for each asset, then the meaning of the marks.

    Of more than `MAX_PLOTS` assets those with the lowest coverage are drawn, and of more months than fit the last ones;
    the figures beside a plot are taken from all months.
    """
    by_asset = {asset: points(series, asset) for asset in series.assets}
    low = {asset: point for asset, found in by_asset.items() if (point := lowest(found)) is not None}
    drawn = sorted(sorted(low, key=lambda asset: (_of(low[asset]), asset))[:MAX_PLOTS])
    blocks = [_plot(asset, by_asset[asset], low[asset]) for asset in drawn]
    if not blocks:
        return "Coverage by month: there is no figure to be shown."
    used = "".join(line.partition("|")[2] for block in blocks for line in block)
    head = "Coverage of customers' assets by month"
    months = len(by_asset[drawn[0]])
    if months > _SPACE:
        head += f", the last {_SPACE} of {months} months"
    text = [head, *("\n".join(block) for block in blocks)]
    if left := [asset for asset in low if asset not in drawn]:
        least = min(_of(low[asset]) for asset in left)
        text.append(f"{len(left)} more assets are not drawn; none of their figures is below {percent(least)}.")
    states = {point.state for found in by_asset.values() for point in found[-_SPACE:]}
    marks = {*used} - {" "} | ({" "} if "gap" in states else set())
    said = [f"{mark if mark.strip() else 'blank'} {meaning}" for mark, meaning in _LEGEND.items() if mark in marks]
    text.append("\n".join(_filled(said)))
    return "\n\n".join(text)


def plot_document(series: Series) -> list[dict[str, Any]]:
    """The figures of the plots as JSON: for each asset its months, with `coverage` as a percentage or null.

    All assets and months are in it, those that are not drawn too.
    """
    return [
        {
            "asset": asset,
            "months": [
                {
                    "period": point.period,
                    "state": point.state,
                    "coverage": None if point.hundredths is None else percent(point.hundredths),
                }
                for point in points(series, asset)
            ],
        }
        for asset in series.assets
    ]


def _plot(asset: str, found: Sequence[Point], low: Point) -> list[str]:
    known = [point for point in found if point.hundredths is not None]
    short = ", BELOW 100 %" if _of(low) < HUNDREDTHS else ""
    said = [f"{asset}  lowest {_said(low)}{short}", f"first {_said(known[0])}", f"last {_said(known[-1])}"]
    lines = [said[0], *(f"  {line}" for line in _filled(said[1:]))]
    shown = found[-_SPACE:]
    wide = min(_WIDEST, _SPACE // len(shown))
    drawn = [point.hundredths for point in shown if point.hundredths is not None]
    top, bottom = max(drawn, default=HUNDREDTHS), min(drawn, default=HUNDREDTHS)
    for level in range(_ABOVE if top > HUNDREDTHS else 0, -_BELOW - 1 if bottom < HUNDREDTHS else -1, -1):
        label = {0: "100 %", _ABOVE: _label(top), -_BELOW: _label(bottom)}.get(level, "")
        cells = "".join(_cell(point, level, top, bottom, wide) for point in shown)
        lines.append(f"{label:>{_LABEL}} |{cells}".rstrip())
    ends = f"{shown[0].period}{shown[-1].period:>{max(0, wide * len(shown) - len(shown[0].period))}}"
    lines.append(f"{'':{_LABEL}}  {ends if len(shown) * wide > len(shown[0].period) * 2 else shown[0].period}")
    return lines


def _cell(point: Point, level: int, top: int, bottom: int, wide: int) -> str:
    """The characters of one month in one row of a plot.

    `level`: the row, counted from the line of 100 % (0) upwards, negative below it.
    `top`, `bottom`: the highest and lowest coverage drawn, in hundredths of a percent.
    `wide`: characters of a month.
    """
    body, space = max(1, wide - 1), " " * (wide - max(1, wide - 1))
    value = point.hundredths
    if value is None:
        mark = _MISSING.get(point.state, _UNSTATED) if level == 0 else " "
        return mark * body + space
    if level == 0:
        return _LINE * wide
    if level > 0:
        filled = (value - HUNDREDTHS) * _ABOVE > (level - 1) * (top - HUNDREDTHS)
        return (_FULL if filled else " ") * body + space
    filled = (HUNDREDTHS - value) * _BELOW > (-level - 1) * (HUNDREDTHS - bottom)
    return (_SHORT if filled else " ") * body + space


def _filled(parts: Sequence[str]) -> list[str]:
    """The parts laid out in lines, each as full as 80 columns and an indent of two allow."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 5 <= WIDTH:
            lines[-1] += f"   {part}"
        else:
            lines.append(part)
    return lines


def _of(point: Point) -> int:
    return point.hundredths or 0


def _said(point: Point) -> str:
    return f"{percent(_of(point))} in {point.period}"


def _label(hundredths: int) -> str:
    text = percent(hundredths)
    return text if len(text) <= _LABEL else f">= 1e{len(str(hundredths)) - 3} %"
