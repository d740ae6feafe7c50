"""Files that are whole or absent: written under a temporary name, synced, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from attest.errors import UnavailableError

SECRET_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644
_PATIENCE: Final = 10.0  # seconds; a file is replaced in milliseconds


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
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        _write_synced(partial, data, mode)
        if force:
            partial.replace(path)
        else:
            _link(partial, path)
        _sync_folder(path.parent)
    except FileExistsError:
        raise UnavailableError(
            "file/exists", f"{path} exists", hint="choose another name, or say --force to replace it"
        ) from None
    except (OSError, ValueError) as error:
        raise UnavailableError("file/unwritable", f"cannot write {path}: {reason(error)}") from None
    finally:
        with suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)


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
        with _alone_in(target.parent):
            if read_bounded(target, max_bytes) == before:
                write_file(target, after, force=True)
                return after


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While this lasts, nobody else gets in here for the same folder.

    Windows has no such lock, nor have some network drives: there two may get in within the same few milliseconds.
    Raises `UnavailableError` when somebody else holds it for long.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UnavailableError("file/unwritable", f"cannot write in {folder}: {reason(error)}") from None
    try:
        end = time.monotonic() + _PATIENCE
        with suppress(OSError):
            while not _locked(descriptor):
                if time.monotonic() > end:
                    raise UnavailableError(
                        "file/locked", f"another program holds the folder {folder} locked", hint="end it, and try again"
                    )
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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


@contextmanager
def new_folders(*targets: tuple[Path, int]) -> Iterator[list[Path]]:
    """Folders to fill under temporary names; they get their names, in order, when the block ends.

    Each target is a path and a mode. On an error none of them is there. Raises `UnavailableError`, also when a
    target exists already.
    """
    parents: list[Path] = []
    filled: list[Path] = []
    partials: list[Path] = []
    try:
        refuse_existing(*(path for path, _ in targets))
        for path, mode in targets:
            parents += [parent for parent in reversed(path.parents) if not os.path.lexists(parent)]
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
            partial.mkdir(mode=mode)
            partials.append(partial)
        yield partials
        for partial, (path, _) in zip(partials, targets, strict=True):
            _sync_folder(partial)
            partial.rename(path)
            filled.append(path)
            _sync_folder(path.parent)
    except BaseException as error:
        for folder in (*partials, *filled):
            shutil.rmtree(folder, ignore_errors=True)
        for parent in reversed(parents):
            with suppress(OSError):  # another run may have put something there by now
                parent.rmdir()
        if isinstance(error, OSError):
            where = error.filename or targets[0][0]
            raise UnavailableError("file/unwritable", f"cannot write {where}: {reason(error)}") from None
        raise


def create(path: Path, *, mode: int) -> BinaryIO:
    """Open a file for writing that must not exist yet."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


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


def _sync_folder(path: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
