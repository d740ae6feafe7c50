"""The one error root. Every error that leaves the package says what is wrong and what to do."""

from __future__ import annotations

from typing import ClassVar, Self


class AttestError(Exception):
    """Root of every error this package raises on purpose.

    `code` is stable and meant for programs (`ledger/duplicate-row`), `message` is a sentence a
    stranger can act on, `hint` says what to do next, `details` lists further findings of the same kind.
    The class decides the exit code of the command line; see `exit_code`.
    """

    status: ClassVar[str] = "error"

    def __init__(self, code: str, message: str, *, hint: str | None = None, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def within(self, what: str) -> Self:
        """This error, said to be about `what`: a file, field or wallet that stands before the sentence."""
        return type(self)(self.code, f"{what}: {self.message}", hint=self.hint, details=self.details)


class VerificationError(AttestError):
    """Something was checked and is false."""

    status = "failed"


class MalformedError(AttestError):
    """A file or document is not what it claims to be: wrong syntax, field, type or range."""

    status = "malformed"


class UnavailableError(AttestError):
    """Something could not be checked or done: a file, node, key or program is missing or does not answer."""

    status = "unchecked"


def refuse_machine(error: BaseException) -> None:
    """Raise again what says nothing of the data that was read: memory that ran out, a file that a library lacks.

    For handlers of whatever a library raises, before they take it for a fault of the data.
    """
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, OSError | ImportError):
        raise UnavailableError(
            "library/failed",
            f"a library that attest reads with failed, which says nothing of what it read: {error}",
            hint="look at the disk, its permissions and the limits of the system, and try again",
        ) from None


EXIT_USAGE = 2
EXIT_ADVERSE = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_CODES: dict[type[AttestError], int] = {
    VerificationError: 1,
    MalformedError: 3,
    UnavailableError: 4,
}


def exit_code(error: AttestError) -> int:
    """What the command line exits with on `error`, whose class may be a narrower one of those listed."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
