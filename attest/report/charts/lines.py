"""Line charts over months as SVG, with a gap for each month without a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple
from unicodedata import east_asian_width

from attest.report.charts.axes import Axis
from attest.report.charts.svg import BAD, GROUND, INK, LOOKS, SOFT, opened, units

MOST_LINES: Final = 6  # in one picture, because there are six colours and dashes
_DASHES: Final = ("", "7 3", "2 3", "10 3 2 3", "4 2", "12 4")
_MOST_MONTHS: Final = 4  # names of months below the axis
_MONTH_ROOM: Final = 1250  # tenths of a unit between two of those names, so that they do not overlap on a phone
_MOST_DOTS: Final = 24  # months up to which each has a dot
_LEGENDS: Final = ((3, 205, 14), (2, 310, 26))  # forms of a legend: columns, units of each, letters of a name in it


class Line(NamedTuple):
    """One figure over the months.

    `label`: its name for readers.
    `values`: a value for each month; None when it has no figure.
    `texts`: a text for each month; points below the axis's mark show it.
    """

    label: str
    values: tuple[int | None, ...]
    texts: tuple[str, ...]


def lines(ident: str, months: Sequence[str], drawn: Sequence[Line], axis: Axis, *, title: str, desc: str) -> str:
    """The SVG of up to six lines, told apart by colour and dashes, with a legend that names them.

    `ident`: a name that no other chart of the page has: letters, digits and hyphens.
    `months`: the months, like `2026-10`, ascending.
    `drawn`: the lines, each with a value for each month. Points below the axis's mark are larger and red.
    `title`, `desc`: what is read aloud to who cannot see it.
    Raises `ValueError` for more than `MOST_LINES` lines.
    """
    if len(drawn) > MOST_LINES:
        raise ValueError(f"{len(drawn)} lines are too many for one picture")
    return _picture(_Frame.of(months, axis, legend=drawn), ident, drawn, title, desc)


def small_lines(ident: str, months: Sequence[str], line: Line, axis: Axis, *, title: str, desc: str) -> str:
    """The SVG of one line at half the size, one of many side by side on one axis; parameters as of `lines`."""
    return _picture(_Frame.of(months, axis, legend=(), small=True), ident, (line,), title, desc)


class _Frame(NamedTuple):
    """The place of the plot within its picture.

    `months`, `axis`, `legend`: what is drawn.
    `width`, `height`: of the picture, in units.
    `left`, `top`, `right`, `bottom`: the edges of the plot, in tenths of a unit.
    """

    months: Sequence[str]
    axis: Axis
    legend: Sequence[Line]
    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, months: Sequence[str], axis: Axis, legend: Sequence[Line], *, small: bool = False) -> _Frame:
        """The frame whose left margin is as wide as the longest mark, and whose upper one as high as the legend."""
        width, height = (320, 150) if small else (640, 240)
        top = 14 + 26 * -(-len(legend) // _legend_columns(legend)[0])
        left = 14 + max((len(text) for _, text in axis.ticks), default=0) * 11
        height += top
        return cls(months, axis, legend, width, height, left * 10, top * 10, (width - 14) * 10, (height - 34) * 10)

    def x(self, index: int) -> int:
        """The horizontal place of a month, in tenths of a unit."""
        if len(self.months) < 2:  # noqa: PLR2004 (one stands in the middle)
            return (self.left + self.right) // 2
        return self.left + 60 + index * (self.right - self.left - 120) // (len(self.months) - 1)

    def y(self, value: int) -> int:
        """The vertical place of a value, in tenths of a unit; a value beyond the axis lies on its edge."""
        low, high = self.axis.low, self.axis.high
        within = max(low, min(high, value))
        return self.top + (high - within) * (self.bottom - self.top) // (high - low)


def _picture(frame: _Frame, ident: str, drawn: Sequence[Line], title: str, desc: str) -> str:
    return "".join(
        (
            opened(ident, frame.width, frame.height, title, desc, ' class="chart"'),
            *_gaps(frame, drawn),
            *_ticks(frame),
            *_month_names(frame),
            *_legend(frame),
            *(_line(frame, line, number) for number, line in enumerate(drawn)),
            *(_marked(frame, line) for line in drawn),
            "</svg>",
        )
    )


def _gaps(frame: _Frame, drawn: Sequence[Line]) -> Iterable[str]:
    """A grey ground behind each month that no line has a value for."""
    half = (frame.right - frame.left - 120) // (2 * max(len(frame.months) - 1, 1))
    for index in range(len(frame.months)):
        if all(line.values[index] is None for line in drawn):
            x = max(frame.left, frame.x(index) - half)
            width = min(frame.right, frame.x(index) + half) - x
            yield (
                f'<rect x="{units(x)}" y="{units(frame.top)}" width="{units(width)}" '
                f'height="{units(frame.bottom - frame.top)}" class="ground" fill="{GROUND}"/>'
            )


def _ticks(frame: _Frame) -> Iterable[str]:
    for value, text in frame.axis.ticks:
        y = units(frame.y(value))
        yield (
            f'<path d="M{units(frame.left)} {y}H{units(frame.right)}" class="grid" stroke="{GROUND}"/>'
            f'<text x="{units(frame.left - 60)}" y="{y}" dy=".35em" text-anchor="end" class="soft" fill="{SOFT}" '
            f'font-size="12">{escape(text)}</text>'
        )
    if frame.axis.mark is not None:
        y = units(frame.y(frame.axis.mark))
        yield (
            f'<path d="M{units(frame.left)} {y}H{units(frame.right)}" class="mark" stroke="{INK}" stroke-width="1.5" '
            'stroke-dasharray="6 4"/>'
        )


def _month_names(frame: _Frame) -> Iterable[str]:
    last = len(frame.months) - 1
    spans = _MOST_MONTHS - 1 if frame.width > 400 else 1  # noqa: PLR2004 (the small one has room for the ends)
    even = {(2 * number * last + spans) // (2 * spans) for number in range(spans + 1)}
    shown = sorted(
        index
        for index in even
        if index in {0, last} or min(frame.x(index) - frame.x(0), frame.x(last) - frame.x(index)) >= _MONTH_ROOM
    )
    for index in shown:
        anchor = "middle" if last == 0 else "start" if index == 0 else "end" if index == last else "middle"
        x = frame.left if anchor == "start" else frame.right if anchor == "end" else frame.x(index)
        yield (
            f'<text x="{units(x)}" y="{frame.height - 8}" text-anchor="{anchor}" class="soft" fill="{SOFT}" '
            f'font-size="12">{escape(frame.months[index])}</text>'
        )


def _legend(frame: _Frame) -> Iterable[str]:
    columns, width, longest = _legend_columns(frame.legend)
    for number, line in enumerate(frame.legend):
        x, y = number % columns * width, 16 + number // columns * 26
        yield (
            f'<path d="M{x} {y}h28" {_stroke(number)}/>'
            f'<text x="{x + 36}" y="{y}" dy=".35em" class="ink" fill="{INK}" font-size="12">'
            f"{escape(_cut(line.label, longest))}</text>"
        )


def _legend_columns(legend: Sequence[Line]) -> tuple[int, int, int]:
    """The first of `_LEGENDS` in which all names fit, else the last."""
    fit = (item for item in _LEGENDS if all(_long(line.label) <= item[2] for line in legend))
    return next(fit, _LEGENDS[-1])


def _long(text: str) -> int:
    """The length of a text in letters; Japanese ones count twice, because they are twice as wide."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, longest: int) -> str:
    """The text, cut with dots where it is longer than `longest` letters."""
    if _long(text) <= longest:
        return text
    ends = (end for end in range(len(text), 0, -1) if _long(text[:end]) < longest)
    return f"{text[: next(ends, 0)]}…"


def _line(frame: _Frame, line: Line, number: int) -> str:
    """The SVG of one line: a path for each run of months without a gap, and dots."""
    runs: list[list[tuple[int, int]]] = [[]]
    for index, value in enumerate(line.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x(index), frame.y(value)))
    paths = ["M" + "L".join(f"{units(x)} {units(y)}" for x, y in run) for run in runs if len(run) > 1]
    few = len(line.values) <= _MOST_DOTS
    dots = [point for run in runs for point in run if few or len(run) == 1]
    return (f'<path d="{"".join(paths)}" {_stroke(number)}/>' if paths else "") + "".join(
        f'<circle cx="{units(x)}" cy="{units(y)}" r="2.5" class="k{number}" fill="{LOOKS[number]}"/>' for x, y in dots
    )


def _marked(frame: _Frame, line: Line) -> str:
    """The SVG of the points below the axis's mark, larger and red."""
    mark = frame.axis.mark
    return "".join(
        f'<circle cx="{units(frame.x(index))}" cy="{units(frame.y(value))}" r="6" class="bad" fill="{BAD}">'
        f"<title>{escape(f'{line.label}, {frame.months[index]}: {line.texts[index]}')}</title></circle>"
        for index, value in enumerate(line.values)
        if value is not None and mark is not None and value < mark
    )


def _stroke(number: int) -> str:
    dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    return f'class="line k{number}" fill="none" stroke="{LOOKS[number]}" stroke-width="2"{dashes}'
