"""`attest key`: the keys that sign."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.passphrase import new_passphrase
from attest.cli.result import Result, json_option
from attest.errors import AttestError


@click.group()
def key() -> None:
    """Make the keys that sign statements."""


@key.command("new")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scheme", type=click.Choice(["ed25519", "ecdsa-p256-sha256"]), default="ed25519", show_default=True)
@click.option("--no-passphrase", is_flag=True, help="Do not encrypt the key; its file is the only protection.")
@click.option("--force", is_flag=True, help="Replace an existing key.")
@json_option
def new(path: Path, *, scheme: str, no_passphrase: bool, force: bool, as_json: bool) -> Result:  # noqa: ARG001
    """Make a key pair: PATH, encrypted, and PATH.pub for everyone.

    The passphrase is asked for, or taken from the environment variable ATTEST_PASSPHRASE.
    """
    from attest.attestation.keys import Signer
    from attest.files import SECRET_MODE, make_parent, refuse_existing, write_file

    public_path = path.with_name(path.name + ".pub")
    if not force:
        refuse_existing(path, public_path)
    make_parent(path)
    signer = Signer.generate(scheme)  # type: ignore[arg-type]
    write_file(path, signer.to_pem(None if no_passphrase else new_passphrase()), mode=SECRET_MODE, force=force)
    try:
        write_file(public_path, signer.public.to_pem(), force=force)
    except AttestError:
        path.unlink()
        raise
    fingerprint = signer.public.fingerprint
    return Result(
        {
            "command": "key new",
            "status": "done",
            "fingerprint": fingerprint,
            "scheme": scheme,
            "private": str(path),
            "public": str(public_path),
        },
        f"private key   {path}\npublic key    {public_path}\nfingerprint   {fingerprint}",
    )
