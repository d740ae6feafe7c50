"""The pages of a site hold to the standards, load nothing, run nothing, lead to files of the site, and bar nobody."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from attest.report.words import LANGUAGES, words
from tests.report.figures import Figures
from tests.report.months import Made
from tests.report.reading import Element, read_page
from tests.report.sites import BROKEN, ran, served, with_a_broken_month
from tests.web.browser import Browser
from tests.web.conftest import started
from tests.web.page import HERE, missing, node

SIZES: Final = {"phone": (390, 844), "desktop": (1280, 900)}
GAP: Final = "2026-05"
ODD: Final = ("en/index.html", "ja/2026-01/index.html", f"en/{BROKEN}/index.html")
# Each kind of page in each language, width and colours, but not in all ways of having them together.
_ENGLISH, _JAPANESE = ((f"{lang}/index.html", f"{lang}/2026-01/index.html") for lang in ("en", "ja"))
VIEWS: Final = (
    ("phone", False, (*_ENGLISH, ODD[2])),
    ("desktop", True, _ENGLISH),
    ("phone", True, _JAPANESE),
    ("desktop", False, (*_JAPANESE, ODD[2])),
)
# What lies beyond the edge of the screen, but for boxes that can be moved, and what pictures cut or write over.
_CUT: Final = """
  const right = (one) => one.getBoundingClientRect().right;
  const edge = document.documentElement.clientWidth + 1;
  const wide = [...document.querySelectorAll("body *")].filter((one) => right(one) > edge && !one.closest(".scroll"));
  const cut = [...document.querySelectorAll("svg text")].filter((one) => right(one) > right(one.closest("svg")) + 1);
  const boxes = (picture) => [...picture.querySelectorAll("text")].map((one) => [one, one.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  const over = [...document.querySelectorAll("svg")].map(boxes).flatMap((all) =>
    all.filter(([one, box], at) => all.some(([, other], next) => next < at && meet(box, other))).map(([one]) => one));
  [...new Set([...wide, ...cut, ...over])].map((one) => `<${one.tagName}> ${one.textContent.trim().slice(0, 80)}`)
"""
ATOM: Final = "{http://www.w3.org/2005/Atom}"
_NAMESPACES: Final = {"http://www.w3.org/2000/svg"}


@pytest.fixture(scope="module")
def site(year: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a year in which one month does not verify."""
    folder = tmp_path_factory.mktemp("site")
    broken = with_a_broken_month(year, folder / "publication")
    ran(broken, "site", broken.publication, "-o", folder / "site", "--no-pdf")
    return folder / "site"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    yield from started("chromium")


@pytest.fixture(scope="module")
def read(site: Path) -> dict[str, Element]:
    """Each page by its path in the site, but for the one in which customers verify, which runs a script."""
    found = {str(path.relative_to(site)): read_page(path) for path in sorted(site.rglob("*.html"))}
    assert len(found) > 20
    del found["verify.html"]
    return found


@pytest.mark.skipif(bool(missing()) and "CI" not in os.environ, reason="run tests/install-web")
def test_pages_are_valid_html_with_valid_styles(site: Path, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.html"
    sound = (site / ODD[0]).read_text(encoding="utf-8")
    faulty.write_text(
        sound.replace("</main>", "<p><img></main>").replace("<style>", "<style>a{colr:red}"), encoding="utf-8"
    )
    faults = json.loads(node("validate.mjs", *(site / name for name in ODD), faulty, cwd=HERE).stdout)
    assert [fault for fault in faults if not fault.startswith(f"{faulty}: ")] == []
    assert {"alt", "colr"} <= set(re.findall(r"alt|colr", " ".join(faults)))


def test_pages_have_no_script_and_name_nothing_elsewhere(read: dict[str, Element]) -> None:
    for name, page in read.items():
        for element in page.all():
            assert element.tag not in {
                "script",
                "iframe",
                "object",
                "embed",
                "form",
                "base",
                "img",
                "audio",
                "video",
            }, name
            for attribute, value in element.attributes.items():
                assert not attribute.startswith("on"), (name, attribute)
                assert attribute not in {"style", "src", "srcset", "action", "xlink:href", "ping"}, (name, attribute)
                assert "://" not in value or value in _NAMESPACES, (name, value)
                assert not re.match(r"\s*(?:javascript|vbscript|//)", value), (name, value)


def test_the_first_thing_that_a_page_says_is_that_nothing_may_be_loaded(read: dict[str, Element]) -> None:
    for name, page in read.items():
        metas = list(page.all("meta"))
        assert "charset" in metas[0].attributes, name
        assert metas[1].attributes["http-equiv"] == "Content-Security-Policy", name
        (style,) = page.all("style")
        digest = b64encode(sha256("".join(map(str, style.children)).encode()).digest()).decode()
        assert metas[1].attributes["content"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
        ), name


def test_every_link_leads_to_a_file_of_the_site_or_a_place_in_the_page(site: Path, read: dict[str, Element]) -> None:
    ids = {name: {element.attributes.get("id") for element in page.all()} for name, page in read.items()}
    for name, page in read.items():
        for element in page.all():
            link = element.attributes.get("href")
            if link is None or link == "data:,":
                continue
            parts = urlsplit(link)
            assert (parts.scheme, parts.netloc, parts.query, link[0] == "/") == ("", "", "", False), (name, link)
            target = ((site / name).parent / unquote(parts.path)).resolve() if parts.path else site / name
            assert target.is_file(), (name, link)
            assert site.resolve() in target.resolve().parents, (name, link)
            if parts.fragment:
                assert parts.fragment in ids[str(target.resolve().relative_to(site.resolve()))], (name, link)
        for element in page.all():
            for attribute in ("aria-labelledby", "aria-describedby", "for", "headers"):
                assert {*element.attributes.get(attribute, "").split()} <= ids[name], (name, attribute)


def test_every_page_and_download_can_be_reached_from_the_first_page(site: Path, read: dict[str, Element]) -> None:
    open_, reached = ["index.html"], {"index.html"}
    while open_:
        name = open_.pop()
        for element in read[name].all("a", "link"):
            path = urlsplit(element.attributes.get("href", "")).path
            if not path or element.attributes["href"] == "data:,":
                continue
            target = str(((site / name).parent / path).resolve().relative_to(site.resolve()))
            if target not in reached:
                reached.add(target)
                open_ += [target] if target in read else []
    assert {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()} - reached == {
        ".attest-site.json"
    }


def test_the_feed_has_what_atom_asks_for(site: Path) -> None:
    feed = ET.parse(site / "feed.xml").getroot()  # noqa: S314 (our own)
    assert feed.tag == f"{ATOM}feed"
    time = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 11
    for item in (feed, *entries):
        for name in ("id", "title", "updated"):
            (found,) = item.findall(f"{ATOM}{name}")
            assert found.text
        assert time.fullmatch(item.findtext(f"{ATOM}updated", ""))
        assert re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", item.findtext(f"{ATOM}id", ""))
        alternates = [link.attrib for link in item.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
        assert alternates
        kinds = [(link.get("type"), link.get("hreflang")) for link in alternates]
        assert len(set(kinds)) == len(kinds)
        assert all((site / link["href"]).is_file() for link in alternates)
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    updated = [entry.findtext(f"{ATOM}updated", "") for entry in entries]
    assert feed.findtext(f"{ATOM}updated") == max(updated)


def test_the_index_for_programs_says_what_the_months_say(site: Path, told: dict[str, Figures]) -> None:
    months = {month["period"]: month for month in json.loads((site / "index.json").read_bytes())["months"]}
    for period, figures in told.items():
        for row in months[period]["coverage"]:
            owed, held, covered = figures.coverage[row["asset"]]
            assert (row["owed"], row["held"]) == (owed.exact, held.exact)
            assert row["percent"] == (covered.text if covered else None)
        assert [row["asset"] for row in months[period]["coverage"]] == list(figures.coverage)


def test_the_index_for_programs_names_the_files_as_they_are(site: Path) -> None:
    index = json.loads((site / "index.json").read_bytes())
    named = [file for month in index["months"] for file in month["files"]]
    assert len(named) > 40
    for file in [*named, index["verifier"]]:
        assert sha256((site / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    linked = [page for month in index["months"] for page in month.get("pages", {}).values()]
    assert all((site / path).is_file() for path in [*linked, *(root["path"] for root in index["trustRoots"])])


@pytest.fixture(scope="module")
def told(year: Made) -> dict[str, Figures]:
    """What `attest verify --json` says of each month that the site shows."""
    periods = sorted(path.name for path in year.publication.iterdir() if path.name != BROKEN)
    bundles = {period: year.publication / period / f"{period}.attest.json" for period in periods}
    return {period: Figures(ran(year, "verify", bundle)) for period, bundle in bundles.items()}


def test_figures_over_the_months_are_those_of_the_months(told: dict[str, Figures], read: dict[str, Element]) -> None:
    named = {key for figures in told.values() for _, key in figures.named}
    for lang in LANGUAGES:
        keys = {words(lang)[key]: key for key in named}
        covered = set()
        for table in read[f"{lang}/index.html"].all("table"):
            if not ids_around(table) & {"history", "assets"}:
                continue
            heads = [cell.text for cell in table.all("th") if cell.attributes.get("scope") == "col"]
            (caption,) = (one.text for one in table.all("caption"))
            for row in table.all("tr"):
                period, *cells = (cell.text for cell in row.all("th", "td"))
                assert period not in {BROKEN, GAP} or not any(cells), (period, cells)
                if period in told:
                    expected = [said(told[period], caption, keys.get(head, head)) for head in heads[1:]]
                    assert cells == expected, (lang, caption, period)
                    covered |= {(period, head) for head, text in zip(heads[1:], cells, strict=True) if text}
        assert covered >= {(period, asset) for period, figures in told.items() for asset in figures.coverage}
        assert covered >= {(period, words(lang)["field.owed"]) for period in told}


def ids_around(element: Element) -> set[str]:
    return {one.attributes.get("id", "") for one in element.around}


def said(figures: Figures, caption: str, name: str) -> str:
    """What a month has in a table over the months: of the asset `name`, or under a word, of what the table is about."""
    if name in figures.coverage:
        item = figures.coverage[name][2]
    else:
        about = {subject: (subject.split(": ")[0], subject.split(": ")[-1]) for subject, _ in figures.named}
        found = [subject for subject, (begin, end) in about.items() if caption.startswith(begin) and end in caption]
        item = figures.named.get((found[0], name)) if found else None
    return item.text if item else ""


def test_the_newest_month_is_shown_as_it_is(told: dict[str, Figures], read: dict[str, Element]) -> None:
    newest = told[max(told)].coverage
    for lang in ("en", "ja"):
        (section,) = (one for one in read[f"{lang}/index.html"].all("section") if one.attributes.get("id") == "newest")
        rows = [[*row.all("th", "td")] for row in section.all("tr")]
        shown = {
            row[0].text: [(one.attributes["value"], one.text) for cell in row[1:] for one in cell.all("data")]
            for row in rows[1:]
        }
        assert shown == {asset: [item for item in items if item] for asset, items in newest.items()}


def test_a_month_that_does_not_verify_has_no_figures(read: dict[str, Element], site: Path) -> None:
    for lang in ("en", "ja"):
        assert [*read[f"{lang}/{BROKEN}/index.html"].all("data")] == []
    (broken,) = (
        month for month in json.loads((site / "index.json").read_bytes())["months"] if month["period"] == BROKEN
    )
    assert broken["status"] == "failed"
    assert [file["path"] for file in broken["files"]] == [f"{BROKEN}/{BROKEN}.attest.json"]
    assert "coverage" not in broken


@pytest.mark.parametrize(("size", "dark", "shown"), VIEWS, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_in_a_page_is_a_barrier(
    size: str,
    shown: tuple[str, ...],
    site: Path,
    chromium: Browser,
    *,
    dark: bool,
) -> None:
    width, height = SIZES[size]
    for name in shown:
        chromium.open(site / name, width=width, height=height, dark=dark)
        chromium.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert chromium.do("axe") == [], name
        assert chromium.evaluate(_CUT) == [], name


def test_a_barrier_that_is_put_into_a_page_is_found(site: Path, chromium: Browser) -> None:
    chromium.open(site / ODD[2])
    chromium.evaluate("document.documentElement.removeAttribute('lang')")
    assert [one["id"] for one in chromium.do("axe")] == ["html-has-lang"]


def test_nothing_but_the_page_is_asked_for(site: Path, chromium: Browser) -> None:
    for name in ("index.html", *ODD):
        chromium.open(site / name)
        assert chromium.do("seen") == {"errors": [], "console": [], "requests": [(site / name).as_uri()]}
    with served(site) as (url, asked):
        for name in ODD:
            chromium.open(f"{url}{name}")
            assert chromium.do("seen") == {"errors": [], "console": [], "requests": [f"{url}{name}"]}
        assert asked == [f"/{name}" for name in ODD]
