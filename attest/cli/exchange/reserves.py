"""`attest reserves`: what is held, read from the chains by itself."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.result import Result, json_option, progress, surroundings


@click.group()
def reserves() -> None:
    """Read the wallets of the register from the chains, and show what was read."""


@reserves.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--period", required=True, metavar="YYYY-MM", help="The month.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option(
    "--nonce",
    metavar="HEX",
    help="What the auditor drew, 16 to 64 bytes: it draws the blocks of the windows that CONFIG has.",
)
@json_option
def read(config: Path, *, period: str, out: Path, nonce: str | None, as_json: bool) -> Result:
    """Read every wallet that CONFIG names at one block per chain, with its evidence, without signing anything.

    Nodes keep the state of a block for minutes: read when the month ends, and give the folder to
    `attest run --reserves` when the ledger is closed. An auditor who is told the evidence root draws a nonce then, for
    `attest control challenge --reserves`. A reading that fails goes on at the same blocks when it is
    started again.
    """
    from attest.chains.challenge import parse_nonce
    from attest.cli.render.evidence import lines_table, reserves_document
    from attest.exchange.config import read_config
    from attest.exchange.reserves_folder import write_reserves
    from attest.periods import parse_period

    settings = read_config(config)
    with progress(as_json=as_json) as advance:
        around = surroundings(config, advance, as_json=as_json)
        own = write_reserves(settings, parse_period(period), out, around, parse_nonce(nonce))
    return Result(
        {"command": "reserves read", "status": "done", "reserves": str(out), **reserves_document(own)},
        f"{lines_table(own)}\n\nreserves  {out}\nevidence  {own.evidence.root.hex()}",
    )


@reserves.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
def show(folder: Path, *, as_json: bool) -> Result:  # noqa: ARG001
    """Show the blocks, lines and wallets of what was read into FOLDER. Nothing is checked."""
    from attest.attestation.reserves_file import read_reserves_file
    from attest.cli.render.evidence import lines_table, readings_table, reserves_document
    from attest.verification.evidence.folder import open_evidence

    own = read_reserves_file(folder)
    records = open_evidence(folder).records
    return Result(
        {"command": "reserves show", "status": "unchecked", **reserves_document(own)},
        "NOT CHECKED: what the reading says of itself (attest evidence check recomputes it)\n\n"
        f"{lines_table(own)}\n\n{readings_table(own, records)}",
    )
