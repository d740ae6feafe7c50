"""`attest auditor-report`: what an auditor did and found, signed and put into the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    open_key,
    signer_options,
    trust_root_option,
    with_options,
)
from attest.cli.options.known import KnownOptions, known_options
from attest.cli.options.passphrase import passphrase_fd_option
from attest.cli.result import Result, json_option
from attest.cli.signing.before import verified_before
from attest.cli.signing.bundle_file import change_bundle, read_bundle, require_same

if TYPE_CHECKING:
    from datetime import datetime

    from attest.attestation.bundle import Bundle
    from attest.signing.envelope import Envelope

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("auditor-report")
@click.argument("bundle", type=_FILE)
@click.argument("findings", type=_FILE)
@with_options(*signer_options, trust_root_option, *later_options, *known_options, passphrase_fd_option)
@json_option
@gathered("anchors", AnchorOptions)
@gathered("known", KnownOptions)
def auditor_report(
    bundle: Path,
    findings: Path,
    *,
    key: str,
    public: Path | None,
    anchors: AnchorOptions,
    known: KnownOptions,
    passphrase_fd: int | None,
    as_json: bool,
) -> Result:
    """Verify BUNDLE, then sign a report of FINDINGS about its statement and put it into the bundle.

    FINDINGS is TOML: `auditor`, `standard`, and for each thing that was done a [[procedures]] with `procedure`,
    `finding` and `exception` (true or false).
    """
    from datetime import UTC, datetime

    from attest.attestation.additions import report_there, with_report
    from attest.attestation.auditor_report import write_report
    from attest.cli.render.coverage import unchecked_lines
    from attest.documents import format_time
    from attest.verification.signatories import check_counts

    parsed = read_bundle(bundle)
    said = _findings(findings)
    verified, trust, checks = verified_before(bundle, parsed, anchors, known, as_json=as_json)
    signer = open_key(key, public, passphrase_fd)
    now = datetime.now(UTC).replace(microsecond=0)
    check_counts(trust, "auditor", signer.public, issued_at=now)
    report: Envelope | None = None
    there: datetime | None = None

    def change(before: Bundle) -> Bundle:
        nonlocal report, there
        there = report_there(require_same(before, parsed, bundle), said, signer.public, now=now)
        if there is not None:
            return before
        report = report or write_report(said, statement=verified.digest, issued_at=now, signer=signer)
        return with_report(before, report)

    change_bundle(bundle, change, checks)
    exceptions = sum(item.exception for item in said.procedures)
    counted = f"{len(said.procedures)} findings, {exceptions} of them exceptions"
    if there is None:
        signed = f"{counted}, signed into {bundle}"
    else:
        signed = (
            f"{counted}, are in {bundle} already, reported by this key at {format_time(there)}: nothing was written"
        )
    text = "\n".join([signed, *unchecked_lines(verified)])
    document = {
        "command": "auditor-report",
        "status": "done",
        "bundle": str(bundle),
        "statement": verified.digest.hex(),
        "fingerprint": signer.public.fingerprint,
        "findings": len(said.procedures),
        "exceptions": exceptions,
        "added": 0 if there else 1,
        "issuedAt": format_time(there or now),
    }
    return Result(document, text)


def _findings(path: Path) -> Any:
    from attest.attestation.auditor_report import MAX_REPORT_BYTES, Findings
    from attest.files import read_bounded
    from attest.toml import loads_toml

    data = read_bounded(path, MAX_REPORT_BYTES)
    value = loads_toml(data, what=str(path), max_bytes=MAX_REPORT_BYTES, area="report")
    return Findings.from_value(value, what=str(path))
