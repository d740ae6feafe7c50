"""`attest prove`: one customer's inclusion proof."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.result import Result, json_option


@click.command()
@click.argument("snapshot", type=click.Path(path_type=Path, file_okay=False))
@click.option("--account", required=True, help="The customer, as the ledger names them.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the proof to this file.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def prove(snapshot: Path, *, account: str, out: Path | None, force: bool, as_json: bool) -> Result:  # noqa: ARG001
    """Print the inclusion proof of one account of SNAPSHOT, a private folder that `attest run` wrote.

    Give the file to that customer: it shows their balances, and sums of some neighbours in the tree.
    """
    from attest.attestation.monthly import prove_account
    from attest.files import write_file

    proof = prove_account(snapshot, account)
    if out is None:
        return Result(proof.to_value(), proof.to_bytes().decode())
    write_file(out, proof.to_bytes(), force=force)
    return Result({"command": "prove", "status": "done", "proof": str(out)}, f"proof  {out}")
