"""The keys of pages and reports: digests over everything that a page or report is made from, the program included.

Files with equal keys have equal bytes, so that a file that an earlier run drew by an equal key need not be drawn again.
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
    """The keys of one site's pages and reports, hex.

    `verifier`: SHA-256 of the page in which customers verify, hex; pages show it.
    """

    def __init__(self, site: Site, *, verifier: str) -> None:
        self._program = program(with_pdf=site.pdf)
        self._exchange = [site.entity, site.origin]
        self._views = {view.digest: digest(repr(view)) for month in site.months if (view := month.row.view) is not None}
        roots = [[item.path, item.root.fingerprint, item.envelope.to_bytes().hex()] for item in site.roots]
        shown = [self._shown(month) for month in site.months]
        self._site = digest(self._exchange, verifier, site.pdf, site.findings, roots, site.assets, shown)

    def of_view(self, path: str, view: MonthView, links: Links) -> str:
        """The key of the page of a month that verified; `path` is the page's."""
        return digest(self._program, path, self._views[view.digest], repr(links))

    def of_report(self, path: str, month: SiteMonth, view: MonthView) -> str:
        """The key of a report as PDF, in which the bundle is; `path` is the report's."""
        bundle = month.files[0]
        return digest(self._program, path, self._views[view.digest], bundle.name, bundle.sha256)

    def of_months(self, path: str, months: list[SiteMonth], links: Links) -> str:
        """The key of the page that says what is wrong with the statements of a month; `path` is the page's."""
        return digest(self._program, path, self._exchange, list(map(self._shown, months)), repr(links))

    def of_site(self, path: str) -> str:
        """The key of a page that shows all months; `path` is the page's."""
        return digest(self._program, path, self._site)

    def _shown(self, month: SiteMonth) -> list[Any]:
        """Everything that the site shows and hands on of one month, as plain values."""
        row = month.row
        view = None if row.view is None else self._views[row.view.digest]
        return [row.period, row.state, view, month.said, month.lacking, [item[:2] for item in month.files]]


def program(*, with_pdf: bool) -> str:
    """The digest of the drawing program: the releases of attest and its libraries, and the files of this package."""
    names = (*_LIBRARIES, "typst") if with_pdf else _LIBRARIES
    # Python compiles into __pycache__ at any time, under names that last for a moment.
    files = sorted(path for path in _REPORT.rglob("*") if "__pycache__" not in path.parts and path.is_file())
    return digest(
        __version__,
        [version(name) for name in names],
        [[path.relative_to(_REPORT).as_posix(), sha256(path.read_bytes()).hexdigest()] for path in files],
    )


def digest(*parts: object) -> str:
    """SHA-256, hex, of values that JSON has; tuples count as lists."""
    return sha256(json.dumps(parts).encode()).hexdigest()
