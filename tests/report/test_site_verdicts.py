"""The index of a site says nothing better of a month than the month's own report does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from attest.cli.verification.history import bundles_in
from attest.policy.results import Verdict
from attest.report.history.series import Series
from attest.report.numbers import available, required
from attest.report.site.files import read_site, site_files
from attest.report.site.folder import Copy, Data
from attest.report.site.plots import Months, Shown, asset_plots, reserve_plots
from attest.report.site.published import Site
from attest.report.view.held import Rest
from attest.report.view.month import MonthView
from attest.report.words import words
from attest.report.words.site import site_words
from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors
from attest.verification.history import History
from tests.report.months import Made, write_months
from tests.report.reading import Element, read_page

LAST: Final = "2026-10"
ATOM: Final = "{http://www.w3.org/2005/Atom}"
SVG: Final = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One month; nobody writes into its folders."""
    return write_months(tmp_path_factory.mktemp("one") / "month", count=1, assets=3, sound=True)


def site_of(publication: Path, made: Made, now: datetime) -> Site:
    return read_site(
        publication,
        bundles_in(publication),
        Anchors.pinned(parse_root_file(made.trust_root.read_bytes())),
        now=now,
        url=None,
        pdf=False,
    )


def falsify(publication: Path, folder: str) -> None:
    """Put a bundle of the last month that too few keys signed into a folder of its own."""
    bundle = json.loads((publication / LAST / f"{LAST}.attest.json").read_bytes())
    bundle["envelope"]["signatures"] = bundle["envelope"]["signatures"][:1]
    (publication / folder).mkdir()
    (publication / folder / f"{LAST}.attest.json").write_text(json.dumps(bundle), encoding="utf-8")


def of_main_networks(site: Site, **changes: Any) -> Site:
    """The site with nothing beside the verdict of its months but `changes` of their views."""
    months = [
        month._replace(row=month.row._replace(view=replace(view, other_networks=(), **changes)))
        for month in site.months
        if isinstance(view := month.row.view, MonthView)
    ]
    return replace(site, months=tuple(months))


def index_of(site: Site) -> Element:
    """The English index."""
    content = site_files(site)["en/index.html"]
    assert not isinstance(content, Copy)
    return read_page(content.data if isinstance(content, Data) else content.draw())


def section(page: Element, name: str) -> Element:
    return next(one for one in page.all("section") if one.attributes.get("id") == name)


def box(page: Element) -> Element:
    """The verdict on the newest month."""
    return next(one for one in section(page, "newest").all("div") if "verdict" in one.attributes["class"])


def test_the_newest_month_is_green_only_with_nothing_beside_it(one: Made) -> None:
    good = of_main_networks(site_of(one.publication, one, one.at))
    assert box(index_of(good)).attributes["class"] == "verdict good"
    late = box(index_of(of_main_networks(site_of(one.publication, one, one.at + timedelta(days=200)))))
    assert late.attributes["class"] == "verdict warn"
    assert "is the last month, and it expired at" in late.text


def test_what_was_not_checked_or_could_not_be_judged_is_said_of_each_month(one: Made) -> None:
    site = site_of(one.publication, one, one.at)
    view = site.months[0].row.view
    assert view is not None
    lowest = min(view.coverage, key=lambda row: row.coverage.hundredths)
    coverage = tuple(row._replace(rest=Rest((), 1, ())) if row is lowest else row for row in view.coverage)
    rules = view.policies[0].rules
    policies = (view.policies[0]._replace(rules=(rules[0]._replace(verdict="INSUFFICIENT_DATA"), *rules[1:])),)
    page = index_of(of_main_networks(site, coverage=coverage, policies=policies, missing_policies=("other-rule",)))
    said = words("en")
    assert box(page).attributes["class"] == "verdict warn"
    for part in (box(page), section(page, "months")):
        assert said["verdict.rest"].format(assets=lowest.asset) in part.text
        assert said["verdict.undecided"] in part.text
        assert rules[0].id in part.text
        assert said["verdict.missing"].format(names="other-rule") in part.text
    assert lowest.coverage.number is not None
    assert f"{lowest.coverage.number.text} {said['rest.not-checked']}" in section(page, "months").text
    plain = index_of(of_main_networks(site)).text
    assert said["rest.not-checked"] not in plain
    assert said["verdict.undecided"] not in plain


def test_the_index_for_programs_says_which_coverage_was_checked(one: Made) -> None:
    site = site_of(one.publication, one, one.at)
    view = site.months[0].row.view
    assert view is not None
    coverage = (view.coverage[0]._replace(rest=Rest((), 1, ())), *view.coverage[1:])
    content = site_files(of_main_networks(site, coverage=coverage))["index.json"]
    assert isinstance(content, Data)
    (month,) = json.loads(content.data)["months"]
    assert [item["checked"] for item in month["coverage"]] == [False, True, True]


def test_the_feed_says_which_coverage_was_checked_and_tells_a_false_bundle_once(one: Made, tmp_path: Path) -> None:
    publication = Path(shutil.copytree(one.publication, tmp_path / "publication"))
    for folder in ("y", "z"):
        falsify(publication, folder)
    site = site_of(publication, one, one.at)
    month, *others = site.months
    view = month.row.view
    assert view is not None
    view = replace(view, coverage=(view.coverage[0]._replace(rest=Rest((), 1, ())), *view.coverage[1:]))
    site = replace(site, months=(month._replace(row=month.row._replace(view=view)), *others))
    content = site_files(site)["feed.xml"]
    assert isinstance(content, Data)
    entries = ET.fromstring(content.data).findall(f"{ATOM}entry")  # noqa: S314 (our own)
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries) == 2
    said = entries[-1].findtext(f"{ATOM}summary") or ""
    assert [" (not checked)" in part for part in said.split(", ")] == [True, False, False]


def test_a_false_copy_of_the_newest_month_does_not_say_that_its_figures_are_left_out(one: Made, tmp_path: Path) -> None:
    publication = Path(shutil.copytree(one.publication, tmp_path / "publication"))
    falsify(publication, "z")
    site = site_of(publication, one, one.at)
    assert [month.row.state for month in site.months] == ["verified", "failed"]
    page = index_of(site)
    assert f"No figures of {LAST}" not in section(page, "newest").text
    assert "too few signatures" in section(page, "months").text


def test_a_reserve_is_drawn_to_one_scale_where_a_month_counts_in_smaller_units(read: tuple[History, Series]) -> None:
    view = next(row.view for row in reversed(read[1].rows) if row.view is not None and row.view.reserves)
    (item,) = view.reserves
    finer = item._replace(
        decimals=item.decimals + 2,
        required=required(Fraction(item.required.exact) * 100, item.decimals + 2),
        available=available(Fraction(item.available.exact) * 100, item.decimals + 2),
    )
    months = (Shown.of("2026-09", replace(view, reserves=(finer,))), Shown.of("2026-10", view))
    (plot,) = reserve_plots(Months(months, site_words("en")))
    for column in plot.columns:
        first, second = column.values
        assert first is not None
        assert second is not None
        assert abs(first - second) < 100


def test_evidence_that_falls_to_nothing_is_a_line_that_falls_and_no_gap(read: tuple[History, Series]) -> None:
    view = next(row.view for row in read[1].rows if row.view is not None)
    row = next(row for row in view.coverage if row.asset == "ETH")
    (level,) = row.levels
    weaker = row._replace(levels=(level._replace(level="declared"),))
    views = (view, replace(view, coverage=(weaker,)), None)
    months = tuple(Shown.of(f"2026-0{number}", view) for number, view in enumerate(views, start=1))
    plot = asset_plots(Months(months, site_words("en")), "a", "ETH")[1]
    assert [column.values for column in plot.columns] == [(10_000, 0, None), (0, 10_000, None)]
    assert [cell and cell.number.text for cell in plot.columns[0].cells] == ["100.00 %", "0.00 %", None]


def test_the_index_says_how_it_is_known_what_was_left_unchecked_and_since_when(one: Made) -> None:
    site = site_of(one.publication, one, one.at)
    view = site.months[0].row.view
    assert view is not None
    page = index_of(site)
    said = {**words("en"), **site_words("en")}
    rows = {next(row.all("th")).text: row.text for row in section(page, "newest").all("tr") if list(row.all("td"))}
    assert rows.keys() == {row.asset for row in view.coverage}
    for row in view.coverage:
        assert row.levels
        assert all(said[f"level.{level.level}"] in rows[row.asset] for level in row.levels)
    opened = said["site.open"].format(count=len(view.unchecked_steps), all=len(view.steps))
    assert view.unchecked_steps
    assert opened in box(page).text
    assert said["site.since"].format(first=LAST, months=1, verified=1) in page.text


def test_a_month_alone_has_no_charts_over_the_months(one: Made) -> None:
    page = index_of(site_of(one.publication, one, one.at))
    assert not list(section(page, "history").all("svg"))
    assert "second month" in section(page, "history").text
    assert "assets" not in {part.attributes.get("id") for part in page.all("section")}


def test_what_never_is_has_no_line_and_a_line_alone_is_named(one: Made) -> None:
    view = site_of(one.publication, one, one.at).months[0].row.view
    assert view is not None
    said = site_words("en")
    (row, *_) = view.coverage
    plots = asset_plots(Months((Shown.of(LAST, view), Shown.of("2026-11", view)), said), "a", row.asset)
    levels = [said[f"level.{level.level}"] for level in row.levels]
    (evidence,) = (plot for plot in plots if plot.title == said["site.evidence"].format(asset=row.asset))
    assert [column.label for column in evidence.columns] == levels
    texts = [text.text for text in ET.fromstring(evidence.pictures[0]).iter(f"{SVG}text")]  # noqa: S314 (our own)
    assert set(levels) <= set(texts)
    control = next(item for item in view.control if item.asset == row.asset)
    (shown,) = (plot for plot in plots if plot.title == said["site.control"].format(asset=row.asset))
    there = [said[f"control.{part.kind}"] for part in control.parts if part.number.exact != "0"]
    assert [column.label for column in shown.columns] == there


@pytest.mark.parametrize(("verdict", "below"), [("MET", False), ("NOT_MET", True)])
def test_a_reserve_below_what_is_required_is_marked(
    read: tuple[History, Series], verdict: Verdict, *, below: bool
) -> None:
    view = next(row.view for row in read[1].rows if row.view is not None and row.view.reserves)
    item = view.reserves[0]._replace(verdict=verdict)
    month = Shown.of("2026-10", replace(view, reserves=(item,)))
    (plot,) = reserve_plots(Months((month,), site_words("en")))
    assert [cell.below for column in plot.columns for cell in column.cells if cell is not None] == [False, below]
