"""`attest verify`: everything that can be checked about a bundle, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.result import Result, error_document, error_text, json_option
from attest.errors import EXIT_ADVERSE, AttestError, exit_code

if TYPE_CHECKING:
    from attest.attestation.keys import PublicKey


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key", "key_path", required=True, metavar="PUB", type=click.Path(path_type=Path, dir_okay=False),
    help="The exchange's public key, from a place you trust; never from beside the bundle.",
)  # fmt: skip
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False), help="An inclusion proof to verify too.")
@click.option("--nonce", metavar="HEX", help="What the auditor drew: a challenge that names another is refused.")
@click.option(
    "--custodian",
    "custodian_keys",
    multiple=True,
    metavar="NAME=PUB",
    help="A custodian's public key, from a place you trust; its confirmations count. Repeatable.",
)
@json_option
def verify(
    bundle: Path,
    *,
    key_path: Path,
    proof: Path | None,
    nonce: str | None,
    custodian_keys: tuple[str, ...],
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Verify BUNDLE without a network: signatures, arithmetic, evidence beside it, and an inclusion proof."""
    from datetime import UTC, datetime

    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.attestation.verify import MAX_FILE_BYTES, Step
    from attest.attestation.verify import verify as verify_bundle
    from attest.cli.render import failed_text, step_document, verified_document, verified_text
    from attest.files import read_bounded
    from attest.liabilities.proof import MAX_PROOF_BYTES
    from attest.reserves.challenge import parse_nonce

    def beside(name: str) -> bytes | None:
        path = bundle.parent / name
        return read_bounded(path, MAX_FILE_BYTES) if path.is_file() else None

    bundle_bytes = read_bounded(bundle, MAX_BUNDLE_BYTES)
    proof_bytes = None if proof is None else read_bounded(proof, MAX_PROOF_BYTES)
    key = PublicKey.from_pem(read_bounded(key_path, MAX_KEY_BYTES), what=str(key_path))
    drawn = None if nonce is None else parse_nonce(nonce)
    custodians = _custodians(custodian_keys)
    steps: list[Step] = []
    try:
        verified = verify_bundle(
            bundle_bytes,
            exchange_keys=[key],
            threshold=1,
            now=datetime.now(UTC),
            files=beside,
            proof_bytes=proof_bytes,
            nonce=drawn,
            custodians=custodians,
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


def _custodians(items: Iterable[str]) -> dict[str, PublicKey]:
    """The keys of `--custodian`, by name."""
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.files import read_bounded

    keys: dict[str, PublicKey] = {}
    for item in items:
        name, _, path = item.rpartition("=")
        if not name or not path:
            raise click.UsageError("--custodian takes NAME=PUB, the name in the evidence and a file")
        if name in keys:
            raise click.UsageError(f"--custodian names {name} twice")
        keys[name] = PublicKey.from_pem(read_bounded(Path(path), MAX_KEY_BYTES), what=path)
    return keys
