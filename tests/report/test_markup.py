"""Markup in every text of a month is text in its reports and on its site, which are the same bytes everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from attest.documents import format_time
from tests.report.months import Made
from tests.report.plan import MARKUP
from tests.report.reading import Element, read_page
from tests.report.sites import ran

# The texts that readers of a page are shown, each of which says its own place before the markup.
PUBLIC: Final = frozenset(
    "auditor citation entity finding included keeper note posture procedure product reason".split()
    + "standard tier title vault".split()
)
AUDITORS: Final = PUBLIC | {"source"}
ATOM: Final = "{http://www.w3.org/2005/Atom}"
_OF_MARKUP: Final = {"script", "img", "b", "label"}
_ACTIVE: Final = re.compile(rb"/(?:JavaScript|JS|URI|Launch|OpenAction|AA|SubmitForm|GoToR)\b")
# A place where months begin at other hours, letters are capitalised otherwise, and sets have another order.
_ELSEWHERE: Final = {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "4711"}
_RUN: Final = """
import json, sys
from attest.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as exited:
        assert not exited.code, exited.code
"""


class Drawn(NamedTuple):
    """Folders with a site, and a page and a PDF for auditors, drawn in this process and in another one elsewhere."""

    here: Path
    elsewhere: Path

    def pages(self) -> Iterator[tuple[str, Element]]:
        for path in sorted(self.here.rglob("*.html")):
            if path.name != "verify.html":
                yield str(path.relative_to(self.here)), read_page(path)


@pytest.fixture(scope="module")
def drawn(hostile: Made, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folders = Drawn(tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("elsewhere"))
    (bundle,) = hostile.publication.glob("*/*.attest.json")
    commands = [
        ["site", str(hostile.publication), "-o", "site"],
        ["report", str(bundle), "-o", "auditor.html", "--edition", "auditor"],
        ["report", str(bundle), "-o", "auditor.pdf", "--edition", "auditor", "--lang", "ja"],
    ]
    options = ["--trust-root", str(hostile.trust_root), "--at", format_time(hostile.at)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folders.here)
        for command in commands:
            ran(hostile, *command)
    subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps([[*command, *options] for command in commands])],
        cwd=folders.elsewhere,
        env={**os.environ, **_ELSEWHERE},
        capture_output=True,
        check=True,
    )
    return folders


def test_the_same_month_has_the_same_bytes_in_any_place(drawn: Drawn) -> None:
    names = sorted(str(path.relative_to(drawn.here)) for path in drawn.here.rglob("*") if path.is_file())
    assert {"auditor.html", "auditor.pdf", "site/feed.xml", "site/index.json", "site/ja/index.html"} <= {*names}
    assert len([name for name in names if name.endswith(".pdf")]) == 3
    assert names == sorted(
        str(path.relative_to(drawn.elsewhere)) for path in drawn.elsewhere.rglob("*") if path.is_file()
    )
    assert [name for name in names if (drawn.here / name).read_bytes() != (drawn.elsewhere / name).read_bytes()] == []


def test_markup_is_shown_as_text(drawn: Drawn) -> None:
    texts = {name: page.text for name, page in drawn.pages()}
    found = {name: {place for place in AUDITORS if f"{place} {MARKUP}" in text} for name, text in texts.items()}
    months = {name: places for name, places in found.items() if name.endswith("2026-10/index.html")}
    assert len(months) == 2
    assert all(places >= PUBLIC for places in months.values()), months
    assert found["auditor.html"] >= AUDITORS
    assert all("entity" in places for places in found.values()), found


def test_no_element_and_no_attribute_comes_of_markup(drawn: Drawn) -> None:
    for name, page in drawn.pages():
        for element in page.all():
            assert element.tag not in _OF_MARKUP, name
            assert not {"src", "onerror", "style"} & element.attributes.keys(), name
            texts = [child for child in element.children if isinstance(child, str)] + [*element.attributes.values()]
            assert all(text.count("<script>") == text.count(MARKUP) for text in texts), (name, element.tag)
        assert len([*page.all("style")]) == len([*page.all("head")]) == 1, name


def test_feed_and_index_have_markup_as_text(drawn: Drawn) -> None:
    feed = ET.parse(drawn.here / "site" / "feed.xml").getroot()  # noqa: S314 (our own)
    assert {element.tag.removeprefix(ATOM) for element in feed.iter()} == set(
        "feed id title updated author name link entry summary".split()
    )
    entity = f"entity {MARKUP}"
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == entity
    assert feed.findtext(f"{ATOM}title", "").startswith(entity)
    assert json.loads((drawn.here / "site" / "index.json").read_bytes())["entity"] == entity


def test_a_pdf_does_nothing_and_leads_nowhere(drawn: Drawn) -> None:
    for path in drawn.here.rglob("*.pdf"):
        objects = re.sub(rb"stream\r?\n.*?endstream", b"", path.read_bytes(), flags=re.DOTALL)
        assert b"/StructTreeRoot" in objects, "all objects stand outside of streams"
        assert _ACTIVE.findall(objects) == []
