"""`attest report`: a verified month as a page or as a PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    required_root,
    trust_root_option,
    with_options,
)
from attest.cli.options.kinds import BUNDLE, TRUST_ROOT, explained
from attest.cli.options.known import KnownOptions, known_options
from attest.cli.result import Result, json_option
from attest.errors import EXIT_ADVERSE, AttestError

if TYPE_CHECKING:
    from attest.report.view.month import MonthView
    from attest.report.words import Language
    from attest.verification.verified import Verified


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@with_options(trust_root_option)
@click.option(
    "-o", "--out", required=True, metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, which ends in .html or .pdf.",
)  # fmt: skip
@click.option("--lang", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="The language.")
@click.option(
    "--edition", type=click.Choice(["public", "auditor"]), default="public", show_default=True,
    help="For everybody, or with tie-out, findings, wallets, control and an index of the evidence.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@with_options(*later_options, *known_options)
@json_option
@gathered("anchors", AnchorOptions)
@gathered("known", KnownOptions)
def report(
    bundle: Path,
    *,
    anchors: AnchorOptions,
    out: Path,
    lang: Language,
    edition: str,
    force: bool,
    known: KnownOptions,
    as_json: bool,
) -> Result:
    """Verify BUNDLE and draw it as a page or a PDF, for people who open no terminal.

    A month that does not verify has no report. It is drawn from what was signed and the files beside it, without a
    clock: the same month gives the same bytes. The public edition looks at nothing that is for auditors, also where it
    lies beside BUNDLE.
    """
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.files import AUDITOR_EVIDENCE
    from attest.cli.render.verified import verified_document
    from attest.files import PUBLIC_MODE, SECRET_MODE, read_bounded
    from attest.report.month import month_view
    from attest.report.pdf import require_typst
    from attest.verification.anchors import Sources, files_beside
    from attest.verification.verify import verify
    from attest.writing import write_once

    root = required_root(anchors.trust_root)
    if out.suffix not in {".html", ".pdf"}:
        raise click.UsageError(f"{out} ends in neither .html nor .pdf: a report is a page or a PDF")
    if out.suffix == ".pdf":
        require_typst()
    data = read_bounded(bundle, MAX_BUNDLE_BYTES)
    # Everybody must come to what a public report says by what everybody has; an auditor's names every wallet.
    unread, mode = ((), SECRET_MODE) if edition == "auditor" else ((AUDITOR_EVIDENCE,), PUBLIC_MODE)
    try:
        alone_known = known.known()
        sources = Sources(files_beside(bundle, unread), known.ask(), known.rebuild(as_json=as_json))
        verified = verify(data, anchors.anchors(), now=anchors.now(), sources=sources, known=alone_known)
    except AttestError as error:
        raise explained(error, (bundle, BUNDLE), (root, TRUST_ROOT)) from None
    view = month_view(verified, data, auditor=edition == "auditor")
    added = write_once(out, _drawn(view, lang, data, as_pdf=out.suffix == ".pdf"), mode=mode, force=force)
    said = f"report     {out}" if added else f"the report is there already: nothing was written  {out}"
    not_met = view.verdict == "NOT MET"
    document = {
        "command": "report",
        "status": "adverse" if not_met else "verified",
        "report": str(out),
        "added": int(added),
        "bundle": view.bundle_sha256,
        **verified_document(verified),
    }
    if view.auditor is not None:
        document["records"] = [row._asdict() for row in view.auditor.records]
    text = f"{_verdict(view)}\n{said}{_freshness(verified)}{anchors.as_of()}"
    return Result(document, text, EXIT_ADVERSE if not_met else 0)


def _drawn(view: MonthView, lang: Language, bundle: bytes, *, as_pdf: bool) -> bytes:
    if as_pdf:
        from attest.attestation.bundle import bundle_file_name
        from attest.report.pdf import month_pdf

        return month_pdf(view, lang, bundle=bundle, bundle_name=bundle_file_name(view.period))
    from attest.report.html import month_page

    return month_page(view, lang)


def _freshness(verified: Verified) -> str:
    """A line where the statement is not the latest word any more, or not yet: the report itself has no clock."""
    step = verified.step("freshness")
    return "" if step.status == "VERIFIED" else f"\nfreshness  {step.detail}"


def _verdict(view: MonthView) -> str:
    """The verdict in a line, as the report has it, with how much of the verification could not be done."""
    left = f", {len(view.unchecked_steps)} of {len(view.steps)} steps NOT CHECKED" if view.unchecked_steps else ""
    adverse = ", but NOT MET" if view.verdict == "NOT MET" else ""
    return f"VERIFIED{left}{adverse}: {view.entity} ({view.origin}) for {view.period}"
