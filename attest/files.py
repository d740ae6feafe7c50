"""Files that are whole or absent: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from attest.errors import UnavailableError
from attest.locks import is_named, lock, lock_patiently, open_named

SECRET_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644
PARTIAL: Final = ".partial"


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file, at most one more than `max_bytes`. Raises `UnavailableError`."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None


def read_beside(folder: Path, name: str, max_bytes: int) -> bytes | None:
    """What `read_bounded` reads of the file `name` in a folder that a stranger filled; None when no file has that name.

    A pipe or device is none: to open it may take for ever. Raises `UnavailableError`.
    """
    path = folder / name
    return read_bounded(path, max_bytes) if is_file(path) else None


def read_listed(folder: Path, name: str, max_bytes: int) -> bytes:
    """The same of a name that the folder lists. Raises `UnavailableError`, also when that is not the name of a file."""
    data = read_beside(folder, name, max_bytes)
    if data is None:
        raise UnavailableError("file/unreadable", f"{folder / name} is not a file", hint="move it away")
    return data


def names_in(folder: Path, ending: str) -> list[str]:
    """The names in `folder` with this ending, in their order. Raises `UnavailableError`; `glob` would find none."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(ending))  # noqa: PTH208 (names are wanted)
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unreadable", f"cannot read {folder}: {reason(error)}") from None


def is_file(path: Path) -> bool:
    """Like `Path.is_file`, which raises when a link leads to a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Likewise, also where the folder around it may not be looked into."""
    return os.path.isdir(path)  # noqa: PTH112


def real_path(path: Path) -> Path:
    """Like `Path.resolve`, which ends in a ring of links with an error that is no `OSError`."""
    return Path(os.path.realpath(path))


def write_file(path: Path, data: bytes, *, mode: int = PUBLIC_MODE, force: bool = False) -> None:
    """Write all of `data` or nothing. Raises `UnavailableError`, also when the file exists and not `force`."""
    write_chunks(path, (data,), mode=mode, force=force)


def write_chunks(path: Path, chunks: Iterable[bytes], *, mode: int = PUBLIC_MODE, force: bool = False) -> None:
    """Write all of `chunks` or nothing. Raises what `write_file` and `chunks` raise."""
    try:
        with _unfinished_file(path, mode) as (partial, file):
            file.writelines(chunks)
            sync(file)
            if force:
                partial.replace(path)
            else:
                _link(partial, path)
            sync_folder(path.parent)
    except FileExistsError:
        raise UnavailableError(
            "file/exists", f"{path} exists", hint="choose another name, or say --force to replace it"
        ) from None
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unwritable", f"cannot write {path}: {reason(error)}") from None


@contextmanager
def _unfinished_file(path: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file to be renamed to `path`: its name, and itself, open and locked. It is gone when the block ends.

    One that a killed process left under that name is removed; it may be linked to `path`, so that nothing is ever
    written into it. Another process that is writing `path` is waited for. Raises `OSError`, `UnavailableError`.
    """
    partial = unfinished_name(path)
    while True:
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            if not _remove_left(partial):
                # Without locks nobody knows whether it is being written.
                partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
            continue
        if lock(descriptor) is not False and is_named(descriptor, partial):
            break
        os.close(descriptor)
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield partial, file
        finally:
            with suppress(OSError):
                if is_named(descriptor, partial):
                    partial.unlink()


def _remove_left(partial: Path) -> bool:
    """Remove the unfinished file of a process that is no more; False where there are no locks to tell."""
    try:
        descriptor = open_named(partial, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        locked = lock_patiently(descriptor)
        if locked is False:
            raise UnavailableError("file/locked", f"another program is writing {partial}", hint="end it, and try again")
        if locked and is_named(descriptor, partial):
            partial.unlink()
    finally:
        os.close(descriptor)
    return bool(locked)


def change_file(path: Path, change: Callable[[bytes], bytes], *, max_bytes: int) -> bytes:
    """Replace what is in a file by what `change` makes of it, which is returned; nothing that others do to it is lost.

    `change` may ask people and networks: nobody waits for it, and when the file is another one by then it is called
    again. What it gets is at most one byte more than `max_bytes`. Of a link, the file it leads to is replaced. Raises
    `UnavailableError`, and whatever `change` raises.
    """
    target = real_path(path)
    while True:
        before = read_bounded(target, max_bytes)
        after = change(before)
        with alone_in(target.parent):
            if read_bounded(target, max_bytes) == before:
                if after != before:
                    write_file(target, after, force=True)
                return after


@contextmanager
def alone_in(folder: Path, what: str = "") -> Iterator[None]:
    """While this lasts, nobody else gets in here for the same folder; where there are no locks, two may.

    `what` says in the error what another program is at; one that only replaces a file there is waited for. Raises
    `UnavailableError`.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if sys.platform == "win32":  # where a folder cannot be opened
            yield
            return
        raise UnavailableError("file/unwritable", f"cannot write in {folder}: {reason(error)}") from None
    try:
        if (lock(descriptor) if what else lock_patiently(descriptor)) is False:
            raise UnavailableError(
                "file/locked",
                what or f"another program holds the folder {folder} locked",
                hint="wait until it has ended, or end it, and try again",
            )
        yield
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An error of the system in here is an `UnavailableError` that names its file, or `path` where it names none."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise UnavailableError("file/unwritable", f"cannot write {where}: {reason(error)}") from None


def make_parent(path: Path) -> None:
    """Make the folder that `path` will lie in. Raises `UnavailableError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unwritable", f"cannot make {path.parent}: {reason(error)}") from None


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be read or written, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _link(partial: Path, path: Path) -> None:
    """Give a file its name; unlike a rename this fails when the name is taken."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT, as on a USB stick, has no links.
        refuse_existing(path)
        partial.rename(path)


def refuse_existing(*paths: Path) -> None:
    """Raises `UnavailableError` when one of `paths` exists: what was published is not replaced."""
    for path in paths:
        if os.path.lexists(path):
            raise UnavailableError("file/exists", f"{path} exists", hint="move it away to make it anew")


def unfinished_name(path: Path) -> Path:
    """Where what `path` will be lies until it is finished."""
    return path.with_name(f".{path.name}{PARTIAL}")


def create(path: Path, *, mode: int) -> BinaryIO:
    """Open a file for writing that must not exist yet."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def open_new_or_old(path: Path, mode: int) -> BinaryIO:
    """Open a file for reading and writing, as it is; one that is not there is made with this `mode`."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, mode), "r+b")


def sync(file: BinaryIO) -> None:
    """Have what was written on the disk."""
    file.flush()
    os.fsync(file.fileno())


def fill_folder(folder: Path, files: Mapping[str, bytes], *, mode: int) -> None:
    """Write each of `files` into `folder` and sync it."""
    for name, data in files.items():
        _write_synced(folder / name, data, mode)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    with create(path, mode=mode) as file:
        file.write(data)
        sync(file)


def sync_folder(path: Path) -> None:
    """Have the names of what is in a folder on the disk."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
