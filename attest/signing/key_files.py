"""The two files of a key: the private one and the public one beside it."""

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
    """Where a key's two files are. Whenever writing them is stopped, a public key that is there is the private one's.

    So the private key is written first, and a public key that will be replaced is removed before.
    """

    private: Path
    public: Path

    @property
    def is_half_made(self) -> bool:
        """Whether the private key is there alone, as a run leaves it that was stopped between the two."""
        return os.path.lexists(self.private) and not os.path.lexists(self.public)

    def refuse_existing(self) -> None:
        """Raises `UnavailableError` where one of the two is there."""
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
        """Write both, or neither where one of them cannot be written; with `force` in the place of others.

        `pem` is the private key. Raises `UnavailableError`.
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
            if not force:  # else the key before it is gone already, and the next run writes the public key
                self._remove_public()  # which may have its name by now
                self.private.unlink()
            raise

    def complete(self, signer: Signer) -> None:
        """Write the public key of the private one that is there. Raises `UnavailableError`."""
        self._leave(self.private, SECRET_MODE)
        self._write_public(signer)

    def left(self, scheme: str, secrets: Secrets, *, encrypted: bool) -> Signer:
        """The private key that is there alone, if it is of this scheme and encrypted or not, as it is to be.

        Raises `UnavailableError`, also when the secret does not open it.
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
        """Write what is there once more, which changes nothing and removes what a stopped run left unfinished of it."""
        write_once(path, read_bounded(path, MAX_KEY_BYTES), mode=mode, force=False)

    def _write_public(self, signer: Signer) -> None:
        """Write the public key, unless another run that goes on with this pair did. Raises `UnavailableError`."""
        write_once(self.public, signer.public.to_pem(), mode=PUBLIC_MODE, force=False)

    def _remove_public(self) -> bytes | None:
        """Remove the public key, and return what was in it. Raises `UnavailableError`."""
        before = read_bounded(self.public, MAX_KEY_BYTES) if is_file(self.public) else None
        try:
            self.public.unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError("file/unwritable", f"cannot write {self.public}: {reason(error)}") from None
        return before
