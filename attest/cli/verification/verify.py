"""`attest verify`: everything that can be checked about a bundle, step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from attest.cli.options.anchors import AnchorOptions, gathered, later_options, read_key, trust_root_option, with_options
from attest.cli.options.kinds import BUNDLE, PROOF, TRUST_ROOT, OtherFileError, explained, refuse_other
from attest.cli.options.known import KnownOptions, known_options
from attest.cli.result import Result, error_document, error_text, json_option
from attest.errors import EXIT_ADVERSE, AttestError, MalformedError, exit_code

_MAX_BYTES: Final = 16 * 1024 * 1024  # of what is not a proof, and can be named all the same
_NOT_FOUND_WRONG: Final = "and nothing was found wrong"

if TYPE_CHECKING:
    from attest.verification.steps import Step


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@with_options(trust_root_option)
@click.option(
    "--key", "key_path", metavar="PUB", type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of a trust root: one public key of the exchange, from a place you trust.",
)  # fmt: skip
@with_options(*later_options)
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False), help="An inclusion proof to verify too.")
@with_options(*known_options)
@json_option
@gathered("anchors", AnchorOptions)
@gathered("known", KnownOptions)
def verify(
    bundle: Path,
    *,
    key_path: Path | None,
    proof: Path | None,
    anchors: AnchorOptions,
    known: KnownOptions,
    as_json: bool,
) -> Result:
    """Verify BUNDLE: signatures, arithmetic, evidence beside it, rules, an inclusion proof.

    Offline, but for --node and a ledger in a database. BUNDLE may be a pack, which has its proof in it.

    Whose signatures count is said by the trust root that you pinned, and by those that it lets in; with a bare key
    nothing says whether that key is still the exchange's, and step 1 is not checked.
    """
    from attest.cli.render.verified import verified_document, verified_text
    from attest.verification.anchors import NO_PROOF, Sources, files_beside
    from attest.verification.steps import Step
    from attest.verification.verify import verify as verify_bundle

    if (anchors.trust_root is None) == (key_path is None):
        raise click.UsageError("say whom you trust: either --trust-root FILE or --key PUB")
    if anchors.next_roots and anchors.trust_root is None:
        raise click.UsageError("--next-root follows a --trust-root; nothing leads to it from a --key")
    try:
        read = _read(bundle, proof)
    except MalformedError as error:
        return _failed(error, [Step("form", "FAILED", (error.message,))])
    key = None if key_path is None else read_key(key_path)
    proven = (NO_PROOF if read.unusable is None else read.unusable.message) if read.proof is None else read.proof
    alone_known = replace(known.known(), proof=proven)
    sources = Sources(files_beside(bundle), known.ask(), known.rebuild(as_json=as_json))
    steps: list[Step] = []
    try:
        now = anchors.now()
        trusted = anchors.anchors() if key is None else anchors.of_key(key)
        verified = verify_bundle(read.bundle, trusted, now=now, sources=sources, known=alone_known, tell=steps.append)
    except AttestError as error:
        # What is in a pack is no file that could be another than it was taken for.
        given = () if read.is_packed else ((bundle, BUNDLE),)
        return _ended(error, steps, *given, *((root, TRUST_ROOT) for root in (anchors.trust_root, *anchors.next_roots)))
    document = {
        "command": "verify",
        "status": "adverse" if verified.adverse else "verified",
        **verified_document(verified),
    }
    if anchors.at is not None:
        document["at"] = anchors.at
    text = verified_text(verified, key) + anchors.as_of()
    if read.unusable is None:
        return Result(document, text, EXIT_ADVERSE if verified.adverse else 0)
    document |= {"status": read.unusable.status, "error": error_document(read.unusable)}
    said = "NOT CHECKED: the inclusion proof (step 10). All that follows is of the statement alone."
    return Result(document, f"{said}\n\n{text}", exit_code(read.unusable), error_text(read.unusable))


class _Read(NamedTuple):
    """What is to be verified: a bundle, with a proof or with why what was given as one cannot be used."""

    bundle: bytes
    proof: bytes | None
    unusable: AttestError | None
    is_packed: bool


def _read(bundle: Path, proof: Path | None) -> _Read:
    """The bundle and the proof in their files, or in the pack that the first is. Raises `MalformedError` for a pack."""
    from attest.attestation.pack import MAX_PACK_BYTES, unpack
    from attest.files import read_bounded

    data = read_bounded(bundle, MAX_PACK_BYTES)
    pack = unpack(data)
    if pack is not None and proof is not None:
        raise click.UsageError(f"{bundle} is a pack, which has its proof in it: leave out --proof")
    if pack is not None:
        data, given = pack.files
        unusable = _unusable(given, f"the proof in {bundle}", data)
    elif proof is not None:
        given = read_bounded(proof, _MAX_BYTES)
        unusable = _unusable(given, proof, data)
    else:
        return _Read(data, None, None, is_packed=False)
    return _Read(data, given if unusable is None else None, unusable, is_packed=pack is not None)


def _unusable(data: bytes, what: Path | str, bundle: bytes) -> AttestError | None:
    """Why `data` is no inclusion proof of the statement in `bundle`, which accuses nobody; None when it may be one.

    `what` is its path, or names it where it is no file of its own.
    """
    from attest.liabilities.proof import MAX_PROOF_BYTES, InclusionProof

    try:
        if isinstance(what, Path):
            refuse_other(data, what, PROOF)
        proof = InclusionProof.from_json(data, what=str(what), max_bytes=MAX_PROOF_BYTES)
        _require_same_statement(proof.statement, str(what), bundle)
    except MalformedError as error:
        known = f", {_NOT_FOUND_WRONG}" if isinstance(error, OtherFileError) else ""
        message = f"{error.message}; the account was not looked up{known}"
        return MalformedError(error.code, message, hint=error.hint, details=error.details)
    return None


def _require_same_statement(statement: bytes, what: str, bundle: bytes) -> None:
    """Raise `OtherFileError` when the proof `what` is of another `statement` than the one in `bundle`.

    What is wrong with the bundle, `verify` tells.
    """
    from attest.attestation.bundle import parse_bundle
    from attest.attestation.statement import parse_statement, statement_digest

    try:
        payload = parse_bundle(bundle).envelope.payload
        predicate = parse_statement(payload).predicate
    except AttestError:
        return
    if (digest := statement_digest(payload)) != statement:
        which = ", which is the one before it" if statement == predicate.previous else ""
        raise OtherFileError(
            "proof/statement",
            f"{what} is a proof of another statement, {statement.hex()}{which}; the bundle is that of "
            f"{predicate.period}, with statement {digest.hex()}",
            hint="use the proof and the bundle of one month",
        )


def _ended(error: AttestError, steps: list[Step], *given: tuple[Path | None, str]) -> Result:
    """The result where a step could not be passed, or where a file `given` is not of the kind beside it."""
    if not steps or steps[-1].name == "form":
        error = explained(error, *given)
        status = steps[-1].status if steps else "FAILED"
        if steps and isinstance(error, OtherFileError):
            message = f"{error.message}; nothing in it was looked at, {_NOT_FOUND_WRONG}"
            error, status = MalformedError(error.code, message, hint=error.hint), "NOT CHECKED"
        steps = [replace(step, sentences=(error.message,), status=status) for step in steps]
    return _failed(error, steps)


def _failed(error: AttestError, steps: list[Step]) -> Result:
    from attest.cli.render.verified import failed_text, step_document

    return Result(
        {
            "command": "verify",
            "status": error.status,
            "steps": [step_document(step) for step in steps],
            "error": error_document(error),
        },
        failed_text(steps) if steps else "",
        exit_code(error),
        error_text(error),
    )
