"""Every number of a report is found in `--json` of its month: as it stands there, or worked out from there again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from attest.report.words import Language, words
from tests.report.figures import Figures, Place, Shown
from tests.report.months import Made
from tests.report.reading import Element, read_page
from tests.report.sites import ran

LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja")
AUDITOR_ALONE: Final = frozenset({"ties", "records"})
_NUMBER: Final = re.compile(r"[0-9]+(?:/[0-9]+)?")
_SUBJECTS: Final = {  # in Japanese, of those that are no name
    said: words("en")[key] for key, said in words("ja").items() if key.startswith("subject.")
}
_DIGIT: Final = re.compile(r"[0-9]")
_WORD: Final = re.compile(r"[!-~]*[0-9][!-~]*")  # with a digit, also within Japanese, which has no spaces
_DATE: Final = re.compile(r"[0-9][0-9: -]+[A-Z]+")
_SENTENCE: Final = 12  # characters, from which on a part of a text of the JSON is found there by no accident


class Report(NamedTuple):
    """A page, and what the command that drew it said as JSON."""

    page: Element
    document: Any
    lang: Language


def drawn(made: Made, period: str, folder: Path, *, lang: Language, edition: str = "public") -> Report:
    out = folder / f"{period}-{edition}.{lang}.html"
    bundle = made.publication / period / f"{period}.attest.json"
    document = ran(made, "report", bundle, "-o", out, "--lang", lang, "--edition", edition)
    return Report(read_page(out), document, lang)


@pytest.fixture(scope="module")
def reports(year: Made, tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """All months in one language and the other in turn, and two of them for auditors."""
    folder = tmp_path_factory.mktemp("figures")
    periods = sorted(path.name for path in year.publication.iterdir())
    public = [drawn(year, period, folder, lang=LANGUAGES[number % 2]) for number, period in enumerate(periods)]
    odd = [drawn(year, period, folder, lang="ja", edition="auditor") for period in ("2026-01", "2026-09")]
    return [*public, drawn(year, periods[-1], folder, lang="ja"), drawn(year, periods[-1], folder, lang="en"), *odd]


def place_of(element: Element) -> Place:
    """The section that an element is in, and what its row or card is about."""
    section = next((one.attributes["id"] for one in element.around if one.tag == "section"), "")
    row = next((one for one in element.around if one.tag in {"tr", "article"}), None)
    heads = [] if row is None else list(row.all("th", "h3"))
    subject = heads[0].text.replace("\N{FULLWIDTH COLON}", ": ") if heads else ""
    return Place(section, _SUBJECTS.get(subject, subject))


def shown(page: Element) -> Iterator[tuple[Element, Place, Shown]]:
    for element in page.all("data"):
        yield element, place_of(element), Shown(element.attributes["value"], element.text)


def allowed(figures: Figures, place: Place) -> set[Shown]:
    return figures.may[place] | figures.may[Place(place.section)]


def test_every_figure_is_one_of_its_month_and_stands_in_its_row(reports: list[Report]) -> None:
    for report in reports:
        figures = Figures(report.document)
        found = [(place, item) for _, place, item in shown(report.page)]
        assert len(found) > 50
        assert [(place, item) for place, item in found if item not in allowed(figures, place)] == []


def test_no_figure_is_left_out(reports: list[Report]) -> None:
    for report in reports:
        found: dict[Place, set[Shown]] = defaultdict(set)
        for _, place, item in shown(report.page):
            found[place].add(item)
            found[Place(place.section)].add(item)
        is_public = not any(section.attributes.get("id") == "ties" for section in report.page.all("section"))
        for place, items in Figures(report.document).must.items():
            if not (is_public and place.section in AUDITOR_ALONE):
                assert items <= found[place], (place, items - found[place])


def test_owed_held_and_coverage_stand_in_their_columns(reports: list[Report]) -> None:
    for report in reports:
        rows = [row for row in report.page.all("tr") if place_of(row).section == "coverage"]
        table = {}
        for row in rows:
            cells = list(row.all("td"))
            table[place_of(row).subject] = tuple(next(cell.all("data"), None) for cell in cells[:3])
        told = {
            asset: tuple(None if item is None else Shown(item.attributes["value"], item.text) for item in items)
            for asset, items in table.items()
            if asset in {one["asset"] for one in report.document["coverage"]}
        }
        assert told == Figures(report.document).coverage


def test_times_are_those_of_the_month_in_both_zones(reports: list[Report]) -> None:
    for report in reports:
        known = set(strings(report.document))
        times = list(report.page.all("time"))
        assert len(times) > 4
        for element in times:
            iso = element.attributes["datetime"]
            assert iso in known
            at = datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            utc, jst = (f"{at + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (0, 9))
            assert _DATE.findall(element.text) == (
                [f"{utc} UTC"] if report.lang == "en" else [f"{jst} JST", f"{utc} UTC"]
            )


def strings(value: Any) -> Iterator[str]:
    """Every text of a document, names of fields too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def counts(document: Any) -> dict[str, set[int]]:
    """Small numbers that stand in words, by section: how many there are of something, and which one."""
    signatories, predicate, steps = document["signatories"], document["predicate"], document["steps"]
    open_steps = [step["number"] for step in steps if step["status"] == "NOT CHECKED"]
    unmet = {step["number"] for step in steps if step["status"] == "NOT MET"}
    rests = [*document["coverage"], *(rule for policy in document["policies"] for rule in policy["rules"])]
    documents = {rest["unchecked"]["documents"] for rest in rests if "unchecked" in rest}
    return {
        "": {predicate["sequence"]},
        "verdict": {len(open_steps), len(steps), *unmet},
        "unchecked": set(open_steps),
        "steps": set(range(len(steps))),
        "signers": {*map(len, signatories["signed"].values()), *signatories["thresholds"].values()},
        "reports": {len(report["procedures"]) for report in signatories["auditorReports"]},
        "how": {root["version"] for root in signatories["trustRoots"]},
        "coverage": documents,
        "policies": documents,
        "reserves": documents,
        "wallets": {number for row in document["wallets"] for number in row["records"]},
        "records": {row["number"] for row in document.get("records", ())},
    }


class Told:
    """What digits may stand in the words of a report, outside of figures and times."""

    def __init__(self, report: Report) -> None:
        self.figures = Figures(report.document)
        self.texts = sorted({text for text in strings(report.document) if _DIGIT.search(text)}, key=len, reverse=True)
        self.all = "\n".join(self.texts)
        self.names = [text for text in self.texts if not _NUMBER.fullmatch(text)]
        pieces = {piece for text in words(report.lang).values() for piece in re.split(r"\{[a-z_]*\}", text)}
        self.fixed = sorted((piece for piece in pieces if _DIGIT.search(piece)), key=len, reverse=True)
        self.counts = counts(report.document)
        self.versions = {policy["version"] for policy in report.document["policies"]}
        period = report.document["period"]
        roots = report.document["signatories"]["trustRoots"]
        self.files = [f"{period}.attest.json", f"{period}.proof.json", f"{roots[0]['version']}.root.json"]

    def left(self, element: Element, text: str) -> list[str]:
        """The words with digits in a text that nothing of the month accounts for."""
        place = place_of(element)
        known = [*self.fixed, *self.files, *self.names]
        if any(one.tag == "svg" for one in element.around):
            known = [item.text for item in allowed(self.figures, place)] + known
        for item in sorted(known, key=len, reverse=True):
            text = text.replace(item, " ")
        if len(text.strip()) >= _SENTENCE and text.strip() in self.all:
            return []
        numbers = {str(count) for count in self.counts.get(place.section, ())}
        numbers |= self.versions if place.section == "policies" else set()
        found = [word.strip(".,;:()") for word in _WORD.findall(text)]
        return [word for word in found if word not in numbers and not self._is_word(word)]

    def _is_word(self, word: str) -> bool:
        """Whether something that is more than a number stands somewhere in the month."""
        return not _NUMBER.fullmatch(word) and re.search(rf"(?<![0-9]){re.escape(word)}(?![0-9])", self.all) is not None


def test_no_other_number_stands_in_a_report(reports: list[Report]) -> None:
    for report in reports:
        told = Told(report)
        found = [
            (place_of(element), text, left)
            for element, text in report.page.texts()
            if _DIGIT.search(text) and not any(one.tag in {"data", "time"} for one in element.around)
            if (left := told.left(element, text))
        ]
        assert found == []
