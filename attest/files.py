"""Files that are whole or absent: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attest.errors import UnavailableError

SECRET_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file, at most one more than `max_bytes`. Raises `UnavailableError`."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise UnavailableError("file/unreadable", f"cannot read {path}: {error.strerror}") from None


def write_file(path: Path, data: bytes, *, mode: int = PUBLIC_MODE, force: bool = False) -> None:
    """Write all of `data` or nothing. Raises `UnavailableError`, also when the file exists and not `force`."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        _write_synced(partial, data, mode)
        if force:
            partial.replace(path)
        else:
            os.link(partial, path)  # unlike a rename, fails when the name is taken
        _sync_folder(path.parent)
    except FileExistsError:
        raise UnavailableError(
            "file/exists", f"{path} exists", hint="choose another name, or say --force to replace it"
        ) from None
    except OSError as error:
        raise UnavailableError("file/unwritable", f"cannot write {path}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def refuse_existing(*paths: Path) -> None:
    """Raises `UnavailableError` when one of `paths` exists: what was published is not replaced."""
    for path in paths:
        if path.exists():
            raise UnavailableError("file/exists", f"{path} exists", hint="move it away to make it anew")


@contextmanager
def new_folder(path: Path, *, mode: int) -> Iterator[Path]:
    """A folder to fill under a temporary name; it gets its name when the block ends, or vanishes on an error.

    Raises `UnavailableError`, also when `path` exists already.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        refuse_existing(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=mode)
        yield partial
        _sync_folder(partial)
        partial.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError("file/unwritable", f"cannot write {path}: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fill_folder(folder: Path, files: Mapping[str, bytes], *, mode: int) -> None:
    """Write each of `files` into `folder` and sync it."""
    for name, data in files.items():
        _write_synced(folder / name, data, mode)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
