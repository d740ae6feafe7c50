"""`attest control`: challenges for cold storage, and the signatures that come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.result import Result, json_option, tell

if TYPE_CHECKING:
    from attest.attestation.control import Standing


@click.group()
def control() -> None:
    """Have the keys of every address sign a challenge, and check what comes back."""


@control.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--period", required=True, metavar="YYYY-MM", help="The month that the proofs are for.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--nonce", metavar="HEX", help="What the auditor drew, 16 to 64 bytes.")
@json_option
def challenge(config: Path, *, period: str, out: Path, nonce: str | None, as_json: bool) -> Result:
    """Write a challenge for every address of CONFIG, to be carried to the keys.

    NAME.txt is signed as it is, to the byte: by BIP-322 (P2PKH: BIP-137) on Bitcoin, by personal_sign on an EVM chain.
    NAME.typed.json is the same for eth_signTypedData_v4, NAME.psbt for wallets that sign PSBTs, such as those of
    several signers. The addresses of a descriptor are those that hold coins now.
    """
    import os
    from datetime import UTC, datetime

    from attest.attestation.config import read_config
    from attest.attestation.control import write_challenges
    from attest.attestation.monthly import parse_period
    from attest.attestation.reserves import Surroundings
    from attest.reserves.challenge import parse_nonce

    around = Surroundings(config.parent, datetime.now(UTC), os.environ, tell(as_json))
    written = write_challenges(read_config(config), parse_period(period), parse_nonce(nonce), out, around)
    return Result(
        {
            "command": "control challenge",
            "status": "done",
            "folder": str(out),
            "challenges": [item.to_value() for item in written.items],
        },
        f"{len(written.items)} challenges  {out}\n\nSign each NAME.txt, write the signature to NAME.sig, and say:\n"
        f"  attest control add {out} NAME.sig …",
    )


@control.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("signatures", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@json_option
def add(folder: Path, signatures: tuple[Path, ...], *, as_json: bool) -> Result:  # noqa: ARG001
    """Check SIGNATURES of the challenges in FOLDER, keep them there, and say what is still missing.

    NAME.sig holds a signature as the wallet shows it, every NAME.….psbt a PSBT that some of the signers signed. Without
    any, those that are there are checked again.
    """
    from attest.attestation.control import add_signatures

    standing = add_signatures(folder, signatures)
    return Result(
        {
            "command": "control add",
            "status": "incomplete" if standing.missing else "verified",
            "returned": [
                {
                    "name": item.name,
                    "wallet": item.wallet,
                    "address": item.challenge.address,
                    "method": method,
                }
                for item, method, _ in standing.returned
            ],
            "missing": [item.to_value() for item in standing.missing],
        },
        _text(standing),
    )


def _text(standing: Standing) -> str:
    from attest.cli.tables import new_table, render

    table = new_table("challenge", "wallet", "address", "signature")
    for item, method, _ in standing.returned:
        table.add_row(item.name, item.wallet, item.challenge.address, f"VERIFIED, {method}")
    for item in standing.missing:
        table.add_row(item.name, item.wallet, item.challenge.address, "missing")
    total = len(standing.returned) + len(standing.missing)
    return f"{render(table)}\n\n{len(standing.returned)} of {total} signatures are there"
