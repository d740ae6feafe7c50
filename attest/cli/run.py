"""`attest run`: the monthly job."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.passphrase import passphrase_fd_option, secrets_from
from attest.cli.result import Result, json_option, progress, tell
from attest.errors import EXIT_ADVERSE

_MISSING = {
    "exchange": "{} more of the exchange's keys must sign: attest sign BUNDLE --key URI",
    "auditor": "{} of the auditor's keys must sign: attest countersign BUNDLE --key URI",
}


@click.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--period", required=True, metavar="YYYY-MM", help="The month to attest.")
@click.option(
    "--reserves",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of `attest reserves read`, instead of reading the chains now.",
)
@click.option(
    "--control",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of `attest control challenge` with the signatures that came back. Repeatable, for what came later.",
)
@click.option(
    "--nonce",
    metavar="HEX",
    help="What the auditor drew, 16 to 64 bytes: it draws the blocks of the windows that CONFIG has.",
)
@passphrase_fd_option
@json_option
def run(
    config: Path,
    *,
    period: str,
    reserves: Path | None,
    control: tuple[Path, ...],
    nonce: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> Result:
    """Attest one month: read ledger and chains as CONFIG says, sign, verify, publish.

    Writes a publication folder for everyone and a private one for the exchange and its auditor. A passphrase or PIN of
    the signing key is asked for, read from --passphrase-fd, or taken from the environment variable ATTEST_PASSPHRASE.
    """
    import secrets
    from datetime import UTC, datetime

    from attest.attestation import monthly
    from attest.attestation.config import read_config
    from attest.attestation.signing import missing_signatures
    from attest.cli.render import (
        coverage_document,
        coverage_table,
        not_met_text,
        rules_text,
        step_document,
        windows_document,
    )
    from attest.liabilities.tree import SECRET_BYTES
    from attest.reserves.challenge import parse_nonce

    with progress(as_json=as_json) as advance:
        outcome = monthly.run(
            read_config(config),
            config.parent,
            monthly.parse_period(period),
            now=datetime.now(UTC),
            secret=secrets.token_bytes(SECRET_BYTES),
            passphrase=secrets_from(passphrase_fd),
            read=reserves,
            control=control,
            nonce=parse_nonce(nonce),
            tell=tell(as_json),
            progress=advance,
        )
    verified = outcome.verified
    missing = missing_signatures(verified.signatories)
    return Result(
        {
            "command": "run",
            "status": "adverse" if verified.adverse else "done",
            "period": period,
            "statement": verified.digest.hex(),
            "bundle": str(outcome.bundle),
            "private": str(outcome.private),
            "missing": missing,
            "steps": [step_document(step) for step in verified.steps],
            "coverage": coverage_document(verified),
            "windows": windows_document(verified),
        },
        f"{coverage_table(verified)}\n\n{not_met_text(verified)}{rules_text(verified)}"
        f"published  {outcome.publication}\nprivate    {outcome.private}\nstatement  {verified.digest.hex()}"
        + "".join(f"\nmissing    {_MISSING[role].format(count)}" for role, count in missing.items()),
        EXIT_ADVERSE if verified.adverse else 0,
    )
