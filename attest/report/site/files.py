"""The files of a site: their paths, their order, and what each is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from attest.errors import MalformedError
from attest.report.history.series import read_series
from attest.report.site.feed import feed
from attest.report.site.folder import Content, Data, Drawn
from attest.report.site.index import index_bytes, index_document
from attest.report.site.keys import Keys
from attest.report.site.pages import Pages
from attest.report.site.paths import FEED, INDEX, SUMS, VERIFIER, pdf_path
from attest.report.site.published import Site, beside, said, site_months, sums
from attest.report.site.roots import site_roots
from attest.report.view.month import MonthView
from attest.report.words import LANGUAGES
from attest.verification.anchors import Anchors
from attest.verification.findings import unread
from attest.web.page import build_page


def read_site(
    publication: Path,
    bundles: Mapping[str, bytes],
    anchors: Anchors,
    *,
    now: datetime,
    url: str | None,
    pdf: bool,
) -> Site:
    """The verified content of a publication folder, from which its site is made.

    `publication`: the folder.
    `bundles`: the bytes of its bundles, by their names in it.
    `anchors`: whose signatures count, with a pinned trust root, which is published too.
    `now`: the time of verification.
    `url`: where the site will lie, with a slash at its end; None when that is not known.
    `pdf`: whether the site has reports as PDF.
    Raises `UnavailableError` when a file beside a bundle cannot be read, `ValueError` without a pinned root. A month
    that does not verify is no error: the site says so.
    """
    roots = site_roots(anchors, bundles.values())
    _, series = read_series(bundles, anchors, now=now, files=partial(beside, publication))
    views = [row.view for row in series.rows if row.view is not None]
    origin = roots[0].root.document.origin
    return Site(
        months=site_months(series, bundles, publication),
        findings=said(series.findings, unread(series.findings)),
        roots=roots,
        assets=series.assets,
        entity=views[-1].entity if views else origin,
        origin=origin,
        url=url,
        pdf=pdf,
    )


def site_files(site: Site) -> dict[str, Content]:
    """The files of a site by path, in the order in which they must be written: a file comes after those it links to."""
    verifier = build_page(site.roots[0].envelope)
    digest = sha256(verifier).hexdigest()
    keys = Keys(site, verifier=digest)
    files: dict[str, Content] = {item.path: Data(item.envelope.to_bytes()) for item in site.roots}
    files[VERIFIER] = Data(verifier)
    files.update(_downloads(site))
    if site.pdf:
        files.update(_reports(site, keys))
    files.update(Pages(site, keys, verifier=digest).all())
    if any(month.files for month in site.months):
        files[FEED] = Data(feed(site.months, site.origin, site.entity, site.url))
    files[INDEX] = Data(index_bytes(index_document(site, verifier=digest)))
    return files


def _downloads(site: Site) -> Iterator[tuple[str, Content]]:
    digests: dict[str, dict[str, str]] = {}
    for month in site.months:
        for item in month.files:
            yield f"{month.period}/{item.name}", item.content
            digests.setdefault(month.period, {})[item.name] = item.sha256
    for period, files in digests.items():
        yield f"{period}/{SUMS}", Data(sums(files))


def _reports(site: Site, keys: Keys) -> Iterator[tuple[str, Drawn]]:
    """The reports as PDF, by path: two languages for each month whose figures are shown."""
    from attest.report.pdf import month_pdf

    for month in site.months:
        if (view := month.row.view) is None:
            continue
        _require_drawable(view)
        for lang in LANGUAGES:
            path, named = pdf_path(lang, month.period), month.files[0].name
            draw = partial(month_pdf, view, lang, bundle=month.bundle, bundle_name=named)
            yield path, Drawn(keys.of_report(path, month, view), draw)


def _require_drawable(view: MonthView) -> None:
    """Raise `MalformedError` when the fonts of the reports lack a character of a month, before anything is written."""
    from attest.report.pdf import require_drawable

    try:
        require_drawable(view)
    except MalformedError as error:
        raise MalformedError(
            error.code,
            f"{view.period}: {error.message}; nothing was written",
            hint="leave the reports out with --no-pdf: the pages have the fonts of their readers",
        ) from None
