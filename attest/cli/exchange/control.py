"""`attest control`: challenges for cold storage and custodians, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from attest.cli.options.passphrase import passphrase
from attest.cli.result import Result, json_option, surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.exchange.control.challenges import Challenges, Item
    from attest.exchange.control.returned import Standing

_THERE: Final = "the confirmation is there already: nothing was written\n"
_UNCHECKED: Final = "NOT CHECKED: only the contract can say"


@click.group()
def control() -> None:
    """Have the keys of every address sign a challenge, and check what comes back."""


@control.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--period", required=True, metavar="YYYY-MM", help="The month that the proofs are for.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--nonce", metavar="HEX", help="What the auditor drew, 16 to 64 bytes.")
@click.option(
    "--reserves",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of `attest reserves read`: descriptors sign for the addresses that it found coins at.",
)
@json_option
def challenge(
    config: Path, *, period: str, out: Path, nonce: str | None, reserves: Path | None, as_json: bool
) -> Result:
    """Write a challenge for every address of CONFIG, to be carried to the keys.

    NAME.txt is signed as it is, to the byte: by BIP-322 (P2PKH: BIP-137) on Bitcoin, by personal_sign on an EVM chain.
    NAME.typed.json is the same for eth_signTypedData_v4, NAME.psbt for wallets and devices that sign PSBTs: those of
    several signers, and those that sign no long text or no BIP-322. The addresses of a descriptor are those that hold
    coins now, or those in the reading of --reserves, which is exactly what the statement counts.

    Where a contract is, NAME.signers.md says who signs: of a Safe so many of its owners, each NAME.typed.json. What any
    other contract takes for a signature shows no key.

    With a sample in [control], --reserves and --nonce, a descriptor of more addresses signs for those that are drawn.
    The auditor is told the evidence root of the reading first, and draws the nonce then.

    A folder custodian-N holds what one custodian is asked, for `attest control confirm`.
    """
    from attest.chains.challenge import parse_nonce
    from attest.exchange.config import read_config
    from attest.exchange.control.ask import CUSTODIAN_FOLDER, write_challenges
    from attest.periods import parse_period

    around = surroundings(config, as_json=as_json)
    written = write_challenges(read_config(config), parse_period(period), parse_nonce(nonce), out, around, reserves)
    return Result(
        {
            "command": "control challenge",
            "status": "done",
            "folder": str(out),
            "challenges": [item.to_value() for item in written.items],
            "sample": None if written.sample is None else written.sample.to_value(),
            "custodians": {
                part.custodians[0].name: str(out / f"{CUSTODIAN_FOLDER}{number}")
                for number, part in enumerate(written.parts(), start=1)
            },
        },
        f"{len(written.items)} challenges  {out}\n{_custodians(written, out)}{_contracts_text(written.items)}\n"
        "Sign each NAME.txt, write the signature to NAME.sig, or sign NAME.psbt, and say:\n"
        f"  attest control add {out} NAME.sig NAME.psbt …",
    )


@control.command("confirm")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--custodian", required=True, metavar="NAME", help="Who confirms, by the name in the exchange's config.")
@click.option(
    "--key", "key_path", required=True, metavar="KEY", type=click.Path(path_type=Path, dir_okay=False),
    help="The custodian's private key.",
)  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A file ….confirmation.json.")
@click.option("--force", is_flag=True, help="Replace the file.")
@json_option
def confirm_(
    folder: Path,
    *,
    custodian: str,
    key_path: Path,
    out: Path,
    force: bool,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Confirm, as a custodian, that it holds the keys of the addresses that FOLDER asks it of. Check them first.

    FOLDER is a copy of the custodian-N of `attest control challenge`. A passphrase of the key is asked for, or taken
    from the environment variable ATTEST_PASSPHRASE.
    """
    from attest.cli.render.tables import new_table, render
    from attest.control.custody import CONFIRMATION
    from attest.exchange.control.confirm import write_confirmation
    from attest.exchange.own_keys import read_signer
    from attest.files import read_bounded
    from attest.signing.keys import MAX_KEY_BYTES
    from attest.signing.private_keys import tell_readers

    if not out.name.endswith(CONFIRMATION):
        raise click.UsageError(f"the file's name must end in {CONFIRMATION}, by which attest control add knows it")
    signer = read_signer(key_path, passphrase)
    tell_readers(key_path, read_bounded(key_path, MAX_KEY_BYTES))
    items, added = write_confirmation(folder, custodian, signer, out, force=force)
    table = new_table("entity", "period", "~chain", "~address")
    for item in items:
        asked = item.challenge
        table.add_row(asked.entity, asked.period, asked.chain, asked.address)
    return Result(
        {
            "command": "control confirm",
            "status": "done",
            "custodian": custodian,
            "fingerprint": signer.public.fingerprint,
            "confirmation": str(out),
            "added": int(added),
            "challenges": [item.challenge.to_value() for item in items],
        },
        f"{render(table)}\n\n{custodian} confirms that it holds the keys of these {len(items)} addresses  {out}\n"
        f"{'' if added else _THERE}signed by the key {signer.public.fingerprint}\n\n"
        f"The exchange says: attest control add FOLDER {out.name}",
    )


@control.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("signatures", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@json_option
def add(folder: Path, signatures: tuple[Path, ...], *, as_json: bool) -> Result:  # noqa: ARG001
    """Check SIGNATURES of the challenges in FOLDER, keep them there, and say what is still missing.

    NAME.sig holds a signature as the wallet writes it (text, armour or JSON), every NAME.….sig that of one owner of a
    Safe, every NAME.….psbt a PSBT that some of the signers signed, a ….confirmation.json what a custodian confirms;
    what several signed is added at once. Each is kept in the one form that is published. What does not hold is named
    and not kept. Without any, those that are there are checked again. The signature for a contract that is no Safe is
    kept unchecked: only the contract can say.
    """
    from attest.exchange.control.returned import add_signatures

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
            "confirmed": [
                {
                    "name": item.name,
                    "wallet": item.wallet,
                    "address": item.challenge.address,
                    "custodian": item.custodian,
                }
                for item in standing.confirmed
            ],
            "unchecked": [item.to_value() for item in standing.unchecked],
            "missing": [item.to_value() for item in standing.missing],
            "added": standing.added,
            "already": standing.already,
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
    from attest.cli.render.tables import new_table, render

    table = new_table("challenge", "wallet", "~address", "~signature")
    for item, method, _ in standing.returned:
        verdict = _UNCHECKED if method is None else f"VERIFIED, {method}"
        table.add_row(item.name, item.wallet, item.challenge.address, verdict)
    for item in standing.confirmed:
        table.add_row(item.name, item.wallet, item.challenge.address, f"VERIFIED, confirmed by {item.custodian}")
    for item in standing.missing:
        table.add_row(item.name, item.wallet, item.challenge.address, "missing")
    there = len(standing.returned) + len(standing.confirmed)
    confirmed = f", {len(standing.confirmed)} of them a custodian's word" if standing.confirmed else ""
    already = f"{standing.added} added, {standing.already} were there already\n" if standing.already else ""
    return f"{render(table)}\n\n{already}{there} of {there + len(standing.missing)} signatures are there{confirmed}"


def _custodians(written: Challenges, out: Path) -> str:
    """What to hand over to whom, in lines."""
    from attest.exchange.control.ask import CUSTODIAN_FOLDER

    return "".join(
        f"for {part.custodians[0].name}: {out / f'{CUSTODIAN_FOLDER}{number}'}, {len(part.items)} of them\n"
        for number, part in enumerate(written.parts(), start=1)
    )
