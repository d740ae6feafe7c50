"""`attest liabilities`: the snapshot of what is owed, by itself."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.result import Result, json_option, progress, show_names_option, surroundings, tell

_SNAPSHOT = click.argument("snapshot", type=click.Path(path_type=Path, file_okay=False))
_CONFIG = click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
_PERIOD = click.option("--period", required=True, metavar="YYYY-MM", help="The month.")


@click.group()
def liabilities() -> None:
    """Build, show and check the snapshot of what is owed."""


@liabilities.command()
@_CONFIG
@_PERIOD
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@show_names_option
@json_option
def build(config: Path, *, period: str, out: Path, show_names: bool, as_json: bool) -> Result:
    """Build the snapshot of the ledger that CONFIG names, without reading a chain or signing anything."""
    import secrets

    from attest.cli.render.snapshot import snapshot_document, snapshot_text
    from attest.exchange.config import read_config
    from attest.exchange.ledger import build_liabilities
    from attest.folders import new_folder
    from attest.liabilities.tree import SECRET_BYTES
    from attest.periods import parse_period

    settings = read_config(config)
    if show_names:
        settings = settings.showing_names()
    with new_folder(out, 0o700, tell(as_json)) as unfinished, progress(as_json=as_json) as advance:
        around = surroundings(config, advance, as_json=as_json)
        secret = secrets.token_bytes(SECRET_BYTES)
        manifest = build_liabilities(settings, parse_period(period), unfinished, secret, around)
    document = {"command": "liabilities build", "status": "done", "snapshot": str(out), **snapshot_document(manifest)}
    return Result(document, f"{snapshot_text(manifest, settings.decimals)}\n\nsnapshot  {out}")


@liabilities.command()
@_SNAPSHOT
@json_option
def show(snapshot: Path, *, as_json: bool) -> Result:  # noqa: ARG001
    """Show the totals of SNAPSHOT, and what it was built from. Nothing is checked."""
    from attest.attestation.proving import snapshot_folder
    from attest.cli.render.snapshot import snapshot_document, snapshot_text
    from attest.liabilities.snapshot.open import Snapshot

    with Snapshot(snapshot_folder(snapshot)) as opened:
        manifest = opened.manifest
    return Result(
        {"command": "liabilities show", "status": "unchecked", **snapshot_document(manifest)},
        f"NOT CHECKED: what the snapshot says of itself\n\n{snapshot_text(manifest, None)}",
    )


@liabilities.command()
@_SNAPSHOT
@_CONFIG
@_PERIOD
@show_names_option
@json_option
def check(snapshot: Path, config: Path, *, period: str, show_names: bool, as_json: bool) -> Result:
    """Build SNAPSHOT again, from the ledger that CONFIG names and the snapshot's secret, and compare."""
    from attest.cli.render.snapshot import snapshot_document, snapshot_text
    from attest.exchange.config import read_config
    from attest.exchange.ledger import check_liabilities
    from attest.periods import parse_period

    settings = read_config(config)
    if show_names:
        settings = settings.showing_names()
    with progress(as_json=as_json) as advance:
        around = surroundings(config, advance, as_json=as_json)
        manifest = check_liabilities(settings, parse_period(period), snapshot, around)
    return Result(
        {"command": "liabilities check", "status": "verified", **snapshot_document(manifest)},
        f"VERIFIED: the ledger and the secret lead to these trees, file by file\n\n"
        f"{snapshot_text(manifest, settings.decimals)}",
    )
