"""`attest sign`, `countersign`, `auditor-report`, `timestamp`: what is added to a bundle after it was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    missing_text,
    next_root_option,
    open_key,
    pinned,
    read_root,
    signer_options,
    trust_root_option,
    with_options,
)
from attest.cli.options.known import KnownOptions, known_options
from attest.cli.options.passphrase import passphrase_fd_option
from attest.cli.result import Result, json_option
from attest.cli.signing.before import verified_before
from attest.cli.signing.bundle_file import Checks, change_bundle, read_bundle, require_same
from attest.errors import EXIT_ADVERSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.attestation.bundle import Bundle
    from attest.signing.envelope import Envelope
    from attest.signing.keys import Signs

_FILE = click.Path(path_type=Path, dir_okay=False)


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

    from attest.attestation.additions import statement_of
    from attest.verification.signatories import check_counts, signatories_so_far

    now = datetime.now(UTC)
    if trust_root is None and next_roots:
        raise click.UsageError("--next-root goes with --trust-root FILE")
    parsed = read_bundle(bundle)
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
    from attest.cli.render.coverage import coverage_table
    from attest.cli.render.verified import not_met_text, steps_table
    from attest.verification.signatories import check_counts

    parsed = read_bundle(bundle)
    verified, trust, checks = verified_before(bundle, parsed, anchors, known, as_json=as_json)
    signer = open_key(key, public, passphrase_fd)
    check_counts(trust, "auditor", signer.public, issued_at=verified.statement.predicate.issued_at)
    found = f"{steps_table(verified.steps)}\n\n{coverage_table(verified)}\n\n{not_met_text(verified)}"
    return _signed("countersign", Signing(bundle, parsed, signer, checks), before=found, adverse=verified.adverse)


def _signed(command: str, signing: Signing, *, before: str = "", adverse: bool = False) -> Result:
    """Sign the statement of the bundle that was `seen`, and say who has yet to sign, as far as a trust root tells."""
    from attest.attestation.additions import with_signature
    from attest.attestation.statement import statement_digest
    from attest.exchange.own_keys import missing_signatures
    from attest.verification.signatories import signatories_so_far

    path, checks = signing.path, signing.checks
    missing: dict[str, int] | None = None
    added = added_roots = 0

    def change(now: Bundle) -> Bundle:
        nonlocal missing, added, added_roots
        changed = with_signature(require_same(now, signing.seen, path), signing.signer, signing.roots)
        added = len(changed.envelope.signatures) - len(now.envelope.signatures)
        added_roots = len(set(changed.trust_roots) - set(now.trust_roots))
        trust = None if checks.anchors is None else checks.anchors.trust
        missing = None if trust is None else missing_signatures(signatories_so_far(changed, trust), trust)
        return changed

    bundle = change_bundle(path, change, checks)
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
