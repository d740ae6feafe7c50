"""`attest site`: the pages of all months, for the public, the press and the regulator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    required_root,
    trust_root_option,
    with_options,
)
from attest.cli.result import Result, json_option
from attest.cli.verification.history import VERDICTS, bundles_in
from attest.errors import EXIT_ADVERSE, EXIT_CODES, UnavailableError, VerificationError

if TYPE_CHECKING:
    from attest.report.site.folder import Filled
    from attest.report.site.published import Site

_URL: Final = re.compile(r"https://[a-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~-]+)*/?")
_CODES: Final = {
    "failed": EXIT_CODES[VerificationError],
    "unchecked": EXIT_CODES[UnavailableError],
    "adverse": EXIT_ADVERSE,
    "verified": 0,
}


@click.command()
@click.argument("publication", type=click.Path(path_type=Path, file_okay=False))
@with_options(trust_root_option)
@click.option(
    "-o", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the site: new, empty, or one that attest site made.",
)  # fmt: skip
@click.option(
    "--url", metavar="URL",
    help="Where the site will lie, like https://exchange.example/reserves/; the feed's links are absolute then.",
)  # fmt: skip
@click.option("--no-pdf", is_flag=True, help="Leave out the reports as PDF, which need the extra [report].")
@with_options(*later_options)
@json_option
@gathered("anchors", AnchorOptions)
def site(
    publication: Path,
    *,
    out: Path,
    url: str | None,
    no_pdf: bool,
    anchors: AnchorOptions,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Verify every month in PUBLICATION and make a site of all of them, in Japanese and English.

    It is plain files for any web server, and opens from a disk too. A month that does not verify, and one that is
    missing, has a red row that says what is wrong. Run it again after each month: what is the same stays as it is.
    """
    from attest.report.site.files import site_files
    from attest.report.site.folder import fill_site, require_site

    required_root(anchors.trust_root)
    if url is not None and _URL.fullmatch(url) is None:
        raise click.UsageError(f"--url {url} is not like https://exchange.example/reserves/")
    if not no_pdf:
        _require_pdf()
    require_site(out, publication)
    made = _site(anchors, publication, url=None if url is None else f"{url.rstrip('/')}/", pdf=not no_pdf)
    filled = fill_site(out, site_files(made))
    document = {"command": "site", "status": made.status, "site": str(out), **_document(made, filled)}
    if anchors.at is not None:
        document["at"] = anchors.at
    return Result(document, _text(made, filled, out) + anchors.as_of(), _CODES[made.status])


def _require_pdf() -> None:
    """Raise `UnavailableError` where reports cannot be drawn as PDF, before a site is begun."""
    from attest.report.pdf import INSTALL, can_draw

    if not can_draw():
        raise UnavailableError(
            "report/typst",
            "reports as PDF are set by typst, which is not installed here; nothing was written",
            hint=f"{INSTALL}, or leave the reports out with --no-pdf",
        )


def _site(anchors: AnchorOptions, publication: Path, *, url: str | None, pdf: bool) -> Site:
    """Verify all months. Raises `AttestError` where there is none, or where a file is no bundle."""
    from attest.report.site.files import read_site

    bundles = bundles_in(publication)
    if not bundles:
        raise UnavailableError(
            "site/empty", f"there is no bundle in {publication}", hint="name the folder that attest run publishes into"
        )
    return read_site(publication, bundles, anchors.anchors(), now=anchors.now(), url=url, pdf=pdf)


def _document(made: Site, filled: Filled) -> dict[str, Any]:
    from attest.report.site.index import finding_document, month_document

    return {
        "written": list(filled.written),
        "unchanged": list(filled.unchanged),
        "removed": list(filled.removed),
        "kept": list(filled.kept),
        "months": [month_document(month, pdf=made.pdf) for month in made.months],
        "findings": [finding_document(item) for item in made.findings],
    }


def _text(made: Site, filled: Filled, out: Path) -> str:
    """The verdict in a line, then every month that is not as it should be, and where to look."""
    from attest.report.site.published import UNAVAILABLE

    counted = "1 month" if len(made.months) == 1 else f"{len(made.months)} months"
    below = " (see below)" if made.status == "adverse" else ""
    lines = [f"{VERDICTS[made.status]}{below}: {counted} of {made.entity} ({made.origin})", ""]
    told = [(item, "NOT MET" if item.adverse else "FAILED") for item in made.findings if item.code != UNAVAILABLE]
    lacking = [item for month in made.months for item in month.lacking]
    told += [(item, "NOT CHECKED") for item in (*(one for one in made.findings if one.code == UNAVAILABLE), *lacking)]
    lines += [f"{word:<11}  {item.sentence}" for item, word in told]
    lines += [""] if told else []
    lines += [
        f"site       {out / 'index.html'}",
        f"files      {len(filled.written)} written, {len(filled.unchanged)} unchanged, {len(filled.removed)} removed",
        *(f"kept       {out / path}: no more of the site, but somebody changed it" for path in filled.kept),
    ]
    return "\n".join(lines)
