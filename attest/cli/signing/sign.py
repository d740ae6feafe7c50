"""`attest sign`, `countersign`, `auditor-report`, `timestamp`: what is added to a bundle after it was published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from attest.cli.known import KnownOptions, beside, known_options
from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    missing_text,
    next_root_option,
    open_key,
    pinned,
    read_authorities,
    read_root,
    required_root,
    signer_options,
    trust_root_option,
    with_options,
)
from attest.cli.options.kinds import BUNDLE, explained
from attest.cli.options.passphrase import passphrase_fd_option
from attest.cli.result import Result, json_option, tell
from attest.errors import EXIT_ADVERSE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from attest.attestation.anchors import Anchors
    from attest.attestation.bundle import Bundle
    from attest.attestation.verified import Verified
    from attest.signing.envelope import Envelope
    from attest.signing.keys import Signs
    from attest.signing.timestamp import Authorities
    from attest.signing.trust import Trust

_FILE = click.Path(path_type=Path, dir_okay=False)


class Checks(NamedTuple):
    """By what a bundle is verified before it is written: the trust root and the authorities that were named."""

    anchors: Anchors | None
    authorities: Authorities
    now: datetime


class Signing(NamedTuple):
    """The statement of a bundle that was seen at a path, and the key and trust roots that are to be added to it."""

    path: Path
    seen: Bundle
    signer: Signs
    checks: Checks
    roots: Sequence[Envelope] = ()


@click.command()
@click.argument("bundle", type=_FILE)
@with_options(*signer_options)
@click.option("--with-root", "roots", metavar="FILE", type=_FILE, multiple=True,
              help="A trust root after the first, for the bundle to carry. Repeatable.")  # fmt: skip
@with_options(trust_root_option, next_root_option, passphrase_fd_option)
@json_option
def sign(
    bundle: Path,
    *,
    key: str,
    public: Path | None,
    roots: tuple[Path, ...],
    trust_root: Path | None,
    next_roots: tuple[Path, ...],
    passphrase_fd: int | None,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Put one more signature of the exchange under the statement in BUNDLE, which is read and written anew.

    The statement must agree with itself; whether it is true is for you to know. With --trust-root, a key whose
    signature would not count is refused, and you are told who has yet to sign.
    """
    from datetime import UTC, datetime

    from attest.attestation.additions import check_counts, signatories_so_far, statement_of

    now = datetime.now(UTC)
    if trust_root is None and next_roots:
        raise click.UsageError("--next-root goes with --trust-root FILE")
    parsed = _read(bundle)
    statement = statement_of(parsed)
    carried = [read_root(path) for path in roots]
    anchors = None
    if trust_root is not None:
        later = (*(read_root(path) for path in next_roots), *carried, *parsed.trust_roots)
        anchors = pinned(trust_root, roles=("exchange",)).following(later)
    trust = None if anchors is None else anchors.trust
    if trust is not None:
        trust.current(now)
        signatories_so_far(parsed, trust)
    signer = open_key(key, public, passphrase_fd)
    if trust is not None:
        check_counts(trust, "exchange", signer.public, issued_at=statement.predicate.issued_at)
    return _signed("sign", Signing(bundle, parsed, signer, Checks(anchors, (), now), carried))


@click.command()
@click.argument("bundle", type=_FILE)
@with_options(*signer_options, trust_root_option, *later_options, *known_options, passphrase_fd_option)
@json_option
@gathered("anchors", AnchorOptions)
@gathered("known", KnownOptions)
def countersign(
    bundle: Path,
    *,
    key: str,
    public: Path | None,
    anchors: AnchorOptions,
    known: KnownOptions,
    passphrase_fd: int | None,
    as_json: bool,
) -> Result:
    """Verify BUNDLE with the files beside it, then sign the same statement as its auditor.

    A signature says "these bytes" and nothing more; what you did and found goes into `attest auditor-report`.
    """
    from attest.attestation.additions import check_counts
    from attest.cli.render import not_met_text, steps_table
    from attest.cli.render_coverage import coverage_table

    parsed = _read(bundle)
    verified, trust, checks = _verified(bundle, parsed, anchors, known, as_json=as_json)
    signer = open_key(key, public, passphrase_fd)
    check_counts(trust, "auditor", signer.public, issued_at=verified.statement.predicate.issued_at)
    found = f"{steps_table(verified.steps)}\n\n{coverage_table(verified)}\n\n{not_met_text(verified)}"
    return _signed("countersign", Signing(bundle, parsed, signer, checks), before=found, adverse=verified.adverse)


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

    from attest.attestation.additions import check_counts, report_there, with_report
    from attest.attestation.auditor import write_report
    from attest.cli.render_coverage import unchecked_lines
    from attest.documents import format_time

    parsed = _read(bundle)
    said = _findings(findings)
    verified, trust, checks = _verified(bundle, parsed, anchors, known, as_json=as_json)
    signer = open_key(key, public, passphrase_fd)
    now = datetime.now(UTC).replace(microsecond=0)
    check_counts(trust, "auditor", signer.public, issued_at=now)
    report: Envelope | None = None
    there: datetime | None = None

    def change(before: Bundle) -> Bundle:
        nonlocal report, there
        there = report_there(_same(before, parsed, bundle), said, signer.public, now=now)
        if there is not None:
            return before
        report = report or write_report(said, statement=verified.digest, issued_at=now, signer=signer)
        return with_report(before, report)

    _changed(bundle, change, checks)
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


@click.command()
@click.argument("bundle", type=_FILE)
@click.option("--tsa", required=True, metavar="URL", envvar="ATTEST_TSA", show_envvar=True,
              help="The timestamp authority to ask. A URL with a password belongs into the environment: others on this "
              "machine see the command line.")  # fmt: skip
@click.option("--tsa-root", "tsa_roots", metavar="PEM", required=True, type=_FILE, multiple=True,
              help="Its root certificate, and intermediate ones that it does not send. Repeatable, also for other "
              "authorities whose timestamps the bundle has.")  # fmt: skip
@json_option
def timestamp(bundle: Path, *, tsa: str, tsa_roots: tuple[Path, ...], as_json: bool) -> Result:  # noqa: ARG001
    """Have an outside clock say when each signature in BUNDLE was there (RFC 3161).

    The authority learns the digest of each signature, nothing else. Signatures that have a timestamp are left alone.
    """
    from datetime import UTC, datetime

    from attest.attestation.additions import with_timestamps
    from attest.signing.authority import ask

    authorities = read_authorities(tsa_roots)
    added = 0

    def with_clock(before: Bundle) -> Bundle:
        nonlocal added
        changed, added = with_timestamps(before, lambda body: ask(tsa, body), authorities)
        return changed

    _changed(bundle, with_clock, Checks(None, authorities, datetime.now(UTC)))
    document = {"command": "timestamp", "status": "done", "bundle": str(bundle), "added": added}
    none = f"every signature in {bundle} has a timestamp already: nothing was written"
    return Result(document, f"{added} timestamps put into {bundle}" if added else none)


def _read(path: Path) -> Bundle:
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.files import read_bounded

    return _parsed(path, read_bounded(path, MAX_BUNDLE_BYTES))


def _parsed(path: Path, data: bytes) -> Bundle:
    from attest.attestation.bundle import parse_bundle
    from attest.errors import AttestError

    try:
        return parse_bundle(data, what=str(path))
    except AttestError as error:
        raise explained(error, (path, BUNDLE)) from None


def _changed(path: Path, change: Callable[[Bundle], Bundle], checks: Checks) -> Bundle:
    """The bundle that is now at `path`: what `change` made of the one that was, of which others may have made more.

    What it made is verified before it is written, as far as `checks` go, and nothing is written where it made nothing.
    """
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.writable import check_writable
    from attest.files import change_file

    def made(data: bytes) -> bytes:
        before = _parsed(path, data)
        after = change(before)
        if after == before:
            return data
        check_writable(after, checks.anchors, authorities=checks.authorities, now=checks.now)
        return after.to_bytes()

    return _parsed(path, change_file(path, made, max_bytes=MAX_BUNDLE_BYTES))


def _same(now: Bundle, before: Bundle, path: Path) -> Bundle:
    """The bundle that is there `now`, if its statement is the one `before`. Raises `UnavailableError`."""
    from attest.errors import UnavailableError

    if (now.envelope.payload, now.envelope.payload_type) != (before.envelope.payload, before.envelope.payload_type):
        raise UnavailableError(
            "sign/changed",
            f"{path} holds another statement by now: nothing was signed",
            hint="see who wrote it, and begin anew",
        )
    return now


def _require_asked(verified: Verified, known: KnownOptions) -> None:
    """Raises `UnavailableError` when the ledger or a node that was named could not be read."""
    from attest.errors import UnavailableError

    unread = []
    if known.ledger is not None:
        unread.append(verified.step("inclusion"))
    if len(verified.answered) < len(known.nodes):
        unread.append(verified.step("nodes"))
    for step in unread:
        if step.status == "NOT CHECKED":
            raise UnavailableError("sign/unchecked", f"nothing was signed: {step.detail}")


def _verified(
    path: Path, bundle: Bundle, anchors: AnchorOptions, known: KnownOptions, *, as_json: bool
) -> tuple[Verified, Trust, Checks]:
    """What is about to be signed, and whose signatures count; what was not checked is said, while one can still stop.

    Before the auditor signed, only the exchange's signatures can be asked for.
    """
    from attest.attestation.anchors import Sources
    from attest.attestation.verify import verify

    required_root(anchors.trust_root)
    alone_known = known.known()
    sources = Sources(beside(path), known.ask(), known.rebuild(as_json=as_json))
    now = anchors.now()
    trusted = anchors.anchors(roles=("exchange",))
    verified = verify(bundle.to_bytes(), trusted, now=now, sources=sources, known=alone_known)
    if verified.trust is None:
        raise AssertionError("whose signatures count was said by a trust root")
    _require_asked(verified, known)
    say = tell(as_json)
    for step in verified.steps:
        if step.status != "VERIFIED":
            say(f"before you sign: {step.status}: {step.number} {step.title}: {step.detail}")
    return verified, verified.trust, Checks(replace(trusted, trust=verified.trust), trusted.authorities, now)


def _findings(path: Path) -> Any:
    from attest.attestation.auditor import MAX_REPORT_BYTES, Findings
    from attest.files import read_bounded
    from attest.toml import loads_toml

    data = read_bounded(path, MAX_REPORT_BYTES)
    value = loads_toml(data, what=str(path), max_bytes=MAX_REPORT_BYTES, area="report")
    return Findings.from_value(value, what=str(path))


def _signed(command: str, signing: Signing, *, before: str = "", adverse: bool = False) -> Result:
    """Sign the statement of the bundle that was `seen`, and say who has yet to sign, as far as a trust root tells."""
    from attest.attestation.additions import signatories_so_far, with_signature
    from attest.attestation.signing import missing_signatures
    from attest.attestation.statement import statement_digest

    path, checks = signing.path, signing.checks
    missing: dict[str, int] | None = None
    added = added_roots = 0

    def change(now: Bundle) -> Bundle:
        nonlocal missing, added, added_roots
        changed = with_signature(_same(now, signing.seen, path), signing.signer, signing.roots)
        added = len(changed.envelope.signatures) - len(now.envelope.signatures)
        added_roots = len(set(changed.trust_roots) - set(now.trust_roots))
        trust = None if checks.anchors is None else checks.anchors.trust
        missing = None if trust is None else missing_signatures(signatories_so_far(changed, trust), trust)
        return changed

    bundle = _changed(path, change, checks)
    digest = statement_digest(bundle.envelope.payload).hex()
    count = len(bundle.envelope.signatures)
    document = {
        "command": command,
        "status": "adverse" if adverse else "done",
        "bundle": str(path),
        "statement": digest,
        "fingerprint": signing.signer.public.fingerprint,
        "signatures": count,
        "added": added,
        "addedRoots": added_roots,
        "missing": missing,
    }
    text = f"{before}statement  {digest}\nsigned by  {signing.signer.public.fingerprint}, "
    if added:
        text += f"signature {count} in {path}\n"
    else:
        text += f"already signed by this key: {'no signature' if added_roots else 'nothing'} was added to {path}\n"
    if added_roots:
        text += f"added      {added_roots} trust roots\n"
    if missing is None:
        text += "counts     NOT CHECKED: with --trust-root FILE you see whether this is a key of the exchange"
    else:
        text += missing_text(missing) or "missing    nothing: as many signed as the trust root asks for"
    return Result(document, text, EXIT_ADVERSE if adverse else 0)
