"""Bars as SVG: one asset's coverage against 100 %, and the parts of a whole side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import Final, NamedTuple

from attest.report.charts.svg import BAD, GROUND, INK, LOOKS, PAPER, look, opened
from attest.report.numbers import HUNDREDTHS

BAR_END: Final = 12_000  # hundredths of a percent; longer bars are cut, and marked as cut
_THINNEST: Final = 5  # tenths of a percent; a smaller share is drawn as wide, so that it is seen


class Segment(NamedTuple):
    """A part of a bar.

    `kind`: the key of its colour.
    `label`: its name for readers.
    `text`: its figure for readers.
    `hundredths`: its length in hundredths of a percent.
    """

    kind: str
    label: str
    text: str
    hundredths: int


def coverage_bar(ident: str, hundredths: int, *, met: bool, title: str, desc: str) -> str:
    """The SVG of a bar from 0 to 120 % with a dashed mark at 100 %; two slanted gaps show that a longer one is cut.

    `ident`: a name that no other chart of the page has: letters, digits and hyphens.
    `hundredths`: the length of the bar, in hundredths of a percent.
    `met`: whether the bar is green; else it is red.
    `title`, `desc`: what is read aloud to who cannot see it.
    """
    segment = _rect(0, min(hundredths, BAR_END) // 10, *(("k0", LOOKS[0]) if met else ("bad", BAD)))
    return _bar(ident, segment, hundredths, marked=True, title=title, desc=desc)


def stacked(ident: str, segments: Sequence[Segment], *, marked: bool, title: str, desc: str) -> str:
    """The SVG of a bar of parts, side by side in their order.

    `ident`, `title`, `desc`: as of `coverage_bar`.
    `marked`: whether the bar reaches to 120 %, with a mark at 100 %; else 100 % is its end.
    """
    edges = [0, *accumulate(segment.hundredths for segment in segments)]
    end = BAR_END if marked else HUNDREDTHS
    wide: list[str] = []
    thin: list[str] = []
    for segment, left, right in zip(segments, edges, edges[1:], strict=False):
        x, width = min(left, end) // 10, min(right, end) // 10 - min(left, end) // 10
        if segment.hundredths and left < end:
            told = f"<title>{escape(f'{segment.label}: {segment.text}')}</title>"
            number = look(segment.kind)
            drawn = _rect(x, max(width, _THINNEST), f"k{number}", LOOKS[number], told)
            (wide if width >= _THINNEST else thin).append(drawn)
            if left and width >= _THINNEST:
                wide.append(_rect(x, 2, "paper", PAPER))
    return _bar(ident, "".join(wide + thin), edges[-1], marked=marked, title=title, desc=desc)


def _bar(ident: str, inside: str, hundredths: int, *, marked: bool, title: str, desc: str) -> str:
    end = BAR_END if marked else HUNDREDTHS
    parts = [
        opened(ident, end // 10, 60, title, desc, ' class="bar" preserveAspectRatio="none"'),
        f'<rect width="{end // 10}" height="60" class="ground" fill="{GROUND}"/>',
        inside,
    ]
    if hundredths > end:
        parts += (
            f'<path d="M{x} 60l30-60h12l-30 60z" class="paper" fill="{PAPER}"/>'
            for x in (end // 10 - 90, end // 10 - 60)
        )
    if marked:
        parts.append(
            f'<path d="M995 0h10v60h-10z" class="paper" fill="{PAPER}"/>'
            f'<path d="M997 0h6v14h-6zM997 23h6v14h-6zM997 46h6v14h-6z" class="ink" fill="{INK}"/>'
        )
    return "".join((*parts, "</svg>"))


def _rect(x: int, width: int, look_class: str, colour: str, told: str = "") -> str:
    end = f">{told}</rect>" if told else "/>"
    return f'<rect x="{x}" width="{width}" height="60" class="{look_class}" fill="{colour}"{end}'
