"""Locks on files and folders (flock), which end with the process that holds them, however it ends.

Windows has none of this kind, nor have some network drives; callers are told by None and decide.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attest.errors import UnavailableError

PATIENCE: Final = 10.0  # seconds to wait for a lock; replacing a file takes milliseconds
_MAX_HOLDER_BYTES: Final = 1000
_HELD_MODE: Final = 0o600


def lock(descriptor: int) -> bool | None:
    """Try to lock an open file or folder: True when this process holds the lock now, False when another one does.

    None where there are no locks. The lock ends when the descriptor is closed.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def lock_patiently(descriptor: int) -> bool | None:
    """The outcome of `lock`, tried for up to `PATIENCE` seconds while another process holds the lock."""
    end = time.monotonic() + PATIENCE
    while (locked := lock(descriptor)) is False and time.monotonic() <= end:
        time.sleep(0.01)
    return locked


def open_named(path: Path, flags: int, mode: int = _HELD_MODE) -> int:
    """A descriptor of the file or folder `path`. Raises `OSError`, also for a link, which anybody may have put there.

    `flags`, `mode`: those of `os.open`.
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), mode)


def is_named(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file or folder.

    Another process may have removed it between its opening and its locking.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path, holder: str, what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """The only process that holds the lock file `path` while the context lasts.

    `holder`: who holds it, written into the file for others to see.
    `what`: the beginning of the error's sentence when another process holds it.
    `tell`: gets a sentence where the disk has no locks, so that several processes may hold it.

    The file is removed when the context ends; after a kill it stays until the next process takes it over. Raises
    `UnavailableError` naming the holder when another process holds it, `OSError` when it cannot be written.
    """
    while True:
        descriptor = open_named(path, os.O_RDWR | os.O_CREAT)
        try:
            locked = _lock_or_raise(path, descriptor, what)
            if locked is None or is_named(descriptor, path):
                break
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    if locked is None:
        tell(f"the disk of {path} has no locks: see to it yourself that nobody else does this at the same time")
    try:
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{holder}, process {os.getpid()} on {socket.gethostname()}, since {since}\n".encode())
        yield
    finally:
        with suppress(OSError):
            if is_named(descriptor, path):
                path.unlink()
        os.close(descriptor)


def _lock_or_raise(path: Path, descriptor: int, what: str) -> bool | None:
    locked = lock(descriptor)
    if locked is False:
        said = " ".join(os.pread(descriptor, _MAX_HOLDER_BYTES, 0).decode(errors="replace").split())
        raise UnavailableError(
            "file/locked",
            f"{what}: {said or f'another program holds {path}'}",
            hint="wait until it has ended, and try again; a process that is killed lets go by itself",
        )
    return locked
