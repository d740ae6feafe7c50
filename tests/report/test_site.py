"""A site has what is published and nothing else, says what is wrong, and is made anew only where something is new."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import attest.report.site.keys
import attest.report.site.published
from attest.cli import main
from attest.documents import format_time
from attest.errors import AttestError, UnavailableError
from attest.report import html
from attest.report.history.series import Series
from attest.report.html import ALONE, Links
from attest.report.site import folder as site_folder
from attest.report.site.files import read_site
from attest.report.site.folder import Content, Copy, Data, Drawn, fill_site
from attest.report.site.keys import Keys
from attest.report.site.published import Said, SiteMonth, beside, site_months
from attest.report.site.roots import site_roots
from attest.report.words.site import EN, JA, site_words
from attest.signing.envelope import Envelope
from attest.signing.trust import Trust, parse_root, parse_root_file
from attest.signing.trust_writing import next_root
from attest.verification.anchors import Anchors
from attest.web.page import check_page
from tests.report.months import Made, _roots, _signed_root, write_months
from tests.report.plan import months

LAST, BEFORE, FIRST = "2026-10", "2026-09", "2026-08"
ALL_PAGES = sorted(
    [f"{lang} {what}" for lang in ("en", "ja") for what in (FIRST, BEFORE, LAST, "index")] + ["ja index"]
)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three months, in the last of which one asset is below 100 %; nobody writes into its folders."""
    return write_months(tmp_path_factory.mktemp("three") / "months", count=3, assets=4, sound=False)


@pytest.fixture
def own(three: Made, tmp_path: Path) -> Made:
    """The same months to write into."""
    return three._replace(publication=Path(shutil.copytree(three.publication, tmp_path / "publication")))


@pytest.fixture(scope="module")
def site(three: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their site, without PDFs; nobody writes into it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    assert made(three, folder)[0] == 5
    return folder


def made(of: Made, folder: Path, *options: str, pdf: bool = False) -> tuple[int, dict[str, Any]]:
    """The exit code of `attest site`, and what it says."""
    said = io.StringIO()
    arguments = ["site", str(of.publication), "-o", str(folder), "--trust-root", str(of.trust_root)]
    arguments += ["--at", format_time(of.at), "--json", *([] if pdf else ["--no-pdf"]), *options]
    with redirect_stdout(said), redirect_stderr(io.StringIO()), pytest.raises(SystemExit) as exited:
        main(arguments)
    code = exited.value.code
    return int(code or 0), json.loads(said.getvalue())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def row(page: Path, period: str) -> str:
    """The row of a month in the table of an index."""
    text = page.read_text(encoding="utf-8")
    (table,) = re.findall(r'<section id="months".*?</section>', text, re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    (found,) = (one for one in rows if period in one.partition("</th>")[0])
    return str(found)


def break_month(of: Made, period: str) -> None:
    """Change what was signed."""
    path = of.publication / period / f"{period}.attest.json"
    bundle = json.loads(path.read_bytes())
    payload = bundle["envelope"]["payload"]
    bundle["envelope"]["payload"] = ("A" if payload[0] != "A" else "B") + payload[1:]
    path.write_text(json.dumps(bundle), encoding="utf-8")


def test_it_has_pages_in_two_languages_downloads_verifier_roots_feed_and_list(three: Made, site: Path) -> None:
    published = {str(path) for path in files(three.publication)}
    sums = {f"{period}/SHA256SUMS" for period in (FIRST, BEFORE, LAST)}
    pages = {
        f"{lang}/{name}index.html" for lang in ("ja", "en") for name in ("", f"{FIRST}/", f"{BEFORE}/", f"{LAST}/")
    }
    others = {"index.html", "verify.html", "trust/1.root.json", "feed.xml", "index.json", ".attest-site.json"}
    assert set(files(site)) == published | sums | pages | others
    for path, data in files(three.publication).items():
        assert (site / path).read_bytes() == data
    page = (site / "verify.html").read_bytes()
    root = check_page(page, what="the page")
    assert root is not None
    for lang, top in (("ja", "../"), ("en", "../"), (None, "")):
        index = (site / (lang or ".") / "index.html").read_text(encoding="utf-8")
        assert index.startswith(f'<!DOCTYPE html>\n<html lang="{lang or "ja"}">')
        assert sha256(page).hexdigest() in index
        assert root.fingerprint in index
        assert f'href="{top}verify.html"' in index
        assert index.count(f"<li>{site_roots(Anchors.pinned(root_of(three)), [])[0].words[-1]}</li>") >= 1


def root_of(of: Made) -> Envelope:
    return parse_root_file(of.trust_root.read_bytes())


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_finds_every_download_whole(site: Path) -> None:
    for period in (FIRST, BEFORE, LAST):
        assert len((site / period / "SHA256SUMS").read_text().splitlines()) == 5
        subprocess.run(
            ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=site / period, check=True, capture_output=True
        )


def test_what_no_statement_names_is_neither_copied_nor_read(three: Made, own: Made, site: Path, tmp_path: Path) -> None:
    folder = own.publication / BEFORE
    shutil.copy(three.publication.parent / "private" / BEFORE / "evidence.jsonl", folder)
    for name in ("notes.txt", "policy-other.toml", "secret"):
        (folder / name).write_text("customers' names")
    made(own, tmp_path / "site")
    assert files(tmp_path / "site") == files(site)
    assert beside(own.publication, f"{BEFORE}/{BEFORE}.attest.json", "evidence.jsonl") is None


def test_a_second_run_writes_nothing_and_a_third_month_only_what_is_new(own: Made, three: Made, tmp_path: Path) -> None:
    shutil.rmtree(own.publication / LAST)
    code, document = made(own, tmp_path / "site")
    assert (code, document["status"], len(document["written"])) == (0, "verified", 23)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")}
    code, document = made(own, tmp_path / "site")
    assert (code, document["written"], document["removed"], len(document["unchanged"])) == (0, [], [], 23)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")} == before
    code, document = made(three, tmp_path / "site")
    assert code == 5
    assert {path.split("/")[0] for path in document["written"]} == {
        LAST,
        "ja",
        "en",
        "index.html",
        "feed.xml",
        "index.json",
    }
    assert not [path for path in document["written"] if FIRST in path or BEFORE in path]
    assert document["written"][-1] == "index.json"


def test_a_month_that_is_no_more_goes_and_what_others_put_there_stays(own: Made, tmp_path: Path) -> None:
    site = tmp_path / "site"
    made(own, site)
    for name in ("robots.txt", f"{FIRST}/notes.txt", "ja/theirs.html"):
        (site / name).write_text("theirs")
    (site / "en" / FIRST / "index.html").write_text("changed by somebody")
    (site / "ja" / LAST / "index.html").write_text("damaged")
    shutil.rmtree(own.publication / FIRST)
    code, document = made(own, site)
    assert code == 1  # the history begins with sequence 1
    assert f"ja/{FIRST}/index.html" in document["removed"]
    assert f"{FIRST}/{FIRST}.attest.json" in document["removed"]
    assert f"ja/{LAST}/index.html" in document["written"]
    left = files(site)
    assert {path for path in left if FIRST in path} == {f"{FIRST}/notes.txt", f"en/{FIRST}/index.html"}
    assert document["kept"] == made(own, site)[1]["kept"] == [f"en/{FIRST}/index.html"]
    assert left["robots.txt"] == left["ja/theirs.html"] == b"theirs"
    assert not (site / "ja" / FIRST).exists()
    (site / "en" / FIRST / "index.html").unlink()
    assert made(own, site)[1]["kept"] == []


def test_a_folder_that_is_no_site_is_refused(own: Made, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(own.publication)
    places = {
        other: "site/other-folder",
        own.publication / "site": "site/inside",
        own.publication: "site/inside",
        own.publication.parent: "site/inside",
        link / "site": "site/inside",
    }
    before = files(tmp_path)
    for place, expected in places.items():
        code, document = made(own, place)
        assert (code, document["error"]["code"]) == (4, expected), place
    assert files(tmp_path) == before
    (other / "thesis.txt").unlink()
    assert fill_site(other, {"index.html": Data(b"")}).written == ("index.html",)


def test_nothing_of_others_is_written_over(three: Made, tmp_path: Path) -> None:
    site = tmp_path / "site"
    made(three, site)
    shutil.rmtree(site / "ja")
    (tmp_path / "elsewhere").mkdir()
    (site / "ja").symlink_to(tmp_path / "elsewhere")
    code, document = made(three, site)
    assert (code, document["error"]["code"]) == (4, "site/stranger")
    assert not list((tmp_path / "elsewhere").iterdir())
    (site / "ja").unlink()
    record = json.loads((site / ".attest-site.json").read_bytes())
    del record["files"]["en/index.html"]
    (site / ".attest-site.json").write_text(json.dumps(record))
    before = files(site)
    code, document = made(three, site)
    assert (code, document["error"]["code"]) == (4, "site/stranger")
    assert files(site) == before
    (site / ".attest-site.json").write_text('{"format":"attest/site-record/v1","files":{"../publication":{}}}')
    code, document = made(three, site)
    assert (code, document["error"]["code"]) == (4, "site/record")


@pytest.mark.parametrize("stop", range(8))
def test_a_run_that_was_killed_leaves_what_the_next_one_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    (tmp_path / "source").write_bytes(b"copied")
    folder, left = tmp_path / "site", stop
    earlier: dict[str, Content] = {"ja/a.html": Data(b"old"), "gone.html": Data(b"gone"), "index.json": Data(b"old")}
    later: dict[str, Content] = {
        "ja/a.html": Data(b"a"),
        "ja/b.pdf": Drawn("0" * 64, lambda: b"drawn"),
        "2026-10/c": Copy(tmp_path / "source", sha256(b"copied").hexdigest()),
        "2026-10/d": Data(b"d"),
        "index.json": Data(b"ja/a.html ja/b.pdf 2026-10/c 2026-10/d"),
    }
    fill_site(folder, earlier)

    def then_killed(write: Callable[..., None]) -> Callable[..., None]:
        def limited(path: Path, *arguments: Any, **options: Any) -> None:
            nonlocal left
            if left == 0:
                path.with_name(f".{path.name}.partial").write_bytes(b"half")
                raise KeyboardInterrupt
            left -= 1
            write(path, *arguments, **options)

        return limited

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        for name in ("write_file", "write_chunks"):
            patched.setattr(site_folder, name, then_killed(getattr(site_folder, name)))
        fill_site(folder, later)
        assert stop == 7
    index = (folder / "index.json").read_text()
    assert index == "old" or all((folder / path).is_file() for path in index.split())
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    fill_site(other, earlier)
    assert set(files(other)) == {*earlier, ".attest-site.json"}
    fill_site(folder, later)
    assert set(files(folder)) == {*later, ".attest-site.json"}
    assert (folder / "ja" / "a.html").read_bytes() == b"a"
    assert fill_site(folder, later).written == ()


def test_a_file_that_changes_while_it_is_copied_is_not_handed_on(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"other")
    with pytest.raises(UnavailableError, match="was changed while the site was made"):
        fill_site(tmp_path / "site", {"a": Copy(tmp_path / "source", sha256(b"signed").hexdigest())})
    assert set(files(tmp_path / "site")) == {".attest-site.json"}


def test_a_month_that_does_not_verify_has_no_figures_and_no_download_but_its_bundle(own: Made, tmp_path: Path) -> None:
    break_month(own, BEFORE)
    code, document = made(own, tmp_path / "site")
    site = tmp_path / "site"
    assert (code, document["status"]) == (1, "failed")
    assert [path.name for path in (site / BEFORE).iterdir() if path.name != "SHA256SUMS"] == [f"{BEFORE}.attest.json"]
    assert [month["status"] for month in document["months"]] == ["verified", "failed", "not-met"]
    assert "coverage" not in document["months"][1]
    for lang, words in (("ja", JA), ("en", EN)):
        found = row(site / lang / "index.html", BEFORE)
        assert 'class="remark bad"' in found
        assert site_words(lang)["verdict.FAILED"] in found
        assert (words["finding.history/month"] in found) == (lang == "ja")
        assert "%" not in found
        assert "<data" not in found
        assert f"../{BEFORE}/{BEFORE}.attest.json" in found
        page = (site / lang / BEFORE / "index.html").read_text(encoding="utf-8")
        assert "<data" not in page
        assert f"../../{BEFORE}/{BEFORE}.attest.json" in page
        assert "evidence-public" not in page
        assert 'class="remark bad"' not in row(site / lang / "index.html", LAST)
    assert "FAILED" in next(title for title in feed_titles(site) if BEFORE in title)


def test_the_newest_month_that_failed_is_said_first(own: Made, tmp_path: Path) -> None:
    break_month(own, LAST)
    made(own, tmp_path / "site")
    index = (tmp_path / "site" / "en" / "index.html").read_text(encoding="utf-8")
    newest = index[index.index('id="newest"') : index.index('id="history"')]
    assert f"No figures of {LAST} are shown" in newest
    assert f"What follows is of {BEFORE}" in " ".join(newest.split())
    for period in (FIRST, BEFORE):
        break_month(own, period)
    code, _ = made(own, tmp_path / "site")
    index = (tmp_path / "site" / "en" / "index.html").read_text(encoding="utf-8")
    assert code == 1
    assert EN["site.newest.none"] in index
    assert "<data" not in index


def test_a_missing_month_and_one_under_another_name_have_red_rows(own: Made, tmp_path: Path) -> None:
    shutil.rmtree(own.publication / BEFORE)
    (own.publication / LAST / f"{LAST}.attest.json").rename(own.publication / LAST / "x\x1b<b>\n.attest.json")
    code, document = made(own, tmp_path / "site")
    assert code == 1
    assert [month["status"] for month in document["months"]] == ["verified", "gap", "failed"]
    for lang in ("ja", "en"):
        page = tmp_path / "site" / lang / "index.html"
        assert site_words(lang)["site.gap"] in row(page, BEFORE)
        assert "href" not in row(page, BEFORE)
        assert "x\\x1b&lt;b&gt;\\n.attest.json is the statement of 2026-10" in row(page, LAST)
        assert 'class="remark bad"' in row(page, LAST)
        assert "\x1b" not in page.read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "site" / LAST).iterdir() if path.name != "SHA256SUMS"] == [
        f"{LAST}.attest.json"
    ]


def test_two_bundles_of_one_month_are_both_handed_on(own: Made, tmp_path: Path) -> None:
    (own.publication / "again").mkdir()
    shutil.copy(own.publication / BEFORE / f"{BEFORE}.attest.json", own.publication / "again")
    forged = own._replace(publication=own.publication)
    bundle = json.loads((own.publication / "again" / f"{BEFORE}.attest.json").read_bytes())
    bundle["envelope"]["signatures"] = bundle["envelope"]["signatures"][:1]
    (own.publication / "again" / f"{BEFORE}.attest.json").write_text(json.dumps(bundle), encoding="utf-8")
    code, document = made(forged, tmp_path / "site")
    digest = sha256((own.publication / "again" / f"{BEFORE}.attest.json").read_bytes()).hexdigest()
    assert code == 1
    assert {path.name for path in (tmp_path / "site" / BEFORE).glob("*.attest.json")} == {
        f"{BEFORE}.attest.json",
        f"{BEFORE}-{digest[:12]}.attest.json",
    }
    assert (tmp_path / "site" / BEFORE / f"{BEFORE}.attest.json").read_bytes() == (
        own.publication / BEFORE / f"{BEFORE}.attest.json"
    ).read_bytes()
    assert [month["status"] for month in document["months"]].count("failed") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "evidence-public.jsonl").unlink(), "evidence-public.jsonl is not beside the bundle"),
        (lambda folder: (folder / "policy-own-rule.toml").unlink(), "policy-own-rule.toml is not beside the bundle"),
    ],
)
def test_what_belongs_to_a_month_and_is_not_there_is_not_checked(
    own: Made, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    change(own.publication / BEFORE)
    code, document = made(own, tmp_path / "site")
    assert (code, document["status"]) == (4, "unchecked")
    (finding,) = document["months"][1]["findings"]
    assert finding["code"] == "site/lacking"
    assert said in finding["message"]
    for lang in ("ja", "en"):
        found = row(tmp_path / "site" / lang / "index.html", BEFORE)
        assert said in found
        assert site_words(lang)["verdict.NOT CHECKED"] in found
    names = {path.name for path in (tmp_path / "site" / BEFORE).iterdir()}
    assert len(names) == 5
    assert f"{BEFORE}.attest.json" in names


def test_policies_that_are_no_subjects_are_handed_on_as_signed(own: Made) -> None:
    bundles = {f"{FIRST}/{FIRST}.attest.json": (own.publication / FIRST / f"{FIRST}.attest.json").read_bytes()}
    found = read_site(own.publication, bundles, Anchors.pinned(root_of(own)), now=own.at, url=None, pdf=False)
    row = found.months[0].row
    assert row.view is not None
    view = replace(row.view, files=tuple(item for item in row.view.files if not item.name.startswith("policy-")))
    series = Series((row._replace(view=view),), (), ())
    (month,) = site_months(series, bundles, own.publication)
    assert [item.name for item in month.files][2:] == [
        "policy-jp-psa-in-force.toml",
        "policy-jp-reserve-draft.toml",
        "policy-own-rule.toml",
    ]
    (own.publication / FIRST / "policy-jp-reserve-draft.toml").write_text("other")
    (own.publication / FIRST / "policy-jp-psa-in-force.toml").unlink()
    (month,) = site_months(series, bundles, own.publication)
    assert [item.name for item in month.files][2:] == ["policy-own-rule.toml"]
    assert [item.sentence for item in month.lacking] == [
        f"policy-jp-reserve-draft.toml beside the bundle of {FIRST} is not the policy that was signed for"
    ]


def test_a_month_that_could_not_be_read_accuses_nobody(
    own: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = attest.report.site.published.open_beside

    def failing(folder: Path, name: str) -> Any:
        if folder.name == BEFORE and name == "evidence-public.jsonl":
            raise UnavailableError("file/unreadable", "the disk is at its end")
        return real(folder, name)

    monkeypatch.setattr(attest.report.site.published, "open_beside", failing)
    code, document = made(own, tmp_path / "site")
    assert (code, document["status"]) == (4, "unchecked")
    assert document["months"][1]["status"] == "not-checked"
    found = row(tmp_path / "site" / "en" / "index.html", BEFORE)
    assert "NOT CHECKED" in found
    assert "the disk is at its end" in found
    assert "FAILED" not in found
    assert "<data" not in found


def test_what_is_adverse_is_said_in_its_row_in_words(site: Path) -> None:
    found = row(site / "en" / "index.html", LAST)
    assert "NOT MET" in found
    assert site_words("en")["verdict.below"].format(assets="DUSD") in found
    assert "jp.cover" in found
    assert "DUSD" in row(site / "ja" / "index.html", LAST)
    assert site_words("ja")["verdict.NOT MET"] in row(site / "ja" / "index.html", LAST)
    assert "NOT MET" not in row(site / "en" / "index.html", BEFORE)


def test_late_months_are_adverse(three: Made, tmp_path: Path) -> None:
    code, document = made(three, tmp_path / "site", "--at", "2027-06-01T00:00:00Z")
    assert (code, document["status"]) == (5, "adverse")
    assert "is the last month, and it expired at" in row(tmp_path / "site" / "en" / "index.html", LAST)
    assert JA["finding.history/overdue"] in row(tmp_path / "site" / "ja" / "index.html", LAST)


def test_what_is_no_bundle_ends_it_and_nothing_is_written(own: Made, tmp_path: Path) -> None:
    (own.publication / LAST / "more.attest.json").write_text("{}")
    code, document = made(own, tmp_path / "site")
    assert (code, document["status"]) == (3, "malformed")
    assert not (tmp_path / "site").exists()
    shutil.rmtree(own.publication)
    own.publication.mkdir()
    assert made(own, tmp_path / "site")[1]["error"]["code"] == "site/empty"
    assert not (tmp_path / "site").exists()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is drawn of pages from now on: the language, and the month or the template."""
    found: list[str] = []
    month_page, page = html.month_page, html.page

    def month(view: Any, lang: Any, **more: Any) -> bytes:
        found.append(f"{lang} {view.period}")
        return month_page(view, lang, **more)

    def other(template: str, lang: Any, *rest: Any, **values: Any) -> bytes:
        found.append(f"{lang} {template.partition('.')[0]}")
        return page(template, lang, *rest, **values)

    monkeypatch.setattr("attest.report.site.pages.month_page", month)
    monkeypatch.setattr("attest.report.site.pages.page", other)
    return found


def test_a_second_run_draws_no_page_and_another_month_only_its_own_and_the_index(
    own: Made, tmp_path: Path, drawn: list[str]
) -> None:
    site = tmp_path / "site"
    made(own, site)
    assert sorted(drawn) == ALL_PAGES
    drawn.clear()
    assert made(own, site)[1]["written"] == []
    assert drawn == []
    (own.publication / BEFORE / "evidence-public.jsonl").unlink()
    made(own, site)
    changed = sorted(drawn)
    assert changed == ["en 2026-09", "en index", "ja 2026-09", "ja index", "ja index"]
    drawn.clear()
    break_month(own, BEFORE)
    made(own, site)
    after = [f"en {LAST}", f"ja {LAST}"]  # which follows no month that verified any more
    assert sorted(drawn) == sorted([*after, "en failed", "en index", "ja failed", "ja index", "ja index"])
    drawn.clear()
    made(own, site)
    assert drawn == []
    kept = files(site)
    assert made(own, tmp_path / "anew")[0] == 1
    assert files(tmp_path / "anew") == kept


def test_a_page_that_was_changed_or_is_not_the_recorded_one_is_drawn_again(
    three: Made, site: Path, tmp_path: Path, drawn: list[str]
) -> None:
    own = Path(shutil.copytree(site, tmp_path / "site"))
    (own / "ja" / LAST / "index.html").write_text("changed by somebody")
    (own / "en" / FIRST / "index.html").unlink()
    made(three, own)
    assert sorted(drawn) == [f"en {FIRST}", f"ja {LAST}"]
    assert files(own) == files(site)
    drawn.clear()
    record = json.loads((own / ".attest-site.json").read_bytes())
    record["files"][f"en/{BEFORE}/index.html"]["key"] = "00" * 32
    record["files"][f"ja/{BEFORE}/index.html"]["sha256"] = "00" * 32
    del record["files"]["en/index.html"]["sha256"]
    (own / ".attest-site.json").write_text(json.dumps(record))
    made(three, own)
    assert sorted(drawn) == [f"en {BEFORE}", "en index", f"ja {BEFORE}"]
    assert files(own) == files(site)


def test_another_release_of_attest_or_of_a_library_and_another_template_draw_all_pages(
    three: Made, site: Path, tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(site, tmp_path / "site"))
    report = Path(shutil.copytree(attest.report.site.keys._REPORT, tmp_path / "report"))
    monkeypatch.setattr(attest.report.site.keys, "_REPORT", report)
    made(three, own)
    assert drawn == []
    with (report / "templates" / "month" / "how.jinja").open("ab") as template:
        template.write(b"\n")
    made(three, own)
    assert sorted(drawn) == ALL_PAGES
    drawn.clear()
    for name, value in {"__version__": "99", "version": lambda _: "99"}.items():
        monkeypatch.setattr(attest.report.site.keys, name, value)
        made(three, own)
        assert sorted(drawn) == ALL_PAGES, name
        drawn.clear()
    made(three, own)
    assert drawn == []


def test_reports_are_drawn_once_and_again_only_when_something_is_new(
    own: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def draw(view: Any, lang: str, *, bundle: bytes, bundle_name: str) -> bytes:
        assert (view.auditor, bundle_name) == (None, f"{view.period}.attest.json")
        drawn.append(f"{lang} {view.period}")
        return b"%PDF " + lang.encode() + sha256(bundle).digest()

    monkeypatch.setattr("attest.report.pdf.month_pdf", draw)
    site = tmp_path / "site"
    assert made(own, site, pdf=True)[0] == 5
    assert drawn == [f"{lang} {period}" for period in (FIRST, BEFORE, LAST) for lang in ("ja", "en")]
    assert 'href="report.ja.pdf"' in (site / "ja" / LAST / "index.html").read_text(encoding="utf-8")
    assert (site / "ja" / LAST / "report.ja.pdf").is_file()
    drawn.clear()
    assert made(own, site, pdf=True)[1]["written"] == []
    assert drawn == []
    (site / "ja" / BEFORE / "report.ja.pdf").write_bytes(b"damaged")
    (own.publication / FIRST / "evidence-public.jsonl").unlink()
    assert made(own, site, pdf=True)[0] == 4
    assert sorted(drawn) == [f"en {FIRST}", f"ja {FIRST}", f"ja {BEFORE}"]
    drawn.clear()
    for period in (BEFORE, LAST):
        shutil.rmtree(own.publication / period)
    monkeypatch.setattr(attest.report.site.keys, "__version__", "99")
    made(own, site, pdf=True)
    assert drawn == [f"ja {FIRST}", f"en {FIRST}"]
    made(own, site)
    assert not list(site.rglob("*.pdf"))


def test_without_typst_nothing_is_begun(three: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    code, document = made(three, tmp_path / "site", pdf=True)
    assert (code, document["error"]["code"]) == (4, "report/typst")
    assert "--no-pdf" in document["error"]["hint"]
    assert not (tmp_path / "site").exists()


def test_a_character_that_no_report_can_have_is_found_before_anything_is_written(
    three: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attest.report.pdf.characters", lambda: frozenset("abc"))
    code, document = made(three, tmp_path / "site", pdf=True)
    assert (code, document["error"]["code"]) == (3, "report/character")
    assert "--no-pdf" in document["error"]["hint"]
    assert not (tmp_path / "site").exists()


def feed_titles(site: Path) -> list[str]:
    entries = ET.parse(site / "feed.xml").getroot().findall(f"{ATOM}entry")  # noqa: S314 (our own)
    return [entry.findtext(f"{ATOM}title") or "" for entry in entries]


def test_the_feed_has_the_newest_month_first_and_absolute_links_only_where_the_address_is_known(
    three: Made, site: Path, tmp_path: Path
) -> None:
    feed = ET.parse(site / "feed.xml").getroot()  # noqa: S314 (our own)
    index = json.loads((site / "index.json").read_bytes())
    assert [title[:7] for title in feed_titles(site)] == [LAST, BEFORE, FIRST]
    entries = feed.findall(f"{ATOM}entry")
    for entry, month in zip(entries, index["months"], strict=True):
        assert entry.findtext(f"{ATOM}id") == f"urn:attest-por:statement:{month['statement']}"
        assert entry.findtext(f"{ATOM}updated") == month["issuedAt"]
        links = entry.findall(f"{ATOM}link")
        assert {(link.get("hreflang"), link.get("href")) for link in links} == set(month["pages"].items())
    assert feed.findtext(f"{ATOM}updated") == index["months"][0]["issuedAt"]
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")] == ["alternate"]
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    made(three, tmp_path / "site", "--url", "https://exchange.example/reserves")
    feed = ET.parse(tmp_path / "site" / "feed.xml").getroot()  # noqa: S314 (our own)
    links = feed.findall(f".//{ATOM}link")
    assert all(str(link.get("href")).startswith("https://exchange.example/reserves/") for link in links)
    assert "self" in {link.get("rel") for link in links}
    others = {
        path: data for path, data in files(tmp_path / "site").items() if path not in {"feed.xml", ".attest-site.json"}
    }
    assert others.items() <= files(site).items()
    for url in ("http://exchange.example/", "https://", "https://x/?q", "https://x/a b", "//x/", "https://x/<b>"):
        assert made(three, tmp_path / "none", "--url", url)[0] == 2


def test_the_same_bytes_come_again_and_the_list_says_what_the_command_says(
    three: Made, site: Path, tmp_path: Path
) -> None:
    index = json.loads((site / "index.json").read_bytes())
    document = made(three, tmp_path / "site")[1]
    assert index["format"] == "attest/site/v1"
    assert index["months"] == document["months"][::-1]
    assert index["findings"] == document["findings"]
    assert files(tmp_path / "site") == files(site)
    assert [month["period"] for month in index["months"]] == [LAST, BEFORE, FIRST]
    assert {item["asset"]: item["met"] for item in index["months"][0]["coverage"]}["DUSD"] is False
    for month in index["months"]:
        assert len(month["files"]) == 5
        for file in month["files"]:
            assert sha256((site / file["path"]).read_bytes()).hexdigest() == file["sha256"]
        for page in month["pages"].values():
            assert (site / page).is_file()
    for item in (index["verifier"], *index["trustRoots"]):
        assert (site / item["path"]).is_file()
    assert sha256((site / "verify.html").read_bytes()).hexdigest() == index["verifier"]["sha256"]


def test_trust_roots_are_those_that_follow_and_of_two_that_contradict_each_other_none() -> None:
    first, second = _roots(list(months(8, 3, sound=False)))
    trust = Trust.pin(first)
    assert [item.root.version for item in site_roots(Anchors.pinned(first, [second]), [])] == [1, 2]
    assert [item.root.version for item in site_roots(Anchors.pinned(second, [first]), [])] == [2]
    unsigned = second.model_copy(update={"signatures": second.signatures[:1]})
    with pytest.raises(AttestError):
        trust.then(unsigned)
    assert [item.root.version for item in site_roots(Anchors.pinned(first, [unsigned]), [])] == [1]
    assert site_roots(Anchors.pinned(first, [unsigned, second]), [])[1].envelope == second
    times = {name: getattr(parse_root(second).document, name) for name in ("issued_at", "expires_at")}
    other = _signed_root(next_root(parse_root(first), add={}, withdraw=["z"], thresholds={}, **times))
    assert [item.root.version for item in site_roots(Anchors.pinned(first, [other]), [])] == [1, 2]
    assert [item.root.version for item in site_roots(Anchors.pinned(first, [second, other]), [])] == [1]


def test_words_have_one_set_of_keys_and_placeholders() -> None:
    def placeholders(words: Mapping[str, str]) -> dict[str, set[str]]:
        return {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in words.items()}

    assert placeholders(EN) == placeholders(JA)
    assert all(re.search(r"[ぁ-んァ-ヶ一-龥]", text) for text in JA.values())


def test_many_months_and_assets_give_each_asset_a_page_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = write_months(tmp_path / "many", count=2, assets=9)
    monkeypatch.setattr("attest.report.site.pages._ROOM", 17)
    assert made(many, tmp_path / "site")[0] == 0
    index = (tmp_path / "site" / "en" / "index.html").read_text(encoding="utf-8")
    pages = sorted((tmp_path / "site" / "en" / "assets").iterdir())
    assert len(pages) == 9
    assert 'href="../en/assets/BTC.html"' in index
    btc = (tmp_path / "site" / "en" / "assets" / "BTC.html").read_text(encoding="utf-8")
    assert btc.count("<svg") == 3
    assert btc.count("<table") == 3
    assert index.count('class="chart"') == 9 + index.count("reserve0-t") // 2


def test_keys_follow_from_all_that_is_drawn(three: Made) -> None:
    bundles = {
        f"{month}/{month}.attest.json": (three.publication / month / f"{month}.attest.json").read_bytes()
        for month in (FIRST, BEFORE)
    }
    found = read_site(
        three.publication,
        bundles,
        Anchors.pinned(root_of(three)),
        now=three.at,
        url=None,
        pdf=True,
    )
    month, other = found.months
    view = month.row.view
    assert view is not None

    def drawn(changed: SiteMonth, links: Links = ALONE, path: str = "a", **of: Any) -> list[str]:
        site = replace(found, months=(changed, other), **of)
        keys = Keys(site, verifier="00")
        assert changed.row.view is not None
        return [
            keys.of_view(path, changed.row.view, links),
            keys.of_report(path, changed, changed.row.view),
            keys.of_months(path, [changed], links),
            keys.of_site(path),
        ]

    def differ(one: list[str]) -> str:
        return "".join("x" if key != before else "-" for key, before in zip(one, drawn(month), strict=True))

    file = month.files[0]
    assert differ(drawn(month)) == "----"
    assert differ(drawn(month, path="b")) == "xxxx"
    assert differ(drawn(month, pdf=False)) == "xxxx"  # the library that draws reports is another program
    assert differ(drawn(month._replace(row=month.row._replace(view=replace(view, tool="other"))))) == "xxxx"
    assert differ(drawn(month, Links(index="b"))) == "x-x-"
    assert differ(drawn(month._replace(files=(file._replace(sha256="00"), *month.files[1:])))) == "-xxx"
    assert differ(drawn(month._replace(files=(file._replace(name="b"), *month.files[1:])))) == "-xxx"
    for wrong in (
        month._replace(said=(Said("a", "b", adverse=True),)),
        month._replace(lacking=(Said("a", "b", adverse=False),)),
    ):
        assert differ(drawn(wrong)) == "--xx"
    assert differ(drawn(month._replace(row=month.row._replace(state="failed")))) == "--xx"
    assert differ(drawn(month, entity="b")) == differ(drawn(month, origin="b")) == "--xx"
    for of in ({"findings": (Said("a", "b", adverse=True),)}, {"assets": ("b",)}, {"roots": ()}):
        assert differ(drawn(month, **of)) == "---x"


def test_what_python_compiles_makes_no_page_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attest.report.site.keys, "_REPORT", tmp_path)
    (tmp_path / "month.html").write_bytes(b"page")
    before = attest.report.site.keys.program(with_pdf=False)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "html.cpython-311.pyc.140234").write_bytes(b"half")
    assert attest.report.site.keys.program(with_pdf=False) == before
    (tmp_path / "month.html").write_bytes(b"another")
    assert attest.report.site.keys.program(with_pdf=False) != before
