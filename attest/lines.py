"""Files of strangers, read piece by piece, because none of them is to be held in memory as a whole."""

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
"""The content of a file: its bytes, or the file open for reading, which must be seekable."""


def open_beside(folder: Path, name: str) -> BinaryIO | None:
    """A file in a folder that a stranger filled, open for reading; None when it is missing.

    A pipe or device counts as missing, because opening it may block for ever. Raises `UnavailableError` when the file
    cannot be opened.
    """
    path = folder / name
    try:
        return path.open("rb") if is_file(path) else None
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None


def opened(content: Content) -> BinaryIO:
    """The content as an open file, which the caller closes. Bytes become a file at its beginning."""
    return io.BytesIO(content) if isinstance(content, bytes) else content


def bounded(content: Content, what: str, max_bytes: int) -> bytes:
    """The bytes of `content`, at most `max_bytes` and one more, by which the caller sees that it is too large.

    `what`: the name of the file in errors.
    Raises `UnavailableError` when it cannot be read.
    """
    with opened(content) as file, _reading(what):
        return file.read(max_bytes + 1)


def chunks(file: BinaryIO, what: str) -> Iterator[bytes]:
    """The bytes of `file` from its beginning, a mebibyte at a time.

    `what`: the name of the file in errors.
    Raises `MalformedError` for more than `MAX_FILE_BYTES`, `UnavailableError` when it cannot be read.
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
    """The SHA-256 of `file` from its beginning, 32 bytes. Raises what `chunks` raises."""
    state = sha256()
    for chunk in chunks(file, what):
        state.update(chunk)
    return state.digest()


def lines(file: BinaryIO, what: str, *, max_bytes: int) -> Iterator[bytes]:
    """The lines of `file` from its beginning, without their line breaks.

    `what`: the name of the file in errors.
    `max_bytes`: the longest line.
    Raises `MalformedError` before any line when the last one has no line break, because the file was cut off then; and
    for a file of more than `MAX_FILE_BYTES` or a line of more than `max_bytes`, which it names. Raises
    `UnavailableError` when the file cannot be read.
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
