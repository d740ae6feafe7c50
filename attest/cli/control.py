"""`attest control`: challenges for cold storage, and the signatures that come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from attest.cli.result import Result, json_option, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.attestation.control import Item, Standing

_UNCHECKED: Final = "NOT CHECKED: only the contract can say"


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

    Where a contract is, NAME.signers.md says who signs: of a Safe so many of its owners, each NAME.typed.json. What any
    other contract takes for a signature shows no key.
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
        f"{len(written.items)} challenges  {out}\n{_contracts_text(written.items)}\n"
        "Sign each NAME.txt, write the signature to NAME.sig, and say:\n"
        f"  attest control add {out} NAME.sig …",
    )


@control.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("signatures", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@json_option
def add(folder: Path, signatures: tuple[Path, ...], *, as_json: bool) -> Result:  # noqa: ARG001
    """Check SIGNATURES of the challenges in FOLDER, keep them there, and say what is still missing.

    NAME.sig holds a signature as the wallet shows it, every NAME.….sig that of one owner of a Safe, every NAME.….psbt a
    PSBT that some of the signers signed; what several signed is added at once. Without any, those that are there are
    checked again. The signature for a contract that is no Safe is kept unchecked: only the contract can say.
    """
    from attest.attestation.control import add_signatures

    standing = add_signatures(folder, signatures)
    return Result(
        {
            "command": "control add",
            "status": "incomplete" if standing.missing else "unchecked" if standing.unchecked else "verified",
            "returned": [
                {
                    "name": item.name,
                    "wallet": item.wallet,
                    "address": item.challenge.address,
                    "method": method,
                }
                for item, method, _ in standing.returned
                if method is not None
            ],
            "unchecked": [item.to_value() for item in standing.unchecked],
            "missing": [item.to_value() for item in standing.missing],
        },
        _text(standing),
    )


def _contracts_text(items: Sequence[Item]) -> str:
    lines = []
    for item in items:
        if item.contract is None:
            continue
        owners, threshold = item.contract.owners, item.contract.threshold
        who = (
            "a contract, whose word shows no key" if owners is None else f"a Safe: {threshold} of {len(owners)} owners"
        )
        lines.append(f"{item.name} is for {who}; see {item.name}.signers.md\n")
    return "".join(lines)


def _text(standing: Standing) -> str:
    from attest.cli.tables import new_table, render

    table = new_table("challenge", "wallet", "address", "signature")
    for item, method, _ in standing.returned:
        verdict = _UNCHECKED if method is None else f"VERIFIED, {method}"
        table.add_row(item.name, item.wallet, item.challenge.address, verdict)
    for item in standing.missing:
        table.add_row(item.name, item.wallet, item.challenge.address, "missing")
    total = len(standing.returned) + len(standing.missing)
    return f"{render(table)}\n\n{len(standing.returned)} of {total} signatures are there"
