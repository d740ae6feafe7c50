"""The Atom feed of a site (RFC 4287): an entry for each month with a statement, the newest first.

Times are those of the statements. Ids are made from origin and digest alone, so that a feed reader recognises an entry
wherever the site lies. Links are absolute when the site's address is known, else relative to the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from attest.report.site.paths import FEED, page_path
from attest.report.site.published import SiteMonth, printable
from attest.report.view.held import CoverageRow
from attest.report.words import LANGUAGES
from attest.report.words.site import site_words, verdict

_LANG: Final = "xml:lang"


def feed(months: Sequence[SiteMonth], origin: str, entity: str, url: str | None) -> bytes:
    """The feed as XML, UTF-8.

    `months`: ascending; at least one of them has a statement.
    `origin`, `entity`: the exchange's origin and name.
    `url`: the address of the site's folder, with a slash at its end; None when it is not known.
    """
    told = [month for month in reversed(months) if month.files]
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", _LANG: "ja"})
    _text(root, "id", f"urn:attest-por:exchange:{origin}")
    _text(root, "title", f"{entity} ({origin})")
    _text(root, "updated", max(_updated(month) for month in told))
    author = ET.SubElement(root, "author")
    _text(author, "name", entity)
    _link(root, "alternate", "index.html", url, {"type": "text/html"})
    if url is not None:
        _link(root, "self", FEED, url, {"type": "application/atom+xml"})
    entries: dict[str, SiteMonth] = {}
    for month in told:
        entries.setdefault(_id(month), month)  # of copies of one bundle there is one entry
    for ident, month in entries.items():
        _entry(root, ident, month, url)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _id(month: SiteMonth) -> str:
    view = month.row.view
    return f"urn:attest-por:{f'bundle:{month.files[0].sha256}' if view is None else f'statement:{view.digest}'}"


def _entry(root: ET.Element, ident: str, month: SiteMonth, url: str | None) -> None:
    view = month.row.view
    entry = ET.SubElement(root, "entry")
    _text(entry, "id", ident)
    _text(entry, "title", f"{month.period}: {verdict(month.row.state, 'ja')} / {verdict(month.row.state, 'en')}")
    _text(entry, "updated", _updated(month))
    for lang in LANGUAGES:
        _link(entry, "alternate", page_path(lang, month.period), url, {"type": "text/html", "hreflang": lang})
    if view is None:
        said = "; ".join(item.sentence for item in month.said)
    else:
        rows = ((item, item.coverage.number) for item in view.coverage)
        said = ", ".join(f"{item.asset} {number.text}{_open(item)}" for item, number in rows if number is not None)
    _text(entry, "summary", said, {_LANG: "en"})


def _open(row: CoverageRow) -> str:
    """The words behind a coverage of which not all evidence was checked; empty when all was."""
    return "" if row.rest is None else f" ({site_words('en')['rest.not-checked']})"


def _updated(month: SiteMonth) -> str:
    """The time of an entry: when the statement was issued, or the end of the month where none verifies."""
    if month.row.view is not None:
        return month.row.view.issued_at.iso
    year, number = int(month.period[:4]), int(month.period[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}-01T00:00:00Z"


def _text(parent: ET.Element, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
    ET.SubElement(parent, name, attributes or {}).text = printable(text)


def _link(parent: ET.Element, rel: str, path: str, url: str | None, attributes: dict[str, str]) -> None:
    href = path if url is None else f"{url}{path}"
    ET.SubElement(parent, "link", {"rel": rel, "href": href, **attributes})
