"""Files that others wrote, read piece by piece: none is held in memory whole, however large it is."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from attest.errors import MalformedError, UnavailableError
from attest.files import is_file, reason

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
_CHUNK: Final = 1024 * 1024

Content = bytes | BinaryIO
"""A file's bytes, or the file opened for reading them, which can be sought in."""


def open_beside(folder: Path, name: str) -> BinaryIO | None:
    """The file `name`, open, in a folder that a stranger filled; None when no file has that name.

    A pipe or device is none: to open it may take for ever. Raises `UnavailableError`.
    """
    path = folder / name
    try:
        return path.open("rb") if is_file(path) else None
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None


def opened(content: Content) -> BinaryIO:
    """`content` as a file at its beginning, which the caller closes."""
    return io.BytesIO(content) if isinstance(content, bytes) else content


def bounded(content: Content, what: str, max_bytes: int) -> bytes:
    """All of `content`, but at most one byte more than `max_bytes`. Raises `UnavailableError`."""
    with opened(content) as file, _reading(what):
        return file.read(max_bytes + 1)


def chunks(file: BinaryIO, what: str) -> Iterator[bytes]:
    """The bytes of `file` from its beginning, a megabyte at a time.

    Raises `MalformedError` when there are more than `MAX_FILE_BYTES`, `UnavailableError` when it cannot be read.
    """
    read = 0
    with _reading(what):
        file.seek(0)
        while chunk := file.read(_CHUNK):
            read += len(chunk)
            if read > MAX_FILE_BYTES:
                raise _too_large(what)
            yield chunk


def digest(file: BinaryIO, what: str) -> bytes:
    """The SHA-256 of `file`, called `what` in errors. Raises what `chunks` raises."""
    state = sha256()
    for chunk in chunks(file, what):
        state.update(chunk)
    return state.digest()


def lines(file: BinaryIO, what: str, *, max_bytes: int) -> Iterator[bytes]:
    """The lines of `file` without their line breaks, each of at most `max_bytes`.

    Raises `MalformedError` naming the line that is longer, or when the last one has no line break: then the file was
    cut off, which is found out before any line is returned. Raises `UnavailableError` when it cannot be read.
    """
    with _reading(what):
        if (size := file.seek(0, os.SEEK_END)) > MAX_FILE_BYTES:
            raise _too_large(what)
        if size:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                raise MalformedError("evidence/truncated", f"{what} does not end with a line break")
        file.seek(0)
        row = 1
        while line := file.readline(max_bytes + 2):
            if len(line) > max_bytes + 1 or not line.endswith(b"\n"):
                raise MalformedError("evidence/long-line", f"{what} row {row} has more than {max_bytes:,} bytes")
            yield line[:-1]
            row += 1


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError("file/unreadable", f"cannot read {what}: {reason(error)}") from None


def _too_large(what: str) -> MalformedError:
    return MalformedError("file/too-large", f"{what} has more than {MAX_FILE_BYTES:,} bytes")
