"""Folders that are whole or absent: filled under a temporary name, synced, then renamed.

A folder is locked while it is filled, so that one that a killed process left is told from one that is being filled.
Where the disk has no locks, nothing is removed and the user is told.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from attest.errors import UnavailableError
from attest.files import PARTIAL, refuse_existing, sync_folder, unfinished_name, writing
from attest.locks import is_named, lock, open_named

_LEFT: Final = "{} is left of a stopped run, or another one is at work: this disk has no locks to tell"


@contextmanager
def new_folder(path: Path, mode: int, tell: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """A folder to fill under a temporary name; it is renamed to `path` when the context ends, or removed on an error.

    `mode`: of the folder.
    `tell`: gets a sentence naming what a killed process may have left, where the disk has no locks; with locks that is
    removed.
    Raises `UnavailableError` when `path` exists, is being made by another process, or cannot be written.
    """
    made: list[Path] = []
    with writing(path):
        try:
            refuse_existing(path)
            made = make_folders(path.parent)
            with unfinished_folder(path, mode, tell) as partial:
                mine = partial
                try:
                    yield partial
                    refuse_existing(path)
                    sync_tree(partial)
                    partial.rename(path)
                    mine = path
                    sync_folder(path.parent)
                except BaseException:
                    shutil.rmtree(mine, ignore_errors=True)
                    raise
        except BaseException:
            remove_empty(made)
            raise


@contextmanager
def unfinished_folder(path: Path, mode: int, tell: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """A new empty folder under the temporary name of `path`, locked while the context lasts and left there afterwards.

    `mode`, `tell`: as of `new_folder`.
    Raises `UnavailableError` while another process fills it, `OSError` when it cannot be made.
    """
    descriptor, partial = _take_folder(path, mode, tell)
    try:
        yield partial
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _take_folder(path: Path, mode: int, tell: Callable[[str], None]) -> tuple[int | None, Path]:
    """The descriptor and path of a new, locked, empty folder beside `path`; no descriptor on Windows."""
    partial = unfinished_name(path)
    while True:
        new = _is_made(partial, mode)
        try:
            descriptor = None if sys.platform == "win32" else open_named(partial, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        locked = None if descriptor is None else lock(descriptor)
        if new and (descriptor is None or locked is None or (locked and is_named(descriptor, partial))):
            return descriptor, partial
        try:
            if locked is False:
                raise UnavailableError(
                    "file/locked",
                    f"another program is making {path}",
                    hint="wait until it has ended, and try again; a process that is killed lets go by itself",
                )
            if locked and descriptor is not None:
                _remove_locked(partial, descriptor)
            else:
                tell(_LEFT.format(partial))
                partial = partial.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        finally:
            if descriptor is not None:
                os.close(descriptor)


def remove_left(partial: Path, tell: Callable[[str], None]) -> None:
    """Remove the unfinished folder of a killed process; one that is being filled is left alone.

    `tell`: gets a sentence naming the folder where the disk has no locks, and it is left alone too.
    Raises `OSError`.
    """
    descriptor = None if sys.platform == "win32" else open_named(partial, os.O_RDONLY | os.O_DIRECTORY)
    try:
        locked = None if descriptor is None else lock(descriptor)
        if locked and descriptor is not None:
            _remove_locked(partial, descriptor)
        elif locked is None:
            tell(_LEFT.format(partial))
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _remove_locked(partial: Path, descriptor: int) -> None:
    """Remove the folder that is open as `descriptor` and locked, unless another folder has its name by now."""
    if is_named(descriptor, partial):
        shutil.rmtree(partial)


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders that are empty, the innermost first.

    `folders`: the outermost first, as `make_folders` returns them.
    """
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _is_made(folder: Path, mode: int) -> bool:
    """Make a folder; False when it exists. Raises `OSError`."""
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return False
    return True


def make_folders(folder: Path, mode: int = 0o777) -> list[Path]:
    """Make `folder` and the missing folders around it, and have their names reach the disk.

    Returns those that were made, the outermost first. Raises `OSError`, and removes them again then.
    """
    missing = [parent for parent in (*reversed(folder.parents), folder) if not os.path.lexists(parent)]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def sync_tree(folder: Path) -> None:
    """Have the names of all files in `folder` and in the folders within it reach the disk. Raises `OSError`."""

    def refuse(error: OSError) -> None:
        raise error

    for path, _, _ in os.walk(folder, topdown=False, onerror=refuse):
        sync_folder(Path(path))
