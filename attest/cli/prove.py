"""`attest prove`: inclusion proofs, of one customer or of all."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from attest.cli.result import Result, json_option, progress
from attest.errors import UnavailableError
from attest.files import is_file


@click.command()
@click.argument("snapshot", type=click.Path(path_type=Path, file_okay=False))
@click.option("--account", help="The customer, as the ledger names them.")
@click.option("--all", "everyone", is_flag=True, help="Make the proofs of all customers; needs --out.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The proof's file, or with --all a folder.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def prove(
    snapshot: Path, *, account: str | None, everyone: bool, out: Path | None, force: bool, as_json: bool
) -> Result:
    """Make inclusion proofs from SNAPSHOT, a private folder that `attest run` wrote.

    Give each to its customer alone: it shows their balances, and sums of some neighbours in the tree. With --all
    the folder gets 256 files of JSON lines, compressed with zstd, by the first byte of the account digest; if
    interrupted, the same command goes on.
    """
    if everyone == (account is not None):
        raise click.UsageError("say either --account or --all")
    if everyone and out is None:
        raise click.UsageError("--all needs --out, a folder")
    try:
        if account is not None:
            return _one(snapshot, account, out, force=force)
        return _everyone(snapshot, out, as_json=as_json)  # type: ignore[arg-type]
    except UnavailableError as error:
        if is_file(snapshot / "statement.json"):
            raise
        hint = "SNAPSHOT is the private folder of a month, with statement.json and liabilities, which nobody publishes"
        raise UnavailableError(error.code, error.message, hint=hint) from None


def _everyone(snapshot: Path, out: Path, *, as_json: bool) -> Result:
    from attest.attestation.snapshot import prove_everyone

    with progress(as_json=as_json) as advance:
        written = prove_everyone(snapshot, out, partial(advance, "proofs"))
    return Result(
        {"command": "prove", "status": "done", "proofs": str(out), "written": written},
        f"{written:,} proofs  {out}" if written else f"all proofs are there already  {out}",
    )


def _one(snapshot: Path, account: str, out: Path | None, *, force: bool) -> Result:
    from attest.attestation.snapshot import prove_account
    from attest.files import SECRET_MODE
    from attest.writing import write_once

    proof = prove_account(snapshot, account)
    if out is None:
        return Result(proof.to_value(), proof.to_bytes().decode())
    added = write_once(out, proof.to_bytes(), mode=SECRET_MODE, force=force)
    said = f"proof  {out}" if added else f"the proof is there already: nothing was written  {out}"
    return Result({"command": "prove", "status": "done", "proof": str(out), "added": int(added)}, said)
