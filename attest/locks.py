"""Locks that end with the process that holds them, however it ends."""

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

PATIENCE: Final = 10.0  # seconds; a file is replaced in milliseconds
_MAX_HOLDER_BYTES: Final = 1000
_HELD_MODE: Final = 0o600


def lock(descriptor: int) -> bool | None:
    """Whether this process now holds the lock on an open file or folder; None where there are no locks.

    Windows has none of this kind, nor have some network drives.
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
    """What `lock` says, once another program had some time to let go of it."""
    end = time.monotonic() + PATIENCE
    while (locked := lock(descriptor)) is False and time.monotonic() <= end:
        time.sleep(0.01)
    return locked


def open_named(path: Path, flags: int, mode: int = _HELD_MODE) -> int:
    """A descriptor of `path`, which is no link that somebody else may have put there. Raises `OSError`."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), mode)


def is_named(descriptor: int, path: Path) -> bool:
    """Whether `path` still names what is open, which another program may have removed before the lock was ours."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path, holder: str, what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """While this lasts, nobody else gets in here for the same lock file, which names the `holder`.

    `what` says in the error what it is about; `tell` hears when there are no locks, so that two may get in. The file
    is there only while it is held, or until the next one takes it over from a process that was killed. Raises
    `UnavailableError` naming the holder, `OSError`.
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
