"""The snapshot of a signed month, from which any customer's inclusion proof is made at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from attest.attestation.bundle import MAX_BUNDLE_BYTES, bundle_file_name
from attest.attestation.files import SNAPSHOT_FOLDER, STATEMENT_FILE
from attest.attestation.pointer import pointer
from attest.attestation.statement import parse_statement, statement_digest
from attest.errors import VerificationError
from attest.files import is_file, read_bounded, real_path
from attest.liabilities.proof import InclusionProof, prove
from attest.liabilities.snapshot.format import MANIFEST_FILE
from attest.liabilities.snapshot.open import Snapshot


class SignedSnapshot:
    """The snapshot of a month, open, and the statement that was signed over it. Use it as a context manager.

    `period`: the month, like `2026-10`.
    `statement`: the digest of the statement, 32 bytes.
    """

    def __init__(self, path: Path) -> None:
        """Open the private folder `path` of a month.

        Raises `UnavailableError` where it has no snapshot or no statement, `MalformedError`, and `VerificationError`
        where the statement has other trees than the snapshot.
        """
        self._snapshot = Snapshot(snapshot_folder(path))
        try:
            self.period, self.statement = self._bound(path)
        except BaseException:
            self._snapshot.close()
            raise

    def _bound(self, path: Path) -> tuple[str, bytes]:
        payload = read_bounded(path / STATEMENT_FILE, MAX_BUNDLE_BYTES)
        predicate = parse_statement(payload).predicate
        if predicate.liabilities.trees != self._snapshot.manifest.trees:
            raise VerificationError("snapshot/root", f"the snapshot in {path} does not hold the trees of its statement")
        return predicate.period, statement_digest(payload)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of the snapshot; no proof can be made after it."""
        self._snapshot.close()

    def prove(self, account: str) -> InclusionProof:
        """The inclusion proof of one account. Raises `MalformedError` when the account is owed nothing."""
        return prove(self.statement, account, self._snapshot.trees.values())

    def prove_all(self, out: Path, progress: Callable[[int], None] = lambda _: None) -> int:
        """Write the inclusion proofs of all accounts into the folder `out`; how many were written now.

        `progress` hears how many are there. Raises `UnavailableError` when `out` holds proofs of another statement.
        """
        from attest.liabilities.snapshot.prove_all import prove_all

        return prove_all(self._snapshot, self.statement, out, progress)

    @property
    def pointer(self) -> str:
        """The line that names the statement for people to compare, as `pointer.pointer` writes it."""
        return pointer(self.period, self.statement)


def open_snapshot(path: Path) -> SignedSnapshot:
    """The snapshot in the private folder `path` of a month, open for proofs. Raises what `SignedSnapshot` raises."""
    return SignedSnapshot(path)


def snapshot_folder(path: Path) -> Path:
    """Where the files of a snapshot are: `path` itself, or below it where `path` is the private folder of a month."""
    return path if is_file(path / MANIFEST_FILE) else path / SNAPSHOT_FOLDER


def published_bundle(path: Path) -> Path:
    """Where `attest run` put the bundle of the month whose private folder is `path`, if both lie in their own folders.

    Raises `UnavailableError` when there is no statement in `path`, `MalformedError`.
    """
    period = parse_statement(read_bounded(path / STATEMENT_FILE, MAX_BUNDLE_BYTES)).predicate.period
    return real_path(path).parent.parent / "publication" / period / bundle_file_name(period)
