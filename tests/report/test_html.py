"""A month's page says what its view says, whatever stands in it, and is one file that needs nothing else."""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode
from collections import Counter
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

import pytest
from jinja2 import UndefinedError
from markupsafe import escape

from attest.policy.results import Verdict
from attest.report import html
from attest.report.html import ALONE, Links, month_page
from attest.report.month import month_view
from attest.report.numbers import Number, Share, amount, count, height, share
from attest.report.pieces import Pieces
from attest.report.view.held import CoverageRow, Rest
from attest.report.view.month import HeldRow, LowestRow, MonthView
from attest.report.view.rules import PolicyView
from attest.report.words import LANGUAGES, Language, words
from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors, Sources
from attest.verification.verify import verify
from tests.report.months import Made
from tests.report.reading import Element, read_page

MARKUP: Final = '<script>alert("x")</script><img src=x onerror=alert(1)>'
PUBLIC: Final = (
    "verdict coverage storage control reserves policies lowest pins negatives scope declarations held checks signers "
    "reports unchecked limits how"
).split()
FOR_AUDITORS: Final = ["steps", "ties", "wallets", "records"]
TAGS: Final = frozenset(
    "html head meta title link style body a header h1 h2 h3 h4 nav main section article footer p ul ol li dl div dt "
    "dd table caption thead tbody tr th td span strong code pre bdi data time wbr details summary svg desc "
    "rect path".split()
)


@pytest.fixture(scope="module")
def view(hostile: Made) -> MonthView:
    """A month with markup in every text, as the auditor's edition has it."""
    (path,) = hostile.publication.glob("*/*.attest.json")

    def files(name: str) -> bytes | None:
        beside = path.parent / name
        return beside.read_bytes() if beside.exists() else None

    anchors = Anchors.pinned(parse_root_file(hostile.trust_root.read_bytes()))
    data = path.read_bytes()
    found = month_view(verify(data, anchors, now=hostile.at, sources=Sources(files)), data, auditor=True)
    return dataclasses.replace(
        found,
        lowest=(
            LowestRow(found.pins[0].chain, "BTC", amount(5, 8), None, ()),
            LowestRow(found.pins[0].chain, "BTC", amount(5, 8), height(7), ("proven", "agreed")),
        ),
        held=(HeldRow("BTC", f"custodian {MARKUP}", "customer", None, amount(5, 8), available=False),),
        strangers=(f"stranger {MARKUP}",),
        pins=(found.pins[0]._replace(reason=f"reason of a pin {MARKUP}"), *found.pins[1:]),
    )


def public(view: MonthView, **changes: Any) -> MonthView:
    return dataclasses.replace(view, auditor=None, **changes)


def drawn(view: MonthView, lang: Language = "en", links: Links = ALONE) -> Element:
    return read_page(month_page(view, lang, links=links))


def section(root: Element, name: str) -> Element:
    (found,) = (one for one in root.all("section") if one.attributes.get("id") == name)
    return found


@pytest.fixture(scope="module", params=LANGUAGES)
def root(request: pytest.FixtureRequest, view: MonthView) -> Element:
    """The auditor's edition in each language."""
    return drawn(view, request.param)


def test_markup_in_a_text_is_text(root: Element, view: MonthView) -> None:
    assert {one.tag for one in root.all()} - {""} <= TAGS
    assert not [name for one in root.all() for name in one.attributes if name.startswith("on")]
    assert view.entity in next(root.all("title")).text
    assert view.entity == next(root.all("h1")).text.removesuffix(f" {view.period}")
    said = root.text
    texts = [view.excluded[0][0], view.excluded[0][1], view.included[0], view.policies[-1].title]
    texts += [view.held[0].custodian, view.strangers[0], view.pins[0].reason or ""]
    assert all(MARKUP in text and " ".join(text.split()) in said for text in texts)
    assert "{{ 7 * 7 }}" in said
    assert "49" not in next(root.all("h1")).text


def test_a_page_loads_nothing_and_its_style_is_the_one_that_it_admits(root: Element) -> None:
    (style,) = root.all("style")
    text = "".join(map(str, style.children))
    digest = b64encode(sha256(text.encode()).digest()).decode()
    metas = list(root.all("meta"))
    assert metas[1].attributes == {
        "http-equiv": "Content-Security-Policy",
        "content": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'",
    }
    assert len(text) <= 5 * 1024
    assert not re.search(r"url\(|@import", text)
    assert [one.attributes["href"] for one in root.all() if "href" in one.attributes] == ["data:,", "#main"]


def test_the_verdict_comes_first(root: Element) -> None:
    (main,) = root.all("main")
    first = next(main.all("section", "dl", "table"))
    assert (first.tag, first.attributes.get("id")) == ("section", "verdict")


def test_a_page_can_be_read_by_its_structure(root: Element) -> None:
    assert len(list(root.all("main"))) == len(list(root.all("h1"))) == 1
    levels = [int(one.tag[1]) for one in root.all("h1", "h2", "h3", "h4")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = Counter(one.attributes["id"] for one in root.all() if "id" in one.attributes)
    assert set(ids.values()) == {1}
    for one in root.all():
        assert {*one.attributes.get("aria-labelledby", "").split()} <= ids.keys()
    for table in root.all("table"):
        assert len(list(table.all("caption"))) == 1
        assert all(head.attributes["scope"] in {"row", "col", "rowgroup"} for head in table.all("th"))
        assert all(cell.attributes["data-label"] for cell in table.all("td"))
    for svg in root.all("svg"):
        assert svg.attributes["role"] == "img"


def test_each_edition_has_its_sections_in_their_order(root: Element, view: MonthView) -> None:
    found = [one.attributes["id"] for one in root.all("section")]
    assert found == [*PUBLIC[:-1], *FOR_AUDITORS, PUBLIC[-1]]
    assert [one.attributes["id"] for one in drawn(public(view)).all("section")] == PUBLIC


def test_the_public_edition_leaves_out_what_only_auditors_see(view: MonthView) -> None:
    assert view.auditor is not None
    assert view.auditor.wallets[0].wallet in drawn(view).text
    assert view.auditor.evidence_root not in drawn(public(view)).text
    assert words("en")["page.auditor"] not in drawn(public(view)).text


def test_a_page_is_in_one_language_but_for_marked_english(view: MonthView) -> None:
    ja, en = drawn(view, "ja"), drawn(view, "en")
    assert next(ja.all("html")).attributes["lang"] == "ja"
    assert next(en.all("html")).attributes["lang"] == "en"
    marked = [one for one in ja.all("span") if one.attributes.get("lang") == "en"]
    details = {" ".join(step.detail.split()) for step in view.steps}
    assert details <= {one.text for one in marked}
    assert not [one for one in en.all("span") if "lang" in one.attributes]
    japanese = re.compile("[\u3040-\u30ff]")
    own = public(view, excluded=(), included=())
    assert not japanese.search(drawn(own, "en").text)


def test_times_are_in_both_zones_for_japanese_readers(view: MonthView) -> None:
    ja, en = (next(drawn(view, lang).all("time")) for lang in ("ja", "en"))
    assert ja.attributes == en.attributes == {"datetime": view.snapshot_at.iso}
    assert en.text == view.snapshot_at.utc
    assert ja.text == f"{view.snapshot_at.jst}\uff08{view.snapshot_at.utc}\uff09"


def test_the_same_month_has_the_same_bytes(view: MonthView) -> None:
    assert month_page(view, "ja") == month_page(view, "ja")


def test_a_page_names_no_day_of_its_making(view: MonthView) -> None:
    (footer,) = drawn(view).all("footer")
    assert not re.search(r"20[0-9]{2}", footer.text)


def test_a_page_alone_leads_nowhere_and_one_of_a_site_does(view: MonthView) -> None:
    links = Links(
        other="../../ja/x.html",
        index="../index.html",
        verify="../verify.html",
        pdf="report.en.pdf",
        feed="../feed.xml",
        files=(("a.json", "files/a.json"),),
    )
    root = drawn(public(view), "en", links)
    (nav,) = root.all("nav")
    assert [one.attributes["href"] for one in nav.all("a")] == ["../index.html", "../verify.html", "../../ja/x.html"]
    switch = list(nav.all("a"))[-1]
    assert (switch.attributes["hreflang"], switch.attributes["lang"], switch.text) == ("ja", "ja", "日本語")
    rel = {one.attributes["href"]: one.attributes for one in root.all("link")}
    assert rel["../../ja/x.html"]["hreflang"] == "ja"
    assert rel["../feed.xml"]["type"] == "application/atom+xml"
    how = [(one.attributes["href"], one.text) for one in section(root, "how").all("a")]
    assert how == [("report.en.pdf", words("en")["page.pdf"]), ("files/a.json", "a.json")]
    assert not list(drawn(public(view)).all("nav"))


def test_the_verdict_says_how_much_was_not_checked_and_until_when_it_holds(view: MonthView) -> None:
    found = section(drawn(public(view)), "verdict")
    assert f"{len(view.unchecked_steps)} of 16 steps were not checked" in found.text
    assert f"until {view.expires_at.utc}" in found.text
    assert "rests on the trust root" in found.text
    alone = section(drawn(public(view, roots=(), unchecked_steps=(), strangers=())), "verdict").text
    assert "rests on one key" in alone
    assert "All 16 steps were checked" in alone


QUALIFIED: Final = ("checks", "reports", "coverage", "undecided", "unseen", "missing_policies", "other_networks")


def plain(view: MonthView, **changes: Any) -> MonthView:
    """The month with nothing beside its verdict."""
    checks = tuple(row._replace(verdict="VERIFIED") for row in view.checks)
    coverage = tuple(row._replace(rest=None) for row in view.coverage)
    sound: dict[str, Any] = {"checks": checks, "reports": (), "coverage": coverage, "other_networks": ()}
    return public(view, **(sound | {"policies": ruled(view, "MET"), "missing_policies": ()} | changes))


def ruled(view: MonthView, verdict: Verdict, rest: Rest | None = None) -> tuple[PolicyView, ...]:
    """The first policy with one rule of this verdict."""
    policy = view.policies[0]
    return (policy._replace(rules=(policy.rules[0]._replace(verdict=verdict, rest=rest),)),)


@pytest.mark.parametrize("name", QUALIFIED)
def test_a_month_that_is_met_is_green_only_with_nothing_beside_it(view: MonthView, name: str) -> None:
    rest, id_ = Rest((), 1, ()), view.policies[0].rules[0].id
    beside: dict[str, Any] = {
        "checks": (view.checks[0]._replace(verdict="NOT MET"),),
        "reports": view.reports,
        "coverage": (view.coverage[0]._replace(rest=rest),),
        "undecided": ruled(view, "INSUFFICIENT_DATA"),
        "unseen": ruled(view, "MET", rest),
        "missing_policies": ("own-rule",),
        "other_networks": ("eip155:31337",),
    }
    assert section(drawn(plain(view)), "verdict").attributes["class"] == "verdict good"
    field = "policies" if name in {"undecided", "unseen"} else name
    found = section(drawn(plain(view, **{field: beside[name]})), "verdict")
    assert found.attributes["class"] == "verdict warn"
    assert ("eip155:31337" in found.text) == (name == "other_networks")
    assert (id_ in found.text) == (field == "policies")
    assert ("lack figures" in found.text) == (name == "undecided")
    assert ("own-rule" in found.text) == (name == "missing_policies")


def short(view: MonthView) -> MonthView:
    """The month with one asset below what is owed, and a rule and a check that are not met."""
    first = view.coverage[0]._replace(met=False, coverage=share(9789, 10_000))
    rule = view.policies[0].rules[0]._replace(verdict="NOT_MET")
    policy = view.policies[0]._replace(rules=(rule,))
    check = view.checks[0]._replace(verdict="NOT MET")
    return public(view, verdict="NOT MET", coverage=(first, *view.coverage[1:]), policies=(policy,), checks=(check,))


def test_what_is_not_met_stands_in_the_first_lines(view: MonthView) -> None:
    month = short(view)
    found = section(drawn(month), "verdict")
    assert found.attributes["class"] == "verdict bad"
    assert f"less than what is owed: {view.coverage[0].asset}" in found.text
    assert month.policies[0].rules[0].id in found.text
    assert words("en")["standing.in_force"] in found.text
    assert words("en")[f"check.{month.checks[0].what}"] in found.text
    assert next(found.all("h2")).text.startswith("NOT MET")


def test_a_step_that_is_not_met_is_named_beside_coverage_that_is(view: MonthView) -> None:
    steps = tuple(step._replace(status="NOT MET") if step.number == 8 else step for step in view.steps)
    found = section(drawn(public(view, verdict="NOT MET", steps=steps)), "verdict").text
    assert words("en")["verdict.unmet"] in found
    assert f"{words('en')['verdict.covered']}." in found
    assert f"Step 8: {words('en')['step.8']}" in found


def test_exceptions_of_auditors_are_told_and_shown_in_both_editions(view: MonthView) -> None:
    (report,) = view.reports[:1] or pytest.fail("the month has no report")
    findings = tuple(one._replace(exception=number == 0) for number, one in enumerate(report.findings))
    month = dataclasses.replace(view, reports=(report._replace(findings=findings, exceptions=count(1)),))
    assert "reports exceptions" in section(drawn(month), "verdict").text
    for edition, shown in ((month, len(findings)), (public(month), 1)):
        (table,) = section(drawn(edition), "reports").all("table")
        assert len(list(table.all("tr"))) == 1 + shown


def coverage_row(view: MonthView, **changes: Any) -> Element:
    row: CoverageRow = view.coverage[0]._replace(**changes)
    table = next(section(drawn(public(view, coverage=(row,))), "coverage").all("tbody"))
    return next(table.all("tr"))


def test_a_row_of_coverage_says_what_it_rests_on(view: MonthView) -> None:
    rest = Rest((("BTC", "unavailable", amount(5, 8)), ("BTC", "dump", amount(7, 8))), 3, ("BTC",))
    said = coverage_row(view, met=True, rest=rest, counted=amount(11, 8), denied=amount(13, 8)).text
    assert "MET (not checked)" in said
    for part in (
        "0.00000005 BTC: records not",
        "0.00000007 BTC: only a dump",
        "here: 3",
        "lowest count around the pins",
    ):
        assert part in said
    assert "counted at its lowest: 0.00000011" in said
    assert "0.00000013 BTC of it cannot be moved" in said
    assert "not checked" not in coverage_row(view, rest=None, levels=()).text
    assert "nothing held" in coverage_row(view, levels=()).text


def test_an_asset_of_which_nothing_is_owed_has_no_bar(view: MonthView) -> None:
    row = coverage_row(view, coverage=Share(None, 0))
    assert "nothing owed" in row.text
    assert not list(row.all("svg"))


def test_a_figure_has_its_exact_value_and_may_break_after_the_point_where_it_is_long() -> None:
    p = Pieces("en")
    assert p.number(amount(150_000_000, 8)) == '<data value="150000000">1.50000000</data>'
    assert p.number(amount(15 * 10**17, 18), "ETH") == (
        '<data value="1500000000000000000">1.<wbr>500000000000000000</data> ETH'
    )
    assert p.number(Number("1/20 (5.00 %)", "1/20")) == '<data value="1/20">1/20 (5.00 %)</data>'
    assert p.percent(share(2, 3)) == '<data class="p" value="2/3">66.66 %</data>'


def test_parts_of_a_reserve_are_drawn_by_what_is_required(view: MonthView) -> None:
    row = view.reserves[0]
    whole = Fraction(row.required.exact)
    drawn_parts = [Pieces.of_required(part, row).hundredths for part in row.parts]
    assert drawn_parts == [int(Fraction(part.number.exact) * 10_000 / whole) for part in row.parts]
    assert drawn_parts != [part.share.hundredths for part in row.parts]
    assert sum(drawn_parts) <= row.covered.hundredths


def test_the_commands_name_the_real_files(view: MonthView) -> None:
    found = [one.text for one in section(drawn(public(view)), "how").all("pre")]
    root = f"{view.roots[0].version}.root.json"
    assert found == [
        f"attest verify {view.period}.attest.json --trust-root {root}",
        f"attest verify {view.period}.attest.json --trust-root {root} --proof {view.period}.proof.json",
    ]
    how = section(drawn(public(view)), "how").text
    for item in (view.bundle_sha256, *(file.sha256 for file in view.files), view.roots[0].fingerprint):
        assert item in how
    assert " ".join(view.roots[0].words) in how


def test_a_policy_without_its_file_is_named(view: MonthView) -> None:
    month = public(view, policies=(), missing_policies=("some-policy",))
    assert "some-policy" in section(drawn(month), "policies").text


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        html._environment().from_string("{{ words.missing }}{{ missing }}").render(words={})


def test_what_fills_a_sentence_is_text_unless_it_is_ours() -> None:
    p = Pieces("en")
    said = str(escape(p.w["page.made"]))
    assert str(p.fill("page.made", tool="<b>")) == said.replace("{tool}", "&lt;b&gt;")
    assert str(p.fill("page.made", tool=p.code("<b>"))) == said.replace("{tool}", "<code>&lt;b&gt;</code>")


DASH: Final = "\N{EN DASH}"


def test_a_cell_shows_what_others_wrote_as_text_and_says_where_it_has_nothing() -> None:
    pieces = Pieces("en")
    assert pieces.cell("owed", "<b>&") == '<td data-label="Owed to customers">&lt;b&gt;&amp;</td>'
    assert (
        pieces.cell("owed", pieces.code("<b>"), "n")
        == '<td data-label="Owed to customers" class="n"><code>&lt;b&gt;</code></td>'
    )
    assert pieces.cell("owed", DASH, "n") == f'<td data-label="Owed to customers" class="n none">{DASH}</td>'
    assert pieces.cell("owed", f" {DASH} ") == f'<td data-label="Owed to customers" class="none">{DASH}</td>'


def test_a_side_of_a_comparison_stands_in_its_unit() -> None:
    pieces = Pieces("en")
    number = Number("1.5", "3/2")
    assert pieces.side(number, "<b>") == '<data value="3/2">1.5</data> &lt;b&gt;'
    assert pieces.side(number, "ratio") == '<data value="3/2">1.5</data>'
    assert pieces.side(number, "times") == pieces.fill("unit.times", number=pieces.number(number))
    assert pieces.side(None, "BTC") == pieces.w["rule.unknown"]
