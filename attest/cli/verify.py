"""`attest verify`: everything that can be checked about a bundle, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.result import Result, error_document, error_text, json_option
from attest.errors import EXIT_ADVERSE, AttestError, exit_code


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key", "key_path", required=True, metavar="PUB", type=click.Path(path_type=Path, dir_okay=False),
    help="The exchange's public key, from a place you trust; never from beside the bundle.",
)  # fmt: skip
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False), help="An inclusion proof to verify too.")
@json_option
def verify(bundle: Path, *, key_path: Path, proof: Path | None, as_json: bool) -> Result:  # noqa: ARG001
    """Verify BUNDLE without a network: signatures, arithmetic, evidence beside it, and an inclusion proof."""
    from datetime import UTC, datetime

    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.attestation.verify import MAX_FILE_BYTES, Step
    from attest.attestation.verify import verify as verify_bundle
    from attest.cli.render import failed_text, step_document, verified_document, verified_text
    from attest.files import read_bounded
    from attest.liabilities.proof import MAX_PROOF_BYTES

    def beside(name: str) -> bytes | None:
        path = bundle.parent / name
        return read_bounded(path, MAX_FILE_BYTES) if path.is_file() else None

    bundle_bytes = read_bounded(bundle, MAX_BUNDLE_BYTES)
    proof_bytes = None if proof is None else read_bounded(proof, MAX_PROOF_BYTES)
    key = PublicKey.from_pem(read_bounded(key_path, MAX_KEY_BYTES), what=str(key_path))
    steps: list[Step] = []
    try:
        verified = verify_bundle(
            bundle_bytes,
            exchange_keys=[key],
            threshold=1,
            now=datetime.now(UTC),
            files=beside,
            proof_bytes=proof_bytes,
            tell=steps.append,
        )
    except AttestError as error:
        return Result(
            {
                "command": "verify",
                "status": error.status,
                "steps": [step_document(step) for step in steps],
                "error": error_document(error),
            },
            failed_text(steps),
            exit_code(error),
            error_text(error),
        )
    return Result(
        {"command": "verify", "status": "adverse" if verified.adverse else "verified", **verified_document(verified)},
        verified_text(verified, key),
        EXIT_ADVERSE if verified.adverse else 0,
    )
