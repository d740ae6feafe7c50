"""A month as a PDF: all that the view says is there to read, the bundle is attached, and nothing of the machine is."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typst
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from pypdf.generic import IndirectObject

from attest.cli import group
from attest.errors import MalformedError, UnavailableError
from attest.report import pdf
from attest.report.month import month_view
from attest.report.pdf import characters, month_pdf
from attest.report.verdict import Verdict
from attest.report.view.month import MonthView
from attest.report.words import LANGUAGES, Language, words
from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors, Sources
from attest.verification.verify import verify
from tests.report.months import Made

FONTS = Path(pdf.__file__).parent / "fonts"
NAME = "2026-10.attest.json"


class Month(NamedTuple):
    view: MonthView
    bundle: bytes

    @property
    def public(self) -> Month:
        return self._replace(view=replace(self.view, auditor=None))

    def pdf(self, lang: Language = "ja") -> bytes:
        return month_pdf(self.view, lang, bundle=self.bundle, bundle_name=NAME)


def last_month(made: Made) -> Month:
    """The last month, with what an auditor is shown."""
    path = made.publication / "2026-10" / NAME

    def files(name: str) -> bytes | None:
        beside = path.with_name(name)
        return beside.read_bytes() if beside.exists() else None

    anchors = Anchors.pinned(parse_root_file(made.trust_root.read_bytes()))
    bundle = path.read_bytes()
    return Month(month_view(verify(bundle, anchors, now=made.at, sources=Sources(files)), bundle, auditor=True), bundle)


@pytest.fixture(scope="module")
def month(year: Made) -> Month:
    return last_month(year)


@pytest.fixture(scope="module")
def japanese(month: Month) -> bytes:
    return month.pdf()


def text_of(data: bytes) -> str:
    """All that can be read, without spaces and line ends."""
    return "".join("".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages).split())


def tags(data: bytes) -> Iterator[Any]:
    """The elements of the structure, from the outside."""
    open_ones = [PdfReader(BytesIO(data)).trailer["/Root"]["/StructTreeRoot"]]
    while open_ones:
        item = open_ones.pop()
        item = item.get_object() if isinstance(item, IndirectObject) else item
        if isinstance(item, list):
            open_ones += reversed(item)
        elif isinstance(item, dict):
            yield item
            open_ones.append(item.get("/K"))


def texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a view, by its field."""
    return pdf._texts(pdf._plain(value), where)


# Characters


def points(weight: str) -> set[str]:
    with TTFont(FONTS / f"{weight}.ttf", lazy=True) as font:
        return set(map(chr, font.getBestCmap()))


def test_the_list_of_characters_says_what_the_fonts_have() -> None:
    assert characters() == points("regular")
    assert points("bold") < characters()


def test_the_words_of_reports_are_in_both_weights() -> None:
    said = {letter for lang in LANGUAGES for text in words(lang).values() for letter in text}
    assert said - points("bold") == set(), "run fixtures/fonts.py with more kanji in the bold weight"


def test_names_can_be_written_in_japanese() -> None:
    codes = [bytes([lead, trail]) for lead in range(0x81, 0xFD) for trail in range(0x40, 0xFD)]
    listed = {
        letter for codec in ("cp932", "shift_jis_2004") for code in codes for letter in code.decode(codec, "ignore")
    }
    kanji = {letter for letter in listed if letter >= "\u3400" and not "\ue000" <= letter < "\uf900"}
    assert {letter for letter in kanji if letter not in characters()} <= set("⦅⦆")
    assert len(kanji) > 10_000
    assert set("髙﨑𠮷德瀨邊邉齋濵") <= characters()


def test_the_fonts_are_small_and_under_a_name_of_their_own() -> None:
    assert sum(path.stat().st_size for path in FONTS.glob("*.ttf")) < 4_000_000
    for weight in ("regular", "bold"):
        with TTFont(FONTS / f"{weight}.ttf", lazy=True) as font:
            names = {record.nameID: record.toUnicode() for record in font["name"].names}
        assert names[1] == "Attest Report Sans JP"
        assert not [text for text in names.values() if "plex" in text.lower()]
        assert "IBM Corp" in names[0]
        assert "SIL Open Font License" in names[13]
    licence = (FONTS / "OFL.txt").read_text(encoding="utf-8")
    assert licence.startswith('Copyright © 2017 IBM Corp. with Reserved Font Name "Plex"')
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entity": "Exchange \U0001f600 KK"}, "U+1F600, which is in view.entity: 'Exchange \U0001f600 KK'"),
        ({"included": ("spot", "한국")}, "U+D55C, which is in view.included[1]: '한국'"),
        ({"excluded": (("a\u0378", "why"),)}, "U+0378, which is in view.excluded[0][0]: 'a\\u0378'"),
    ],
)
def test_a_character_that_the_fonts_lack_is_named_before_anything_is_set(
    month: Month, monkeypatch: pytest.MonkeyPatch, change: Any, said: str
) -> None:
    monkeypatch.setattr(pdf, "_compiled", None)
    with pytest.raises(MalformedError) as error:
        Month(replace(month.view, **change), b"").pdf()
    assert error.value.code == "report/character"
    assert said in error.value.message
    assert "HTML" in (error.value.hint or "")


def test_a_long_text_is_not_repeated_whole(month: Month) -> None:
    with pytest.raises(MalformedError) as error:
        Month(replace(month.view, entity="x" * 900 + "\u0378"), b"").pdf()
    assert len(error.value.message) < 250


def test_without_typst_the_error_says_what_to_install(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(UnavailableError) as error:
        month.pdf()
    assert (error.value.code, error.value.hint) == ("report/typst", "pip install 'attest-por[report]'")


# Text


NOTHING = re.compile(r"[0.]+( \(0\.00 %\))?")
NOT_SHOWN = re.compile(
    r"\.(exact|iso|kind|level|levels|standing|verdict|status|what|evidence|control|storage|purpose|role)$"
    r"|^\.steps\.title$|figures\.name$|rest\.amounts$|^\.declarations\.leaf$"
)


def test_all_that_an_auditor_is_shown_can_be_read_in_japanese(month: Month, japanese: bytes) -> None:
    """Names for programs are shown by their words, and what is nothing may be left out."""
    read = text_of(japanese)
    said = words("ja")
    named = [
        (path, said.get(f"subject.{text}", text) if path.endswith(".subject") else text)
        for path, text in texts(month.view)
        if not NOT_SHOWN.search(re.sub(r"\[\d+\]", "", path))
    ]
    assert len(named) > 500
    assert [item for item in named if "".join(item[1].split()) not in read and not NOTHING.fullmatch(item[1])] == []
    assert said["subject.all assets"] in read
    assert said["heading.unchecked"] in read
    assert not re.search(r"PDF/|conform|準拠", read)


def test_markup_in_texts_is_shown_as_text(hostile: Made) -> None:
    found = last_month(hostile)
    read = text_of(found.public.pdf("en"))
    view = found.view
    for text in (view.entity, *view.included, view.policies[-1].title, view.policies[-1].note or "", *view.strangers):
        assert "".join(text.split()) in read
    assert "#panic()" in view.entity


def test_the_public_edition_has_nothing_of_the_auditors(month: Month) -> None:
    assert month.view.auditor is not None
    read = text_of(month.public.pdf("en"))
    assert month.view.digest in read
    assert month.view.auditor.evidence_root not in read
    assert not [record for record in month.view.auditor.records if record.leaf in read]
    assert not re.search(r"PDF/|conform", read)


# The file


def test_the_bundle_is_attached_byte_for_byte(month: Month, japanese: bytes) -> None:
    reader = PdfReader(BytesIO(japanese))
    assert reader.attachments == {NAME: [month.bundle]}
    (file,) = (item.get_object() for item in reader.trailer["/Root"]["/AF"])
    assert file["/AFRelationship"] == "/Source"
    assert file["/EF"]["/F"]["/Subtype"] == "/application/json"


def test_the_file_says_what_it_is(month: Month, japanese: bytes) -> None:
    reader = PdfReader(BytesIO(japanese))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "ja"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    title = words("ja")["page.title"].format(entity=month.view.entity, period="2026-10", verdict="検証済み")
    assert reader.metadata.title == title
    assert reader.metadata.creation_date is not None
    assert f"{reader.metadata.creation_date:%Y-%m-%dT%H:%M:%SZ}" == month.view.issued_at.iso
    meta = root["/Metadata"].get_data().decode()
    assert re.findall(r"<pdfaid:(part|conformance)>(\w+)<", meta) == [("part", "3"), ("conformance", "A")]
    fonts = {name for page in reader.pages for name in page["/Resources"]["/Font"].values()}
    assert {font.get_object()["/BaseFont"].split("+")[1] for font in fonts} == {
        "AttestReportSansJP-Regular",
        "AttestReportSansJP-Bold",
    }


def test_charts_have_words_headings_have_levels_and_tables_have_heads(month: Month, japanese: bytes) -> None:
    found = list(tags(japanese))
    said = [item["/Alt"] for item in found if item.get("/S") == "/Figure"]
    view = month.view
    assert len(said) == len(view.coverage) + len(view.storage) + len(view.control) + len(view.reserves)
    for row, text in zip(view.coverage, said, strict=False):
        assert row.asset in text
        assert row.coverage.number is not None
        assert row.coverage.number.text in text
    levels = [int(item["/S"][2:]) for item in found if re.fullmatch("/H[1-6]", item.get("/S", ""))]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = [item for item in found if item.get("/S") == "/Table"]
    assert tables
    assert len([item for item in found if item.get("/S") == "/THead"]) >= len(tables)
    english = [item for item in found if str(item.get("/Lang", "")).startswith("en")]
    assert len(english) > len(view.steps) + len(view.checks)


def test_typst_finds_nothing_that_a_reader_by_ear_would_miss(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []

    def compile_loudly(*given: Any, **options: Any) -> bytes:
        made, warnings = typst.compile_with_warnings(*given, **options)
        warned.extend(item.message for item in warnings)
        return made

    monkeypatch.setattr(pdf, "_STANDARDS", ("a-3a", "ua-1"))
    monkeypatch.setattr(typst, "compile", compile_loudly)
    assert month.pdf("en").startswith(b"%PDF")
    assert warned == []


def test_the_same_month_has_the_same_bytes_everywhere(month: Month, japanese: bytes, tmp_path: Path) -> None:
    (tmp_path / "month").write_bytes(pickle.dumps(tuple(month)))
    script = (
        "import pickle, sys\nfrom pathlib import Path\nfrom attest.report.pdf import month_pdf\n"
        "view, bundle = pickle.loads(Path('month').read_bytes())\n"
        f"made = month_pdf(view, 'ja', bundle=bundle, bundle_name={NAME!r})\n"
        "Path('made').write_bytes(made)\n"
    )
    others = {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    path = os.pathsep.join([str(Path(pdf.__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, **others, "PYTHONPATH": path, "SOURCE_DATE_EPOCH": "1"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "made").read_bytes() == japanese
    assert month.pdf() == japanese


def test_the_templates_read_nothing_but_what_they_are_given() -> None:
    sources = pdf._sources()
    calls = re.findall(
        r'\b(?:import|include|json|read|image|csv|yaml|toml|xml|cbor|plugin)\b[ (]+"([^"]+)"',
        " ".join(text.decode() for text in sources.values()),
    )
    given = {*sources, *(name.removeprefix("report/") for name in sources), "/data.json", "bundle"}
    assert set(calls) <= given
    assert {"/data.json", "bundle", "report/parts.typ"} <= set(calls)


def test_without_typst_nothing_is_verified_for_a_pdf(
    year: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    monkeypatch.setattr("attest.verification.verify.verify", lambda *_, **__: pytest.fail("it was verified"))
    bundle = year.publication / "2026-10" / NAME
    arguments = ["report", str(bundle), "--trust-root", str(year.trust_root), "-o", str(tmp_path / "x.pdf")]
    with pytest.raises(UnavailableError, match="typst"):
        group.main(arguments, standalone_mode=False)


def test_the_verdict_is_green_only_with_nothing_beside_it(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its word is the one of 14 points."""
    colours = []
    for is_qualified in (False, True):
        monkeypatch.setattr(Verdict, "is_qualified", is_qualified)
        made = Month(replace(month.view, auditor=None, verdict="VERIFIED"), month.bundle).pdf("en")
        drawn = PdfReader(BytesIO(made)).pages[0].get_contents()
        assert drawn is not None
        (found,) = re.findall(rb"([0-9. ]+) scn\nBT 0 Tr/f[0-9]+ 14 Tf", drawn.get_data())
        colours.append([round(float(part) * 255) for part in found.split()])
    assert colours == [[0x17, 0x66, 0x3A], [0x7A, 0x4A, 0x00]]
