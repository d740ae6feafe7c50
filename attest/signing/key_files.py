"""The two files of a key pair: the private key and, beside it, the public key.

The private key is written first, and a public key that is to be replaced is removed first, because a run may be stopped
at any time: so a public key that is there always belongs to the private key beside it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.files import (
    PUBLIC_MODE,
    SECRET_MODE,
    is_file,
    make_parent,
    read_bounded,
    reason,
    refuse_existing,
    write_file,
)
from attest.signing.keys import MAX_KEY_BYTES, Signer
from attest.signing.signers import Secrets
from attest.writing import write_once


class KeyFiles(NamedTuple):
    """The paths of a key pair.

    `private`: the file of the private key, PEM PKCS#8.
    `public`: the file of the public key, PEM.
    """

    private: Path
    public: Path

    @property
    def is_half_made(self) -> bool:
        """Whether the private key is there without the public one, as when a run was stopped between the two."""
        return os.path.lexists(self.private) and not os.path.lexists(self.public)

    def refuse_existing(self) -> None:
        """Raise `UnavailableError` when one of the two files exists."""
        if os.path.lexists(self.public) and not os.path.lexists(self.private):
            raise UnavailableError(
                "file/exists",
                f"{self.public} is there without {self.private}, which may be kept elsewhere",
                hint="choose another name, or move it away",
            )
        if is_file(self.public):
            self._leave(self.public, PUBLIC_MODE)
        refuse_existing(self.private, self.public)

    def write(self, signer: Signer, pem: bytes, *, force: bool) -> None:
        """Write both files; without `force`, neither stays when one of them cannot be written.

        `signer`: the key pair.
        `pem`: its private key, as the private file is to have it.
        `force`: whether files that exist are replaced. When then the public key cannot be written, the private file
        stays, because the key before it is gone, and `complete` can write the public key later.
        Raises `UnavailableError` when a file cannot be written, or exists and not `force`.
        """
        make_parent(self.private)
        before = self._remove_public() if force else None
        try:
            write_file(self.private, pem, mode=SECRET_MODE, force=force)
        except AttestError:
            if before is not None:
                write_file(self.public, before)
            raise
        try:
            self._write_public(signer)
        except AttestError:
            if not force:
                self._remove_public()  # writing it may have failed after the file got its name
                self.private.unlink()
            raise

    def complete(self, signer: Signer) -> None:
        """Write the public key of `signer`, whose private key is in its file already.

        Raises `UnavailableError` when the file has another public key, or cannot be written.
        """
        self._leave(self.private, SECRET_MODE)
        self._write_public(signer)

    def left(self, scheme: str, secrets: Secrets, *, encrypted: bool) -> Signer:
        """The private key that a stopped run left without its public key.

        `scheme`: the scheme that it must have.
        `secrets`: asked for `"passphrase"` when the key is encrypted.
        `encrypted`: whether it must be encrypted.
        Raises `UnavailableError` when the file cannot be read or holds no private key, when the key has another scheme
        or should (not) be encrypted, and when the passphrase does not open it or is none that a key can have.
        """
        hint = "say what it was made with, or move it away to make another"
        asked = False

        def passphrase() -> str:
            nonlocal asked
            asked = True
            return secrets("passphrase")

        alone = f"{self.private} is there without {self.public.name}"
        try:
            pem = read_bounded(self.private, MAX_KEY_BYTES)
            signer = Signer.from_pem(pem, passphrase=passphrase, what=str(self.private))
        except MalformedError:
            refuse_existing(self.private)
            raise
        except UnavailableError as error:
            raise UnavailableError(error.code, f"{alone}: {error.message}", hint=error.hint or hint) from None
        was = [] if signer.public.scheme == scheme else [f"of the scheme {signer.public.scheme}"]
        if asked != encrypted:
            was.append("encrypted" if asked else "not encrypted")
        if was:
            raise UnavailableError("key/other", f"{alone}, and is {' and '.join(was)}", hint=hint)
        return signer

    def _leave(self, path: Path, mode: int) -> None:
        """Write a file with its own bytes, which removes the temporary file that a stopped run left of it."""
        write_once(path, read_bounded(path, MAX_KEY_BYTES), mode=mode, force=False)

    def _write_public(self, signer: Signer) -> None:
        """Write the public key; a file that has it already stays, because another run may complete this pair too.

        Raises `UnavailableError` when the file has other bytes, or cannot be written.
        """
        write_once(self.public, signer.public.to_pem(), mode=PUBLIC_MODE, force=False)

    def _remove_public(self) -> bytes | None:
        """Remove the file of the public key; its bytes, or None when there was none. Raises `UnavailableError`."""
        before = read_bounded(self.public, MAX_KEY_BYTES) if is_file(self.public) else None
        try:
            self.public.unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError("file/unwritable", f"cannot write {self.public}: {reason(error)}") from None
        return before
