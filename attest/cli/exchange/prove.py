"""`attest prove`: inclusion proofs, of one customer or of all, and the pointer to the statement that they are of."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.result import Result, json_option, progress
from attest.errors import MalformedError, UnavailableError
from attest.files import is_file

if TYPE_CHECKING:
    from attest.attestation.pack import Pack
    from attest.liabilities.proof import InclusionProof


@click.command()
@click.argument("snapshot", type=click.Path(path_type=Path, file_okay=False))
@click.option("--account", help="The customer, as the ledger names them.")
@click.option("--all", "everyone", is_flag=True, help="Make the proofs of all customers; needs --out.")
@click.option(
    "--pack", metavar="[BUNDLE]", is_flag=False, flag_value="",
    help="With --account: put the bundle beside the proof, both in one file for a phone. BUNDLE is the one that was "
    "published; without it, that in publication/MONTH beside the folder of private ones.",
)  # fmt: skip
@click.option(
    "--qr", metavar="SVG", type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of a proof: draw the pointer to the statement as a QR code, for paper. It is one for all customers.",
)  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The proof's file, or with --all a folder.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def prove(
    snapshot: Path,
    *,
    account: str | None,
    everyone: bool,
    pack: str | None,
    qr: Path | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> Result:
    """Make inclusion proofs from SNAPSHOT, a private folder that `attest run` wrote.

    Give each to its customer alone: it shows their balances, and sums of some neighbours in the tree. With --all
    the folder gets 256 files of JSON lines, compressed with zstd, by the first byte of the account digest; if
    interrupted, the same command goes on.
    """
    if [account is not None, everyone, qr is not None].count(True) != 1:
        raise click.UsageError("say one of --account, --all and --qr")
    if everyone and out is None:
        raise click.UsageError("--all needs --out, a folder")
    if pack is not None and account is None:
        raise click.UsageError("--pack is of one --account: a bundle beside each proof would be in all of them")
    if qr is not None and out is not None:
        raise click.UsageError("--qr says itself which file is written: leave out --out")
    try:
        if qr is not None:
            return _pointed(snapshot, qr, force=force)
        if account is not None:
            return _one(snapshot, account, pack, out, force=force)
        return _everyone(snapshot, out, as_json=as_json)  # type: ignore[arg-type]
    except UnavailableError as error:
        if is_file(snapshot / "statement.json"):
            raise
        hint = "SNAPSHOT is the private folder of a month, with statement.json and liabilities, which nobody publishes"
        raise UnavailableError(error.code, error.message, hint=hint) from None


def _everyone(snapshot: Path, out: Path, *, as_json: bool) -> Result:
    from attest.attestation.proving import open_snapshot

    with progress(as_json=as_json) as advance, open_snapshot(snapshot) as opened:
        written = opened.prove_all(out, partial(advance, "proofs"))
    return Result(
        {"command": "prove", "status": "done", "proofs": str(out), "written": written},
        f"{written:,} proofs  {out}" if written else f"all proofs are there already  {out}",
    )


def _one(snapshot: Path, account: str, bundle: str | None, out: Path | None, *, force: bool) -> Result:
    from attest.attestation.proving import open_snapshot
    from attest.files import SECRET_MODE
    from attest.writing import write_once

    with open_snapshot(snapshot) as opened:
        proof = opened.prove(account)
    kind, made = ("proof", proof) if bundle is None else ("pack", _packed(snapshot, bundle, proof))
    if out is None:
        return Result(made.to_value(), made.to_bytes().decode())
    added = write_once(out, made.to_bytes(), mode=SECRET_MODE, force=force)
    said = f"{kind}  {out}" if added else f"the {kind} is there already: nothing was written  {out}"
    return Result({"command": "prove", "status": "done", kind: str(out), "added": int(added)}, said)


def _packed(snapshot: Path, bundle: str, proof: InclusionProof) -> Pack:
    """The pack of `proof` and the bundle at a path, or without one where `attest run` publishes it."""
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.pack import pack
    from attest.attestation.proving import published_bundle
    from attest.cli.options.kinds import BUNDLE, explained
    from attest.files import read_bounded

    path = Path(bundle) if bundle else published_bundle(snapshot)
    try:
        return pack(read_bounded(path, MAX_BUNDLE_BYTES), proof, what=str(path))
    except UnavailableError as error:
        hint = "the bundle that was published of this month goes into the pack; say where it is: --pack BUNDLE"
        raise UnavailableError(error.code, error.message, hint=hint) from None
    except MalformedError as error:
        raise explained(error, (path, BUNDLE)) from None


def _pointed(snapshot: Path, out: Path, *, force: bool) -> Result:
    from attest.attestation.pointer import pointer_picture
    from attest.attestation.proving import open_snapshot
    from attest.files import PUBLIC_MODE
    from attest.writing import write_once

    with open_snapshot(snapshot) as opened:
        pointer = opened.pointer
    added = write_once(out, pointer_picture(pointer), mode=PUBLIC_MODE, force=force)
    where = f"QR code   {out}" if added else f"the QR code is there already: nothing was written  {out}"
    document = {"command": "prove", "status": "done", "pointer": pointer, "qr": str(out), "added": int(added)}
    return Result(document, f"pointer   {pointer}\n{where}")
