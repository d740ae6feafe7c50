"""`attest key`: the keys that sign."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.passphrase import new_passphrase, passphrase_fd_option, secrets_from
from attest.cli.result import Result, json_option
from attest.errors import AttestError


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
    """
    from attest.attestation.keys import MAX_KEY_BYTES, Signer
    from attest.files import SECRET_MODE, make_parent, read_bounded, refuse_existing, write_file

    public_path = path.with_name(path.name + ".pub")
    if not force:
        refuse_existing(path, public_path)
    signer = Signer.generate(scheme)  # type: ignore[arg-type]
    private = signer.to_pem(None if no_passphrase else new_passphrase(passphrase_fd))
    make_parent(path)
    before = read_bounded(public_path, MAX_KEY_BYTES) if public_path.is_file() else None
    # The public one first: should this stop half-way, the private key that --force replaces is not lost.
    write_file(public_path, signer.public.to_pem(), force=force)
    try:
        write_file(path, private, mode=SECRET_MODE, force=force)
    except AttestError:
        if before is None:
            public_path.unlink()
        else:
            write_file(public_path, before, force=True)
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
    from attest.attestation.signers import public_key
    from attest.files import make_parent, write_file

    found = public_key(public, secrets=secrets_from(passphrase_fd))
    if out is not None:
        make_parent(out)
        write_file(out, found.to_pem(), force=force)
    rows = [" ".join(f"{word:<8}" for word in found.words[i : i + 6]).rstrip() for i in range(0, len(found.words), 6)]
    text = f"fingerprint   {found.fingerprint}\nscheme        {found.scheme}\nwords         {rows[0]}"
    text += "".join(f"\n              {row}" for row in rows[1:])
    document = {
        "command": "key show",
        "status": "done",
        "fingerprint": found.fingerprint,
        "scheme": found.scheme,
        "words": list(found.words),
    }
    return Result(document, text)
