"""The errors of attest, under one root. Each says what is wrong and what to do next.

There are three kinds: something is false (`VerificationError`), is no valid document (`MalformedError`), or could not
be checked or done (`UnavailableError`). No other exception leaves the package on purpose.
"""

from __future__ import annotations

from typing import ClassVar, Self


class AttestError(Exception):
    """The root of every error that this package raises on purpose.

    `code`: stable, for programs, such as `ledger/duplicate-row`.
    `message`: a sentence on which a stranger can act.
    `hint`: what to do next; None when there is nothing to advise.
    `details`: further findings of one kind with the message, a sentence each.
    `status`: the word for this kind of error in JSON output.

    The class decides the exit code of the command line (`exit_code`).
    """

    status: ClassVar[str] = "error"

    def __init__(self, code: str, message: str, *, hint: str | None = None, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def within(self, what: str) -> Self:
        """A copy of this error whose message begins with `what`: the file, field or wallet that it is about."""
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
    """Raise for an error of the machine, and return for one that a library may raise because of bad data.

    `error`: whatever a library raised while it read data. A handler calls this before it blames the data.
    Raises `error` itself when memory ran out, `UnavailableError` when a file or library could not be read.
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
    """The exit code of the command line for an error: 1 failed, 3 malformed, 4 could not be checked or done."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
