"""`attest sign`, `countersign`, `auditor-report`, `timestamp`: what is added to a bundle after it was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest.cli.anchors import Anchors, later_options, open_key, signer_options, trust_root_option, with_options
from attest.cli.known import Known, known_options
from attest.cli.passphrase import passphrase_fd_option
from attest.cli.result import Result, json_option
from attest.errors import EXIT_ADVERSE, VerificationError

if TYPE_CHECKING:
    from datetime import datetime

    from attest.attestation.bundle import Bundle
    from attest.attestation.keys import Signs
    from attest.attestation.verify import Verified

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("bundle", type=_FILE)
@with_options(*signer_options)
@click.option("--with-root", "roots", metavar="FILE", type=_FILE, multiple=True,
              help="A trust root after the first, for the bundle to carry. Repeatable.")  # fmt: skip
@with_options(passphrase_fd_option)
@json_option
def sign(
    bundle: Path,
    *,
    key: str,
    public: Path | None,
    roots: tuple[Path, ...],
    passphrase_fd: int | None,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Put one more signature of the exchange under the statement in BUNDLE, which is read and written anew.

    The statement must agree with itself; whether it is true is for you to know.
    """
    from attest.attestation.additions import with_signature
    from attest.attestation.trust import MAX_ROOT_FILE_BYTES, parse_root_file
    from attest.files import read_bounded

    parsed = _read(bundle)
    carried = [parse_root_file(read_bounded(path, MAX_ROOT_FILE_BYTES)) for path in roots]
    signer = open_key(key, public, passphrase_fd)
    _write(bundle, with_signature(parsed, signer, carried))
    return _signed("sign", bundle, parsed, signer)


@click.command()
@click.argument("bundle", type=_FILE)
@with_options(*signer_options, trust_root_option, *later_options, *known_options, passphrase_fd_option)
@json_option
def countersign(
    bundle: Path,
    *,
    key: str,
    public: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
    **options: Any,
) -> Result:
    """Verify BUNDLE with the files beside it, then sign the same statement as its auditor.

    A signature says "these bytes" and nothing more; what you did and found goes into `attest auditor-report`.
    """
    from attest.attestation.additions import with_signature
    from attest.cli.render import coverage_table, not_met_text, steps_table

    parsed = _read(bundle)
    verified = _verified(bundle, parsed, options, as_json=as_json)
    issued_at = verified.statement.predicate.issued_at
    signer = _auditor(verified, open_key(key, public, passphrase_fd), issued_at)
    _write(bundle, with_signature(parsed, signer, ()))
    found = f"{steps_table(verified.steps)}\n\n{coverage_table(verified)}\n\n{not_met_text(verified)}"
    return _signed("countersign", bundle, parsed, signer, before=found, adverse=verified.adverse)


@click.command("auditor-report")
@click.argument("bundle", type=_FILE)
@click.argument("findings", type=_FILE)
@with_options(*signer_options, trust_root_option, *later_options, *known_options, passphrase_fd_option)
@json_option
def auditor_report(
    bundle: Path,
    findings: Path,
    *,
    key: str,
    public: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
    **options: Any,
) -> Result:
    """Verify BUNDLE, then sign a report of FINDINGS about its statement and put it into the bundle.

    FINDINGS is TOML: `auditor`, `standard`, and for each thing that was done a [[procedures]] with `procedure`,
    `finding` and `exception` (true or false).
    """
    from datetime import UTC, datetime

    from attest.attestation.additions import with_report
    from attest.attestation.auditor import write_report

    parsed = _read(bundle)
    said = _findings(findings)
    verified = _verified(bundle, parsed, options, as_json=as_json)
    now = datetime.now(UTC).replace(microsecond=0)
    signer = _auditor(verified, open_key(key, public, passphrase_fd), now)
    report = write_report(said, statement=verified.digest, issued_at=now, signer=signer)
    _write(bundle, with_report(parsed, report))
    exceptions = sum(item.exception for item in said.procedures)
    text = f"{len(said.procedures)} findings, {exceptions} of them exceptions, signed into {bundle}"
    document = {
        "command": "auditor-report",
        "status": "done",
        "bundle": str(bundle),
        "statement": verified.digest.hex(),
        "fingerprint": signer.public.fingerprint,
        "findings": len(said.procedures),
        "exceptions": exceptions,
    }
    return Result(document, text)


@click.command()
@click.argument("bundle", type=_FILE)
@click.option("--tsa", required=True, metavar="URL", help="The timestamp authority to ask.")
@click.option("--tsa-root", metavar="PEM", required=True, type=_FILE, help="Its root certificate.")
@json_option
def timestamp(bundle: Path, *, tsa: str, tsa_root: Path, as_json: bool) -> Result:  # noqa: ARG001
    """Have an outside clock say when each signature in BUNDLE was there (RFC 3161).

    The authority learns the digest of each signature, nothing else. Signatures that have a timestamp are left alone.
    """
    from attest.attestation.additions import with_timestamps
    from attest.attestation.clock import ask
    from attest.attestation.timestamp import MAX_ROOTS_BYTES, parse_authorities
    from attest.files import read_bounded

    authorities = parse_authorities(read_bounded(tsa_root, MAX_ROOTS_BYTES), what=str(tsa_root))
    changed, added = with_timestamps(_read(bundle), lambda body: ask(tsa, body), authorities)
    _write(bundle, changed)
    document = {"command": "timestamp", "status": "done", "bundle": str(bundle), "added": added}
    return Result(document, f"{added} timestamps put into {bundle}")


def _read(path: Path) -> Bundle:
    from attest.attestation.bundle import MAX_BUNDLE_BYTES, parse_bundle
    from attest.files import read_bounded

    return parse_bundle(read_bounded(path, MAX_BUNDLE_BYTES))


def _write(path: Path, bundle: Bundle) -> None:
    from attest.files import write_file

    write_file(path.resolve(), bundle.to_bytes(), force=True)  # not in the place of a link


def _verified(path: Path, bundle: Bundle, options: dict[str, Any], *, as_json: bool) -> Verified:
    """Before the auditor signed, only the exchange's signatures can be asked for."""
    known = Known(**{name: options.pop(name) for name in Known._fields})
    anchors = Anchors(**options)
    if anchors.trust_root is None:
        raise click.UsageError("say whom you trust: --trust-root FILE")
    return anchors.verify(path, bundle.to_bytes(), roles=("exchange",), **known.values(as_json=as_json))


def _auditor(verified: Verified, signer: Signs, issued_at: datetime) -> Signs:
    """The signer, if its key counts as an auditor's for what is issued at `issued_at`. Raises `VerificationError`."""
    from attest.documents import format_time

    if verified.trust is None:
        raise AssertionError("whose signatures count was said by a trust root")
    try:
        verified.trust.standing("auditor", {signer.public.fingerprint: None}, issued_at=issued_at, threshold=1)
    except VerificationError as error:
        raise VerificationError(
            "sign/role",
            f"your signature would not count: your key is not one of the auditor's in the trust root that was in force "
            f"at {format_time(issued_at)} and in all after it ({error.message})",
            hint="the exchange adds it: attest trust rotate --auditor PUB",
        ) from None
    return signer


def _findings(path: Path) -> Any:
    from attest.attestation.auditor import MAX_REPORT_BYTES, Findings
    from attest.files import read_bounded
    from attest.toml import loads_toml

    data = read_bounded(path, MAX_REPORT_BYTES)
    value = loads_toml(data, what=str(path), max_bytes=MAX_REPORT_BYTES, area="report")
    return Findings.from_value(value, what=str(path))


def _signed(
    command: str, path: Path, bundle: Bundle, signer: Signs, *, before: str = "", adverse: bool = False
) -> Result:
    from attest.attestation.statement import statement_digest

    digest = statement_digest(bundle.envelope.payload).hex()
    document = {
        "command": command,
        "status": "adverse" if adverse else "done",
        "bundle": str(path),
        "statement": digest,
        "fingerprint": signer.public.fingerprint,
        "signatures": len(bundle.envelope.signatures) + 1,
    }
    text = (
        f"{before}statement  {digest}\nsigned by  {signer.public.fingerprint}, "
        f"signature {document['signatures']} in {path}"
    )
    return Result(document, text, EXIT_ADVERSE if adverse else 0)
