"""`attest verify`: everything that can be checked about a bundle, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attest.cli.anchors import Anchors, later_options, trust_root_option, with_options
from attest.cli.kinds import BUNDLE, PROOF, TRUST_ROOT, explained
from attest.cli.known import Asking, Known, known_options
from attest.cli.result import Result, error_document, error_text, json_option
from attest.errors import EXIT_ADVERSE, AttestError, exit_code


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
def verify(
    bundle: Path,
    *,
    trust_root: Path | None,
    key_path: Path | None,
    next_roots: tuple[Path, ...],
    tsa_roots: tuple[Path, ...],
    at: str | None,
    proof: Path | None,
    as_json: bool,
    **known: Any,
) -> Result:
    """Verify BUNDLE: signatures, arithmetic, evidence beside it, rules, an inclusion proof.

    Offline, but for --node and a ledger in a database.

    Whose signatures count is said by the trust root that you pinned, and by those that it lets in; with a bare key
    nothing says whether that key is still the exchange's, and step 1 is not checked.
    """
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.attestation.verify import Step
    from attest.cli.render import failed_text, step_document, verified_document, verified_text
    from attest.files import read_bounded

    if (trust_root is None) == (key_path is None):
        raise click.UsageError("say whom you trust: either --trust-root FILE or --key PUB")
    if next_roots and trust_root is None:
        raise click.UsageError("--next-root follows a --trust-root; nothing leads to it from a --key")
    data = read_bounded(bundle, MAX_BUNDLE_BYTES)
    key = None
    if key_path is not None:
        key = PublicKey.from_pem(read_bounded(key_path, MAX_KEY_BYTES), what=str(key_path))
    anchors = Anchors(trust_root, next_roots, tsa_roots, at, key)
    values = Known(**known).values(as_json=as_json)
    ask: Asking | None = values["ask"]
    steps: list[Step] = []
    roots = (trust_root, *next_roots)
    try:
        verified = anchors.verify(bundle, data, proof=proof, tell=steps.append, **values)
    except AttestError as caught:
        error = caught
        if not steps or steps[-1].number == 0:
            error = explained(caught, (bundle, BUNDLE), (proof, PROOF), *((root, TRUST_ROOT) for root in roots))
            steps = [step._replace(detail=error.message) for step in steps]
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
    document = {
        "command": "verify",
        "status": "adverse" if verified.adverse else "verified",
        **verified_document(verified),
    }
    if at is not None:
        document["at"] = at
    text = verified_text(verified, key, frozenset() if ask is None else ask.answered)
    return Result(document, text + anchors.as_of(), EXIT_ADVERSE if verified.adverse else 0)
