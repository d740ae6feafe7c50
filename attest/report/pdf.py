"""A month as a PDF: tagged (PDF/A-3a), with the signed bundle attached. One month always gives identical bytes.

Typst sets it from the templates of this package, which read the view as JSON. The fonts come with the package, so that
nothing of the machine is read; a character that they lack is an error, because typst would silently leave it out.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attest.errors import MalformedError, UnavailableError
from attest.report.verdict import verdict_of
from attest.report.view.month import MonthView
from attest.report.words import Language, words

if TYPE_CHECKING:
    import typst

INSTALL: Final = "pip install 'attest-por[report]'"
_HERE: Final = Path(__file__).parent
_FONTS: Final = _HERE / "fonts"
_TEMPLATES: Final = _HERE / "templates"
_MAX_SHOWN: Final = 80  # characters that an error shows of a text that cannot be drawn
_STANDARDS: Final = ("a-3a",)  # tagged, and may have files attached


def month_pdf(view: MonthView, lang: Language, *, bundle: bytes, bundle_name: str) -> bytes:
    """The PDF of a month. It is the auditor's edition when `view.auditor` is there.

    `bundle`: the bytes of the signed bundle, attached to the PDF.
    `bundle_name`: the name of that attachment.
    Raises `MalformedError` naming a character that the fonts lack, `UnavailableError` when typst is not installed.
    """
    require_typst()
    require_drawable(view)
    said = words(lang)
    require_characters(dict(said), "words")
    return _compiled(view, lang, said, bundle, bundle_name)


def can_draw() -> bool:
    """Whether typst, which sets PDFs, is installed."""
    return importlib.util.find_spec("typst") is not None


def require_typst() -> None:
    """Raise `UnavailableError` when typst, which sets PDFs, is not installed."""
    if not can_draw():
        raise UnavailableError("report/typst", "a PDF is set by typst, which is not installed here", hint=INSTALL)


def require_drawable(view: MonthView) -> None:
    """Raise `MalformedError` when the fonts lack a character of a month, before any PDF is set."""
    require_characters(_plain(view), "view")


def require_characters(value: Any, where: str) -> None:
    """Raise `MalformedError` when the fonts lack a character of a text, naming the character and the field.

    `value`: dicts and lists of texts, as JSON has them; other values in it are passed over.
    `where`: the name of `value` in the error.
    """
    has = characters()
    for field, text in _texts(value, where):
        for letter in text:
            if letter not in has:
                shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
                raise MalformedError(
                    "report/character",
                    f"the fonts of the PDF have no character U+{ord(letter):04X}, which is in {field}: {shown!r}",
                    hint="make the report as HTML, which is shown with the fonts of its reader",
                )


@cache
def characters() -> frozenset[str]:
    """The characters of the fonts, read from the list that lies beside them."""
    listed = (_FONTS / "characters.txt").read_text(encoding="utf-8")
    return frozenset(listed.replace("\n", ""))


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Each text in a value, after the names that lead to it."""
    match value:
        case str():
            yield where, value
        case dict():
            for name, inside in value.items():
                yield from _texts(inside, f"{where}.{name}")
        case list():
            for index, inside in enumerate(value):
                yield from _texts(inside, f"{where}[{index}]")


def _plain(value: Any) -> Any:
    """A value of the view as JSON: dataclasses and named tuples become objects, other tuples lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {name: _plain(inside) for name, inside in value.items()}
    if isinstance(value, tuple):
        return [_plain(inside) for inside in value]
    return value


def _compiled(view: MonthView, lang: Language, said: Mapping[str, str], bundle: bytes, bundle_name: str) -> bytes:
    import typst

    issued = datetime.fromisoformat(view.issued_at.iso).astimezone(UTC)
    title = said["page.title"].format(entity=view.entity, period=view.period, verdict=said[f"verdict.{view.verdict}"])
    verdict = verdict_of(view)
    data = {
        "lang": lang,
        "title": title,
        "date": {name: getattr(issued, name) for name in ("year", "month", "day", "hour", "minute", "second")},
        "bundle": bundle_name,
        "words": dict(said),
        "verdict": _plain(verdict),
        "is_qualified": verdict.is_qualified,
        "view": _plain(view),
    }
    compiled: Any = typst.compile  # its types lack sources that are in memory
    made: bytes = compiled(
        {**_sources(), "data.json": json.dumps(data).encode(), "bundle": bundle},
        format="pdf",
        font_paths=_fonts(),
        ignore_system_fonts=True,
        pdf_standards=list(_STANDARDS),
        timestamp=issued,
    )
    return made


@cache
def _fonts() -> typst.Fonts:
    """The fonts of the package and no others, read once for each process."""
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_FONTS)])


@cache
def _sources() -> Mapping[str, bytes]:
    """The typst templates by name; typst begins at `main.typ`."""
    parts = sorted((_TEMPLATES / "report").glob("*.typ"))
    return {"main.typ": (_TEMPLATES / "report.typ").read_bytes()} | {
        f"report/{path.name}": path.read_bytes() for path in parts
    }
