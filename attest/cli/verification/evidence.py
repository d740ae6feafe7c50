"""`attest evidence`: the records behind the balances."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from attest.cli.result import Result, json_option, progress, tell
from attest.errors import EXIT_CODES, UnavailableError

_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def evidence() -> None:
    """Show, disclose and check the evidence behind the balances."""


@evidence.command()
@_FOLDER
@json_option
def show(folder: Path, *, as_json: bool) -> Result:  # noqa: ARG001
    """List the records in FOLDER, each of which leads to the evidence root."""
    from attest.cli.render.evidence import records_document, records_table
    from attest.verification.evidence.folder import open_evidence

    opened = open_evidence(folder)
    said = f"{len(opened.records)} of {opened.basis.evidence.count} records lead to the root in {opened.basis.name}"
    return Result(
        {"command": "evidence show", "status": "unchecked", **records_document(opened)},
        f"NOT CHECKED: no balance was recomputed; {said}\n\n{records_table(opened)}",
    )


@evidence.command()
@_FOLDER
@click.argument("wallet")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The file to write; WALLET.disclosed.jsonl otherwise."
)
@click.option("--descriptor", is_flag=True, help="Disclose the descriptor too: it reveals every future address.")
@click.option("--force", is_flag=True, help="Replace the file.")
@json_option
def disclose(
    folder: Path,
    wallet: str,
    *,
    out: Path | None,
    descriptor: bool,
    force: bool,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Write the records of one WALLET for one reader, who checks them against the published statement.

    FOLDER is the private one. The reader puts the file beside the bundle and says `attest evidence check`.
    """
    from attest.files import SECRET_MODE
    from attest.verification.evidence.folder import DISCLOSED, open_evidence
    from attest.writing import write_once

    lines = open_evidence(folder).disclose(wallet, descriptor=descriptor)
    path = out or Path(f"{wallet}{DISCLOSED}")
    if not path.name.endswith(DISCLOSED):
        raise click.UsageError(f"the file's name must end in {DISCLOSED}, by which a check finds it")
    added = write_once(path, lines, mode=SECRET_MODE, force=force)
    count = lines.count(b"\n")
    document = {
        "command": "evidence disclose",
        "status": "done",
        "wallet": wallet,
        "disclosed": str(path),
        "records": count,
        "added": int(added),
    }
    there = "" if added else ", which were there already: nothing was written"
    told = "Who gets it puts it beside the bundle and says: attest evidence check FOLDER"
    return Result(document, f"{count} records  {path}{there}\n\n{told}")


@evidence.command()
@_FOLDER
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="CHAIN=URL",
    help="Ask a node of this chain again; ${NAME} in the URL stands for an environment variable. Repeatable.",
)
@click.option(
    "--utxo-set",
    "utxo_sets",
    multiple=True,
    metavar="CHAIN=FILE",
    help="What a Bitcoin node wrote with dumptxoutset at the pinned block. Repeatable.",
)
@json_option
def check(folder: Path, *, nodes: tuple[str, ...], utxo_sets: tuple[str, ...], as_json: bool) -> Result:
    """Recompute every balance in FOLDER from block headers, proofs and outputs. Needs no network.

    FOLDER holds evidence and what binds it: the bundle, the private statement, or reserves.json. Signatures are
    for `attest verify`.
    """
    import os
    from functools import partial

    from attest.cli.render.evidence import checked_document, checked_text
    from attest.verification.evidence.check import check_evidence

    with progress(as_json=as_json) as advance:
        checked = check_evidence(
            folder,
            nodes=by_chain("--node", nodes),
            utxo_sets={chain: Path(path) for chain, path in by_chain("--utxo-set", utxo_sets).items()},
            environment=os.environ,
            tell=tell(as_json),
            progress=partial(advance, "outputs" if utxo_sets else "balances"),
        )
    return Result(
        {
            "command": "evidence check",
            "status": "unchecked" if checked.nothing else "verified",
            **checked_document(checked),
        },
        checked_text(checked),
        EXIT_CODES[UnavailableError] if checked.nothing else 0,
    )


def by_chain(option: str, items: Iterable[str]) -> dict[str, str]:
    """The values of an option that is given once a chain, CHAIN=…, by chain."""
    values: dict[str, str] = {}
    for item in items:
        chain, _, value = item.partition("=")
        if not chain or not value:
            raise click.UsageError(f"{option} takes CHAIN=…, such as eip155:1=…")
        if chain in values:
            raise click.UsageError(f"{option} names {chain} twice")
        values[chain] = value
    return values
