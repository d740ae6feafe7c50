"""Files: reading with a bound, and writing so that a file is whole or absent.

A file is written under a temporary name, synced, then renamed; a crash at any time leaves the old file or the new one.
Locks keep two processes from writing one file at once.
"""

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
PARTIAL: Final = ".partial"  # the ending of temporary names


class ExistsError(UnavailableError):
    """A file is there already, and nothing said that it may be replaced."""


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file, at most `max_bytes` and one more, by which the caller sees that it is too large.

    Raises `UnavailableError` when it is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None


def read_beside(folder: Path, name: str, max_bytes: int) -> bytes | None:
    """The bytes of a file in a folder that a stranger filled, as `read_bounded` reads them; None when it is missing.

    A pipe or device counts as missing, because opening it may block for ever. Raises `UnavailableError` when the file
    cannot be read.
    """
    path = folder / name
    return read_bounded(path, max_bytes) if is_file(path) else None


def read_listed(folder: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a file whose name came from listing `folder`, as `read_bounded` reads them.

    Unlike with `read_beside`, a name that is no regular file is an error. Raises `UnavailableError`.
    """
    data = read_beside(folder, name, max_bytes)
    if data is None:
        raise UnavailableError("file/unreadable", f"{folder / name} is not a file", hint="move it away")
    return data


def names_in(folder: Path, ending: str) -> list[str]:
    """The names in `folder` that end in `ending`, ascending.

    Raises `UnavailableError` when the folder cannot be read; `Path.glob` would find nothing instead.
    """
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(ending))  # noqa: PTH208 (names are wanted)
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unreadable", f"cannot read {folder}: {reason(error)}") from None


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file, or a link to one.

    False, not an exception as from `Path.is_file`, where a link leads to a name that is too long.
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder, or a link to one. False, not an exception, where a parent may not be searched."""
    return os.path.isdir(path)  # noqa: PTH112


def real_path(path: Path) -> Path:
    """The absolute path with all links followed.

    Unlike `Path.resolve`, it raises nothing for links that form a ring.
    """
    return Path(os.path.realpath(path))


def write_file(path: Path, data: bytes, *, mode: int = PUBLIC_MODE, force: bool = False) -> None:
    """Write all of `data` to `path`, or nothing.

    `mode`: of the file.
    `force`: whether a file that is there is replaced.
    Raises `UnavailableError` when it cannot be written, or is there and not `force`.
    """
    write_chunks(path, (data,), mode=mode, force=force)


def write_chunks(path: Path, chunks: Iterable[bytes], *, mode: int = PUBLIC_MODE, force: bool = False) -> None:
    """Write the bytes of all `chunks` to `path`, or nothing; the parameters are those of `write_file`.

    Raises what `write_file` raises, and whatever iterating over `chunks` raises.
    """
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
        raise ExistsError(
            "file/exists", f"{path} exists", hint="choose another name, or say --force to replace it"
        ) from None
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unwritable", f"cannot write {path}: {reason(error)}") from None


@contextmanager
def _unfinished_file(path: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """A new, open and locked file for the bytes of `path`, and its temporary name, which is gone when the block ends.

    A file that a killed process left under that name is removed, never written into, because it may be linked to
    `path`. Another process that is writing `path` is waited for. Raises `OSError`, and `UnavailableError` when that
    takes too long.
    """
    partial = unfinished_name(path)
    while True:
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            if not _remove_left(partial):
                # Without locks, another process may be writing it.
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
    """Remove the unfinished file of a killed process; False where the disk has no locks by which to tell.

    Raises `UnavailableError` when a running process keeps it locked.
    """
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
    """Change the content of a file, and return the new content. No change that others make meanwhile is lost.

    `path`: the file; of a link, the file it leads to.
    `change`: makes the new content of the old one, of which it gets at most `max_bytes` and one more. The file is not
    locked while it runs, so that it may ask people and networks; when the file was changed meanwhile, it is called
    again.
    Raises `UnavailableError`, and whatever `change` raises.
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
    """The only process in a folder while the context lasts; where the disk has no locks, there may be several.

    `what`: the sentence of the error when another process is in it. Without it another process is waited for, because
    it only replaces a file.
    Raises `UnavailableError` when another process is in it, or stays too long.
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
    """A context where an `OSError` becomes an `UnavailableError` that names its file, or `path` when it has none."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise UnavailableError("file/unwritable", f"cannot write {where}: {reason(error)}") from None


def make_parent(path: Path) -> None:
    """Make the folder of `path`, and those around it. Raises `UnavailableError` when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unwritable", f"cannot make {path.parent}: {reason(error)}") from None


def reason(error: OSError | ValueError) -> str:
    """The words of the system for why a file could not be read or written."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _link(partial: Path, path: Path) -> None:
    """Give a file its final name. Unlike a rename, this fails when the name is taken."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT, the file system of USB sticks, has no links.
        refuse_existing(path)
        partial.rename(path)


def refuse_existing(*paths: Path) -> None:
    """Raise `UnavailableError` when one of `paths` exists, because what was published is never replaced."""
    for path in paths:
        if os.path.lexists(path):
            raise ExistsError("file/exists", f"{path} exists", hint="move it away to make it anew")


def unfinished_name(path: Path) -> Path:
    """The temporary name beside `path` under which it is written."""
    return path.with_name(f".{path.name}{PARTIAL}")


def create(path: Path, *, mode: int) -> BinaryIO:
    """A new file, open for writing. Raises `OSError`, also when it exists."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def open_new_or_old(path: Path, mode: int) -> BinaryIO:
    """A file, open for reading and writing, with its content; a missing one is made empty, with this `mode`.

    Raises `OSError`.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, mode), "r+b")


def sync(file: BinaryIO) -> None:
    """Have everything written to an open file reach the disk. Raises `OSError`."""
    file.flush()
    os.fsync(file.fileno())


def fill_folder(folder: Path, files: Mapping[str, bytes], *, mode: int) -> None:
    """Write files into a folder and have their bytes reach the disk.

    `files`: their bytes, by name; none may exist.
    Raises `OSError`.
    """
    for name, data in files.items():
        _write_synced(folder / name, data, mode)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    with create(path, mode=mode) as file:
        file.write(data)
        sync(file)


def sync_folder(path: Path) -> None:
    """Have the names of the files in a folder reach the disk; their bytes are for `sync`. Raises `OSError`."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
