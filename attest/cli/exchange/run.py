"""`attest run`: the monthly job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from attest.cli.options.anchors import missing_text
from attest.cli.options.passphrase import passphrase_fd_option, secrets_from
from attest.cli.result import Result, json_option, progress, show_names_option, surroundings
from attest.errors import EXIT_ADVERSE

if TYPE_CHECKING:
    from attest.exchange.publishing.finishing import Outcome
    from attest.verification.verified import Verified

_SHOWN: Final = 3


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
@click.option(
    "--leave-out",
    multiple=True,
    metavar="YYYY-MM",
    help="A month before this one that will never have a statement, which readers will find. Repeatable.",
)
@click.option(
    "--new-record",
    is_flag=True,
    help="Write the record of what was ever signed, which is lost, anew from the months that are published.",
)
@show_names_option
@passphrase_fd_option
@json_option
def run(
    config: Path,
    *,
    period: str,
    reserves: Path | None,
    control: tuple[Path, ...],
    nonce: str | None,
    leave_out: tuple[str, ...],
    new_record: bool,
    show_names: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> Result:
    """Attest one month: read ledger and chains as CONFIG says, sign, verify, publish.

    Writes a publication folder for everyone and a private one for the exchange and its auditor. A passphrase or PIN of
    the signing key is asked for, read from --passphrase-fd, or taken from the environment variable ATTEST_PASSPHRASE.
    A statement is written down before it is signed, beside the key or where [keys] record says; a run that was stopped
    after that is finished by the next one with the same statement.
    """
    import secrets

    from attest.chains.challenge import parse_nonce
    from attest.exchange.config import read_config
    from attest.exchange.month import run as attest_month
    from attest.exchange.months import skipped_months
    from attest.exchange.stages import MonthInputs
    from attest.liabilities.tree import SECRET_BYTES
    from attest.periods import parse_period

    settings = read_config(config)
    if show_names:
        settings = settings.showing_names()
    month = parse_period(period)
    if leave_out:
        _require_skipped(leave_out, skipped_months(config.parent / settings.publication.folder, month), month)
    with progress(as_json=as_json) as advance:
        inputs = MonthInputs(
            secrets.token_bytes(SECRET_BYTES),
            secrets_from(passphrase_fd),
            read=reserves,
            control=control,
            nonce=parse_nonce(nonce),
            left_out=leave_out,
            new_record=new_record,
        )
        outcome = attest_month(settings, month, surroundings(config, advance, as_json=as_json), inputs)
    return _told(outcome, period)


def _require_skipped(leave_out: Sequence[str], skipped: Sequence[str], month: str) -> None:
    """Refuse to leave out a month that is not one of those `skipped` between the last published one and `month`."""
    for name in leave_out:
        if name not in skipped:
            said = f"those between are {', '.join(skipped[:12])}" if skipped else "there is none between"
            raise click.UsageError(f"--leave-out {name} is not between the last published month and {month}; {said}")


def _told(outcome: Outcome, period: str) -> Result:
    """What was published, and what readers will find in it."""
    from attest.cli.render.coverage import coverage_document, coverage_table, windows_document
    from attest.cli.render.verified import not_met_text, rules_text, step_document
    from attest.exchange.own_keys import missing_signatures

    verified = outcome.verified
    missing = missing_signatures(verified.signatories, verified.trust)
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
            "unsigned": _unsigned(verified),
        },
        f"{coverage_table(verified)}\n\n{not_met_text(verified)}{_unsigned_text(verified)}{rules_text(verified)}"
        f"published  {outcome.publication}\nprivate    {outcome.private}\nstatement  {verified.digest.hex()}"
        + (f"\n{missing_text(missing)}" if missing else ""),
        EXIT_ADVERSE if verified.adverse else 0,
    )


def _unsigned(verified: Verified) -> list[str]:
    """The wallets of which nothing shows the keys, where keys were asked to sign."""
    if verified.step("control").status != "NOT MET":
        return []
    return [row.wallet for row in verified.wallets if row.control == "none"]


def _unsigned_text(verified: Verified) -> str:
    """A line that names the first of the wallets that are `_unsigned`."""
    names = _unsigned(verified)
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    found = verified.controlled
    said = ": keys were asked, and nothing came back" if found is not None and found.is_bare else ""
    return f"unsigned   {', '.join(names[:_SHOWN])}{more}{said}\n"
