"""Charts are well-formed pictures of whole numbers, which say to every reader what they show."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

import pytest

from attest.report.charts.axes import Axis, amount_axis, percent_axis, share_axis
from attest.report.charts.bars import Segment, coverage_bar, stacked
from attest.report.charts.lines import MOST_LINES, Line, lines, small_lines
from attest.report.charts.svg import look

SVG: Final = "{http://www.w3.org/2000/svg}"
HOSTILE: Final = "<script>alert('x')</script> & \"quoted\" </title></svg>"
MONTHS: Final = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")


def parsed(svg: str) -> ET.Element:
    """The picture, seen to be one that says what it is and has no coordinate but whole numbers of tenths."""
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    title, desc = root[0], root[1]
    assert (title.tag, desc.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], desc.attrib["id"]]
    assert title.text
    assert desc.text
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {"svg", "title", "desc", "rect", "path", "circle", "text"}
        for name in ("x", "y", "cx", "cy", "width", "height"):
            assert re.fullmatch(r"[0-9]+(\.[0-9])?", element.attrib.get(name, "0")), element.attrib
        if "d" in element.attrib:
            assert re.fullmatch(r"(?:[MLHVhvlz -]|[0-9]+(?:\.[0-9])?)+", element.attrib["d"])
    return root


def of(root: ET.Element, tag: str, look_class: str) -> list[ET.Element]:
    return [one for one in root.iter(f"{SVG}{tag}") if look_class in one.attrib.get("class", "").split()]


def bar(hundredths: int, *, met: bool = True) -> ET.Element:
    return parsed(coverage_bar("one", hundredths, met=met, title="t", desc="d"))


@pytest.mark.parametrize(
    ("hundredths", "width"), [(0, 0), (1, 0), (9789, 978), (9999, 999), (10_000, 1000), (12_000, 1200), (50_000, 1200)]
)
def test_a_bar_is_as_long_as_its_coverage_up_to_120_percent(hundredths: int, width: int) -> None:
    root = bar(hundredths)
    assert [one.attrib["width"] for one in of(root, "rect", "k0")] == [str(width)]
    assert root.attrib["viewBox"] == "0 0 1200 60"
    # Where it is cut, two gaps say so; one more is around the mark.
    assert len(of(root, "path", "paper")) == (3 if hundredths > 12_000 else 1)


def test_the_mark_of_a_bar_stands_at_100_percent_of_120() -> None:
    (mark,) = of(bar(5000), "path", "ink")
    assert set(re.findall(r"M([0-9]+) ", mark.attrib["d"])) == {"997"}
    assert set(re.findall(r"h([0-9]+)v", mark.attrib["d"])) == {"6"}


def test_a_bar_that_is_not_met_has_another_colour() -> None:
    (segment,) = of(bar(9789, met=False), "rect", "bad")
    assert segment.attrib["fill"] == "#a81818"
    assert not of(bar(9789, met=False), "rect", "k0")


def segments(*hundredths: int) -> list[Segment]:
    kinds = ("cold", "hot", "other", "nothing")
    return [Segment(kind, kind, f"{value}", value) for kind, value in zip(kinds, hundredths, strict=False)]


def test_parts_stand_side_by_side_and_fill_the_whole() -> None:
    root = parsed(stacked("s", segments(6000, 3001, 999), marked=False, title="t", desc="d"))
    found = [
        (int(one.attrib["x"]), int(one.attrib["width"]))
        for one in root.iter(f"{SVG}rect")
        if one.attrib["class"][0] == "k"
    ]
    assert found == [(0, 600), (600, 300), (900, 100)]
    assert all(x + width == following for (x, width), (following, _) in pairwise(found))
    assert root.attrib["viewBox"] == "0 0 1000 60"
    assert len(of(root, "rect", "paper")) == 2  # between two of them


def test_a_part_of_almost_nothing_is_seen_and_one_of_nothing_is_not() -> None:
    root = parsed(stacked("s", segments(9999, 1, 0), marked=False, title="t", desc="d"))
    assert [one.attrib["width"] for one in of(root, "rect", f"k{look('hot')}")] == ["5"]
    assert not of(root, "rect", f"k{look('other')}")


def test_parts_beyond_120_percent_are_cut() -> None:
    root = parsed(stacked("s", segments(9000, 9000, 500), marked=True, title="t", desc="d"))
    found = [(one.attrib["x"], one.attrib["width"]) for one in root.iter(f"{SVG}rect") if one.attrib["class"][0] == "k"]
    assert found == [("0", "900"), ("900", "300")]
    assert len(of(root, "path", "paper")) == 3


def test_each_part_says_what_it_is() -> None:
    root = parsed(stacked("s", segments(9000, 1000), marked=False, title="t", desc="d"))
    assert [one.text for one in root.iter(f"{SVG}title")] == ["t", "cold: 9000", "hot: 1000"]


def test_a_kind_that_an_exchange_named_has_a_colour() -> None:
    assert look("cet1-capital") == 6


def line(*values: int | None, label: str = "BTC") -> Line:
    return Line(label, values, tuple("" if value is None else f"{value // 100}.{value % 100:02} %" for value in values))


def drawn(*found: Line, axis: Axis | None = None) -> ET.Element:
    values = [value for one in found for value in one.values]
    months = MONTHS[: len(found[0].values)]
    return parsed(lines("l", months, found, axis or percent_axis(values), title="t", desc="d"))


def test_a_missing_month_is_a_gap_in_the_line_and_has_a_ground() -> None:
    root = drawn(line(10_100, 10_200, None, 10_150, 10_200, 10_300))
    _, path = of(root, "path", "line")  # after that of the legend
    assert [len(run.split("L")) for run in path.attrib["d"].split("M")[1:]] == [2, 3]
    assert len(of(root, "rect", "ground")) == 1
    assert len(of(root, "circle", "k0")) == 5


def test_a_month_that_one_of_two_lines_lacks_has_no_ground() -> None:
    assert not of(drawn(line(10_100, None), line(10_100, 10_200, label="ETH")), "rect", "ground")


def test_a_month_between_two_gaps_is_a_dot_also_among_many() -> None:
    months = [f"{year}-{month:02}" for year in range(2021, 2026) for month in range(1, 13)]
    values = [10_100] * 60
    values[10:13] = [None, 10_100, None]  # type: ignore[list-item]
    root = parsed(lines("l", months, [line(*values)], percent_axis(values), title="t", desc="d"))
    assert len(of(root, "circle", "k0")) == 1


def test_points_below_100_percent_are_larger_red_and_named() -> None:
    root = drawn(line(10_100, 9_999, 10_000, 9_000))
    found = of(root, "circle", "bad")
    assert [one[0].text for one in found] == ["BTC, 2026-02: 99.99 %", "BTC, 2026-04: 90.00 %"]
    assert {one.attrib["r"] for one in found} == {"6"}
    assert {one.attrib["r"] for one in of(root, "circle", "k0")} == {"2.5"}


def test_lines_are_told_apart_by_colour_and_dashes_and_named() -> None:
    root = drawn(*(line(10_000 + number * 50, 10_100, label=f"ASSET{number}") for number in range(MOST_LINES)))
    found = [(one.attrib["stroke"], one.attrib.get("stroke-dasharray")) for one in of(root, "path", "line")]
    assert len(found) == 2 * MOST_LINES  # with those of the legend
    assert len(set(found)) == MOST_LINES
    assert len({dashes for _, dashes in found}) == MOST_LINES
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert [text for text in texts if text and text.startswith("ASSET")] == [f"ASSET{n}" for n in range(MOST_LINES)]


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="7 lines are too many"):
        lines("l", MONTHS[:1], [line(10_000)] * 7, percent_axis([10_000]), title="t", desc="d")


def test_a_value_above_the_axis_runs_along_its_edge() -> None:
    axis = percent_axis([10_100, 90_000])
    assert axis.high == 20_000
    root = drawn(line(10_100, 90_000), axis=axis)
    edge = min(float(one.attrib["cy"]) for one in of(root, "circle", "k0"))
    assert edge == 40  # below the legend


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([], 9900, 10_100),
        ([None], 9900, 10_100),
        ([10_050, 10_070], 9900, 10_100),
        ([9789, 10_499], 9600, 10_600),
        ([0, 10_100], 0, 12_500),
        ([1_000_000], 7500, 20_000),
    ],
)
def test_the_axis_of_percents_stands_around_100_and_says_where_it_begins(
    values: list[int | None], low: int, high: int
) -> None:
    axis = percent_axis(values)
    assert (axis.low, axis.high, axis.mark) == (low, high, 10_000)
    assert 3 <= len(axis.ticks) <= 7
    assert axis.ticks[0][0] == axis.low
    assert axis.ticks[-1][0] == axis.high


def test_marks_say_their_value() -> None:
    assert percent_axis([10_003]).ticks[0] == (9900, "99 %")
    assert Axis(*share_axis()).ticks[:2] == ((0, "0 %"), (2500, "25 %"))
    assert percent_axis([10_000]).ticks[1] == (9950, "99.50 %")


@pytest.mark.parametrize(
    ("values", "decimals", "last"),
    [
        ([], 0, "1"),
        ([None, 5], 0, "6"),
        ([41_234_567_890], 8, "600"),
        ([2_037_654_312], 0, "3,000,000,000"),
        ([2**128 - 1], 18, "400,000,000,000,000,000,000"),
    ],
)
def test_the_axis_of_amounts_begins_at_nothing(values: list[int | None], decimals: int, last: str) -> None:
    axis = amount_axis(values, decimals)
    assert axis.ticks[0] == (0, "0")
    assert axis.ticks[-1] == (axis.high, last)
    assert axis.high >= max(value or 0 for value in [*values, 1])
    assert len(axis.ticks) <= 7
    assert axis.mark is None


LETTER: Final = 11  # units that a letter takes on a phone; one of Japanese takes 20


def extent(text: ET.Element) -> tuple[float, float]:
    """From where to where a text reaches on a phone."""
    wide = sum(20 if east_asian_width(letter) == "W" else LETTER for letter in text.text or "")
    x = float(text.attrib["x"])
    before = {"start": 0.0, "middle": wide / 2, "end": float(wide)}[text.attrib.get("text-anchor", "start")]
    return x - before, x - before + wide


@pytest.mark.parametrize("count", [2, 3, 5, 12, 24, 60])
def test_no_more_months_are_named_than_fit(count: int) -> None:
    months = [f"{2021 + number // 12}-{number % 12 + 1:02}" for number in range(count)]
    one = line(*[10_100] * count)
    for draw, most in (
        (lines("l", months, [one], percent_axis([]), title="t", desc="d"), 4),
        (small_lines("l", months, one, percent_axis([]), title="t", desc="d"), 2),
    ):
        root = parsed(draw)
        named = [text for text in root.iter(f"{SVG}text") if text.text in months]
        assert 2 <= len(named) <= most
        assert (named[0].text, named[-1].text) == (months[0], months[-1])
        places = [extent(text) for text in named]
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        assert places[-1][1] <= float(root.attrib["viewBox"].split()[2])


def test_names_in_a_legend_do_not_reach_each_other() -> None:
    names = ["担保に入れた暗号資産の合計額", "顧客預り資産", "準備資産", "A" * 32]
    root = drawn(*(line(10_100, label=name) for name in names))
    found = [text for text in root.iter(f"{SVG}text") if text.attrib["class"] == "ink"]
    assert [text.text for text in found][1:3] == names[1:3]
    rows: dict[str, list[tuple[float, float]]] = {}
    for text in found:
        rows.setdefault(text.attrib["y"], []).append(extent(text))
    assert len(rows) > 1
    for places in rows.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        assert places[-1][1] <= 640


def test_one_month_alone_is_drawn() -> None:
    root = drawn(line(10_100))
    assert len(of(root, "circle", "k0")) == 1
    assert [text.text for text in root.iter(f"{SVG}text")][-2:] == [MONTHS[0], "BTC"]


def test_markup_in_a_text_is_text() -> None:
    axis = percent_axis([9000])
    hostile = Line(HOSTILE, (9000,), (HOSTILE,))
    for svg in (
        coverage_bar("a", 9000, met=True, title=HOSTILE, desc=HOSTILE),
        stacked("a", [Segment("x", HOSTILE, HOSTILE, 9000)], marked=True, title=HOSTILE, desc=HOSTILE),
        lines("a", [HOSTILE], [hostile, hostile], axis, title=HOSTILE, desc=HOSTILE),
        small_lines("a", [HOSTILE], hostile, axis, title=HOSTILE, desc=HOSTILE),
    ):
        root = parsed(svg)
        assert root[0].text == root[1].text == HOSTILE
