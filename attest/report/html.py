"""Pages of HTML, each one file: no script and no request to anywhere. One month always gives identical bytes."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attest.report.charts.svg import look
from attest.report.pieces import Pieces
from attest.report.verdict import verdict_of
from attest.report.view.month import MonthView
from attest.report.words import LANGUAGES, Language

_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses to which a page of a site leads, relative to the page; None and empty for a page that stands alone.

    `other`: the page in the other language.
    `index`: the list of all months.
    `verify`: the page in which customers verify.
    `pdf`: the month's report as PDF.
    `feed`: the Atom feed.
    `files`: the downloads of a month, each with name and address.
    """

    other: str | None = None
    index: str | None = None
    verify: str | None = None
    pdf: str | None = None
    feed: str | None = None
    files: tuple[tuple[str, str], ...] = ()


ALONE: Final = Links()


def month_page(view: MonthView, lang: Language, *, links: Links = ALONE) -> bytes:
    """The page of a month, UTF-8. It is the auditor's edition when `view.auditor` is there."""
    return page("month.html.jinja", lang, links, view=view, verdict=verdict_of(view), look=look)


def page(template: str, lang: Language, links: Links, **values: object) -> bytes:
    """A page made from a template, UTF-8; its style stands in it and its Content-Security-Policy admits nothing else.

    `template`: the name of a file in `templates`.
    `values`: what the template names, beside `p` (the `Pieces` of the language), `w` (its words), `lang`, `other` (the
    other language) and `links`.
    """
    pieces = Pieces(lang)
    style, policy = _style()
    (other,) = (one for one in LANGUAGES if one != lang)
    text = (
        _environment()
        .get_template(template)
        .render(p=pieces, w=pieces.w, lang=lang, other=other, links=links, style=style, policy=policy, **values)
    )
    return re.sub(r"\n\s*\n+", "\n", text).encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet without comments and needless space, and the Content-Security-Policy that admits only it."""
    text = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", text)).replace(";}", "}").replace(": ", ":").strip()
    digest = b64encode(sha256(text.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Markup(text), policy  # noqa: S704 (our own file)
