"""Keys of pages and reports: two with one key are made from the same values, by the same program.

A key is a digest over everything that a page or a report is made from, so that a file that an earlier run drew by the
same key need not be drawn again.
"""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from attest import __version__
from attest.report.html import Links
from attest.report.site.published import Site, SiteMonth
from attest.report.view.month import MonthView

_REPORT: Final = Path(__file__).parents[1]
_LIBRARIES: Final = ("jinja2", "markupsafe")


class Keys:
    """The keys of what is drawn for a site; `verifier` is the SHA-256 in hex of the page in which customers verify."""

    def __init__(self, site: Site, *, verifier: str) -> None:
        self._program = program(with_pdf=site.pdf)
        self._exchange = [site.entity, site.origin]
        self._views = {view.digest: digest(repr(view)) for month in site.months if (view := month.row.view) is not None}
        roots = [[item.path, item.root.fingerprint, item.envelope.to_bytes().hex()] for item in site.roots]
        shown = [self._shown(month) for month in site.months]
        self._site = digest(self._exchange, verifier, site.pdf, site.findings, roots, site.assets, shown)

    def of_view(self, path: str, view: MonthView, links: Links) -> str:
        """The key of the page at `path` of a month that verified."""
        return digest(self._program, path, self._views[view.digest], repr(links))

    def of_report(self, path: str, month: SiteMonth, view: MonthView) -> str:
        """The key of the report at `path`, which has the bundle in it."""
        bundle = month.files[0]
        return digest(self._program, path, self._views[view.digest], bundle.name, bundle.sha256)

    def of_months(self, path: str, months: list[SiteMonth], links: Links) -> str:
        """The key of the page at `path` that says what is wrong with some months."""
        return digest(self._program, path, self._exchange, list(map(self._shown, months)), repr(links))

    def of_site(self, path: str) -> str:
        """The key of a page at `path` that shows all months."""
        return digest(self._program, path, self._site)

    def _shown(self, month: SiteMonth) -> list[Any]:
        """All that the site says of one month and hands on of it."""
        row = month.row
        view = None if row.view is None else self._views[row.view.digest]
        return [row.period, row.state, view, month.said, month.lacking, [item[:2] for item in month.files]]


def program(*, with_pdf: bool) -> str:
    """The digest of what draws: the releases of attest and of libraries, and the reports' own files."""
    names = (*_LIBRARIES, "typst") if with_pdf else _LIBRARIES
    # Python compiles into __pycache__ at any time, under names that last for a moment.
    files = sorted(path for path in _REPORT.rglob("*") if "__pycache__" not in path.parts and path.is_file())
    return digest(
        __version__,
        [version(name) for name in names],
        [[path.relative_to(_REPORT).as_posix(), sha256(path.read_bytes()).hexdigest()] for path in files],
    )


def digest(*parts: object) -> str:
    """The SHA-256 in hex of plain values of JSON, tuples being lists."""
    return sha256(json.dumps(parts).encode()).hexdigest()
