"""Charts as small SVG of our own: bars against 100 %, stacked shares, and lines over months.

Colours stand as attributes, which typst and old readers follow; the classes let a page's style choose others in the
dark. Every chart has a title and a description of its own for who hears it, and its figures stand as text beside it.
All geometry is done in integers: of hundredths of a percent or of base units, in tenths of a unit of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from typing import Final, NamedTuple
from unicodedata import east_asian_width

from attest.amounts import format_amount

WHOLE: Final = 10_000  # hundredths of a percent
MOST_LINES: Final = 6  # in one picture: as many as there are colours and dashes
BAR_END: Final = 12_000  # bars longer than this are cut, with a mark
_LINES_END: Final = 20_000  # and lines above this run along the upper edge
_LOOKS: Final = ("#17663a", "#2f7fb8", "#9a6a1c", "#77808c", "#7b4ea8", "#0f7b7d", "#a9b1bb")
_LOOK_OF: Final = {
    "proven": 0, "agreed": 1, "single": 2, "declared": 3,
    "cold": 1, "hot": 2, "other": 3, "trust": 0, "money": 5,
    "signed": 0, "confirmed": 1, "sampled": 2, "nothing": 3, "unavailable": 6,
    "coins": 0, "deposits": 1, "insurance": 2, "bank-guarantee": 4, "trust-deposit": 5, "escrow": 3,
}  # fmt: skip
_DASHES: Final = ("", "7 3", "2 3", "10 3 2 3", "4 2", "12 4")
_BAD: Final = "#a81818"
_INK: Final = "#16191d"
_SOFT: Final = "#4a5361"
_GROUND: Final = "#dfe3e8"
_PAPER: Final = "#fff"
_THINNEST: Final = 5  # tenths of a percent, so that a share of almost nothing is seen
_STEPS: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 2500, 5000)  # between two marks of an axis of percents
_MOST_MARKS: Final = 6
_MOST_MONTHS: Final = 4  # named below the axis
_MONTH_ROOM: Final = (
    1250  # tenths between the first or last of them and the next, so that none is over another on a phone
)
_MOST_DOTS: Final = 24  # months of which each has its dot
_LEGENDS: Final = ((3, 205, 14), (2, 310, 26))  # columns, how wide each is, and how long a name in it, as `_long` says


class Segment(NamedTuple):
    """A part of a bar: `kind` decides its colour, `label` and `text` are what is said of it."""

    kind: str
    label: str
    text: str
    hundredths: int


class Line(NamedTuple):
    """One figure over the months; None where a month is missing or says nothing of it.

    `texts` has each value as people read it, for those that are marked.
    """

    label: str
    values: tuple[int | None, ...]
    texts: tuple[str, ...]


class Axis(NamedTuple):
    """A vertical axis from `low` to `high`, with its marks by value and text; below `mark` a point is a bad one."""

    low: int
    high: int
    ticks: tuple[tuple[int, str], ...]
    mark: int | None


def look(kind: str) -> int:
    """The number of the colour of a kind, which is also in the page's style as `k0`, `k1` and so on."""
    return _LOOK_OF.get(kind, len(_LOOKS) - 1)


def coverage_bar(ident: str, hundredths: int, *, met: bool, title: str, desc: str) -> str:
    """A bar from 0 to 120 %, with a dashed mark at 100 %; a longer one is cut, which two slanted gaps show.

    `ident` is a name that no other chart of the page has, in letters, digits and hyphens.
    """
    segment = _rect(0, min(hundredths, BAR_END) // 10, *(("k0", _LOOKS[0]) if met else ("bad", _BAD)))
    return _bar(ident, segment, hundredths, marked=True, title=title, desc=desc)


def stacked(ident: str, segments: Sequence[Segment], *, marked: bool, title: str, desc: str) -> str:
    """A bar of parts, side by side in their order. `marked` draws it to 120 %, with the mark at 100 %."""
    edges = [0, *accumulate(segment.hundredths for segment in segments)]
    end = BAR_END if marked else WHOLE
    wide: list[str] = []
    thin: list[str] = []
    for segment, left, right in zip(segments, edges, edges[1:], strict=False):
        x, width = min(left, end) // 10, min(right, end) // 10 - min(left, end) // 10
        if segment.hundredths and left < end:
            told = f"<title>{escape(f'{segment.label}: {segment.text}')}</title>"
            number = look(segment.kind)
            drawn = _rect(x, max(width, _THINNEST), f"k{number}", _LOOKS[number], told)
            (wide if width >= _THINNEST else thin).append(drawn)
            if left and width >= _THINNEST:
                wide.append(_rect(x, 2, "paper", _PAPER))
    return _bar(ident, "".join(wide + thin), edges[-1], marked=marked, title=title, desc=desc)


def percent_axis(values: Iterable[int | None]) -> Axis:
    """The axis of hundredths of a percent around 100 %, no higher than 200 %."""
    found = [value for value in values if value is not None]
    low, high = min([*found, WHOLE - 100]), min(max([*found, WHOLE + 100]), _LINES_END)
    step = next((step for step in _STEPS if (high - low) // step < _MOST_MARKS - 1), _STEPS[-1])
    low, high = low // step * step, -(-high // step) * step
    return Axis(low, high, tuple((value, _percent(value)) for value in range(low, high + 1, step)), WHOLE)


def share_axis() -> Axis:
    """The axis from nothing to the whole, in hundredths of a percent."""
    return Axis(0, WHOLE, tuple((value, _percent(value)) for value in range(0, WHOLE + 1, WHOLE // 4)), None)


def amount_axis(values: Iterable[int | None], decimals: int) -> Axis:
    """The axis of base units from 0 to the largest value."""
    high = max([value for value in values if value is not None] + [1])
    step = _round_step(-(-high // (_MOST_MARKS - 2)))
    high = -(-high // step) * step
    return Axis(0, high, tuple((value, _short(value, decimals)) for value in range(0, high + 1, step)), None)


def lines(ident: str, months: Sequence[str], drawn: Sequence[Line], axis: Axis, *, title: str, desc: str) -> str:
    """Lines over `months`, of which `drawn` has a value each; a missing month is a gap.

    Up to six lines, told apart by colour and dashes, with a legend where there are several. A point below the axis's
    mark is larger and red. Raises `ValueError` for more lines.
    """
    if len(drawn) > MOST_LINES:
        raise ValueError(f"{len(drawn)} lines are too many for one picture")
    return _picture(_Frame.of(months, axis, legend=drawn if len(drawn) > 1 else ()), ident, drawn, title, desc)


def small_lines(ident: str, months: Sequence[str], line: Line, axis: Axis, *, title: str, desc: str) -> str:
    """A picture of one line at half the size, for one of many that stand side by side on one axis."""
    return _picture(_Frame.of(months, axis, legend=(), small=True), ident, (line,), title, desc)


def _open(ident: str, width: int, height: int, title: str, desc: str, more: str = "") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"{more}>'
        f'<title id="{ident}-t">{escape(title)}</title><desc id="{ident}-d">{escape(desc)}</desc>'
    )


def _bar(ident: str, inside: str, hundredths: int, *, marked: bool, title: str, desc: str) -> str:
    end = BAR_END if marked else WHOLE
    parts = [
        _open(ident, end // 10, 60, title, desc, ' class="bar" preserveAspectRatio="none"'),
        f'<rect width="{end // 10}" height="60" class="ground" fill="{_GROUND}"/>',
        inside,
    ]
    if hundredths > end:
        parts += (
            f'<path d="M{x} 60l30-60h12l-30 60z" class="paper" fill="{_PAPER}"/>'
            for x in (end // 10 - 90, end // 10 - 60)
        )
    if marked:
        parts.append(
            f'<path d="M995 0h10v60h-10z" class="paper" fill="{_PAPER}"/>'
            f'<path d="M997 0h6v14h-6zM997 23h6v14h-6zM997 46h6v14h-6z" class="ink" fill="{_INK}"/>'
        )
    return "".join((*parts, "</svg>"))


def _rect(x: int, width: int, look_class: str, colour: str, told: str = "") -> str:
    end = f">{told}</rect>" if told else "/>"
    return f'<rect x="{x}" width="{width}" height="60" class="{look_class}" fill="{colour}"{end}'


class _Frame(NamedTuple):
    """Where a picture of lines has its plot, in tenths of its units."""

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
        """The frame whose left margin holds the longest mark, and whose upper one the legend."""
        width, height = (320, 150) if small else (640, 240)
        top = 14 + 26 * -(-len(legend) // _legend_columns(legend)[0])
        left = 14 + max((len(text) for _, text in axis.ticks), default=0) * 11
        height += top
        return cls(months, axis, legend, width, height, left * 10, top * 10, (width - 14) * 10, (height - 34) * 10)

    def x(self, index: int) -> int:
        """Where a month stands."""
        if len(self.months) < 2:  # noqa: PLR2004 (one stands in the middle)
            return (self.left + self.right) // 2
        return self.left + 60 + index * (self.right - self.left - 120) // (len(self.months) - 1)

    def y(self, value: int) -> int:
        """Where a value stands; one beyond the axis on its edge."""
        low, high = self.axis.low, self.axis.high
        within = max(low, min(high, value))
        return self.top + (high - within) * (self.bottom - self.top) // (high - low)


def _picture(frame: _Frame, ident: str, drawn: Sequence[Line], title: str, desc: str) -> str:
    return "".join(
        (
            _open(ident, frame.width, frame.height, title, desc, ' class="chart"'),
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
    """A ground where a month is missing from every line."""
    half = (frame.right - frame.left - 120) // (2 * max(len(frame.months) - 1, 1))
    for index in range(len(frame.months)):
        if all(line.values[index] is None for line in drawn):
            x = max(frame.left, frame.x(index) - half)
            width = min(frame.right, frame.x(index) + half) - x
            yield (
                f'<rect x="{_t(x)}" y="{_t(frame.top)}" width="{_t(width)}" height="{_t(frame.bottom - frame.top)}" '
                f'class="ground" fill="{_GROUND}"/>'
            )


def _ticks(frame: _Frame) -> Iterable[str]:
    for value, text in frame.axis.ticks:
        y = _t(frame.y(value))
        yield (
            f'<path d="M{_t(frame.left)} {y}H{_t(frame.right)}" class="grid" stroke="{_GROUND}"/>'
            f'<text x="{_t(frame.left - 60)}" y="{y}" dy=".35em" text-anchor="end" class="soft" fill="{_SOFT}" '
            f'font-size="12">{escape(text)}</text>'
        )
    if frame.axis.mark is not None:
        y = _t(frame.y(frame.axis.mark))
        yield (
            f'<path d="M{_t(frame.left)} {y}H{_t(frame.right)}" class="mark" stroke="{_INK}" stroke-width="1.5" '
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
            f'<text x="{_t(x)}" y="{frame.height - 8}" text-anchor="{anchor}" class="soft" fill="{_SOFT}" '
            f'font-size="12">{escape(frame.months[index])}</text>'
        )


def _legend(frame: _Frame) -> Iterable[str]:
    columns, width, longest = _legend_columns(frame.legend)
    for number, line in enumerate(frame.legend):
        x, y = number % columns * width, 16 + number // columns * 26
        yield (
            f'<path d="M{x} {y}h28" {_stroke(number)}/>'
            f'<text x="{x + 36}" y="{y}" dy=".35em" class="ink" fill="{_INK}" font-size="12">'
            f"{escape(_cut(line.label, longest))}</text>"
        )


def _legend_columns(legend: Sequence[Line]) -> tuple[int, int, int]:
    """The first of `_LEGENDS` in which all names are whole, else the last; letters are larger on a phone."""
    fit = (item for item in _LEGENDS if all(_long(line.label) <= item[2] for line in legend))
    return next(fit, _LEGENDS[-1])


def _long(text: str) -> int:
    """How long a text is, in letters of which those of Japanese count twice."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, longest: int) -> str:
    """The beginning of a text that is too long."""
    if _long(text) <= longest:
        return text
    ends = (end for end in range(len(text), 0, -1) if _long(text[:end]) < longest)
    return f"{text[: next(ends, 0)]}…"


def _line(frame: _Frame, line: Line, number: int) -> str:
    """A run of months after another, with a gap between them; a month alone is a dot."""
    runs: list[list[tuple[int, int]]] = [[]]
    for index, value in enumerate(line.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x(index), frame.y(value)))
    paths = ["M" + "L".join(f"{_t(x)} {_t(y)}" for x, y in run) for run in runs if len(run) > 1]
    few = len(line.values) <= _MOST_DOTS
    dots = [point for run in runs for point in run if few or len(run) == 1]
    return (f'<path d="{"".join(paths)}" {_stroke(number)}/>' if paths else "") + "".join(
        f'<circle cx="{_t(x)}" cy="{_t(y)}" r="2.5" class="k{number}" fill="{_LOOKS[number]}"/>' for x, y in dots
    )


def _marked(frame: _Frame, line: Line) -> str:
    """The points below the mark, larger and red."""
    mark = frame.axis.mark
    return "".join(
        f'<circle cx="{_t(frame.x(index))}" cy="{_t(frame.y(value))}" r="6" class="bad" fill="{_BAD}">'
        f"<title>{escape(f'{line.label}, {frame.months[index]}: {line.texts[index]}')}</title></circle>"
        for index, value in enumerate(line.values)
        if value is not None and mark is not None and value < mark
    )


def _stroke(number: int) -> str:
    dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    return f'class="line k{number}" fill="none" stroke="{_LOOKS[number]}" stroke-width="2"{dashes}'


def _t(tenths: int) -> str:
    """Tenths as a number of units: `125` is `12.5`."""
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)


def _percent(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole:,}.{rest:02} %" if rest else f"{whole:,} %"


def _short(value: int, decimals: int) -> str:
    """An amount without the zeros at its end."""
    text = format_amount(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _round_step(at_least: int) -> int:
    """The next number like 1, 2, 5, 10, 20 and so on."""
    power = int("1" + "0" * (len(str(at_least)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= at_least)
