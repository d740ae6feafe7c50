"""`attest key`: the keys that sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.options.passphrase import new_passphrase, passphrase_fd_option, secrets_from
from attest.cli.result import Result, json_option, words_text

if TYPE_CHECKING:
    from attest.signing.key_files import KeyFiles
    from attest.signing.keys import Signer


@click.group()
def key() -> None:
    """Make the keys that sign, and show them."""


@key.command("new")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scheme", type=click.Choice(["ed25519", "ecdsa-p256-sha256"]), default="ed25519", show_default=True)
@click.option("--no-passphrase", is_flag=True, help="Do not encrypt the key; its file is the only protection.")
@click.option("--force", is_flag=True, help="Replace an existing key.")
@passphrase_fd_option
@json_option
def new(
    path: Path,
    *,
    scheme: str,
    no_passphrase: bool,
    force: bool,
    passphrase_fd: int | None,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Make a key pair: PATH, encrypted, and PATH.pub for everyone.

    The passphrase is asked for, read from --passphrase-fd, or taken from the environment variable ATTEST_PASSPHRASE.
    Where a run was stopped that had made the private key alone, the same command writes its public one.
    """
    from attest.signing.key_files import KeyFiles
    from attest.signing.keys import Signer

    pair = KeyFiles(path, path.with_name(path.name + ".pub"))
    if not force and pair.is_half_made:
        signer = pair.left(scheme, secrets_from(passphrase_fd), encrypted=not no_passphrase)
        pair.complete(signer)
        return _made(pair, signer, completed=True)
    if not force:
        pair.refuse_existing()
    signer = Signer.generate(scheme)  # type: ignore[arg-type]
    pem = signer.to_pem(None if no_passphrase else new_passphrase(passphrase_fd))
    pair.write(signer, pem, force=force)
    return _made(pair, signer, completed=False)


def _made(pair: KeyFiles, signer: Signer, *, completed: bool) -> Result:
    fingerprint = signer.public.fingerprint
    there = "; it was there already, and its public key was not" if completed else ""
    return Result(
        {
            "command": "key new",
            "status": "done",
            "fingerprint": fingerprint,
            "scheme": signer.public.scheme,
            "private": str(pair.private),
            "public": str(pair.public),
            "completed": completed,
        },
        f"private key   {pair.private}{there}\npublic key    {pair.public}\nfingerprint   {fingerprint}",
    )


@key.command("show")
@click.argument("public", metavar="KEY")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the public key there, as PEM."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@passphrase_fd_option
@json_option
def show(public: str, *, out: Path | None, force: bool, passphrase_fd: int | None, as_json: bool) -> Result:  # noqa: ARG001
    """Show the fingerprint of KEY, also as words to read out over the telephone.

    KEY is the PEM file of a public key, a key on a token, or a key at AWS. On a token, pkcs11:token=TOKEN;id=%00%02
    names it by the bytes of its id, pkcs11:token=TOKEN;object=NAME by its label (RFC 7512), and hsm:2?label=TOKEN by a
    number; the environment variable PYKCS11LIB names the library of the token. At AWS, awskms:alias/NAME names it, and
    the environment the region and the credentials. Compare all 24 words.
    """
    from attest.files import PUBLIC_MODE, make_parent
    from attest.signing.signers import public_key
    from attest.writing import write_once

    found = public_key(public, secrets=secrets_from(passphrase_fd))
    if out is not None:
        make_parent(out)
        write_once(out, found.to_pem(), mode=PUBLIC_MODE, force=force)
    text = f"fingerprint   {found.fingerprint}\nscheme        {found.scheme}\nwords         {words_text(found.words)}"
    document = {
        "command": "key show",
        "status": "done",
        "fingerprint": found.fingerprint,
        "scheme": found.scheme,
        "words": list(found.words),
    }
    return Result(document, text)
