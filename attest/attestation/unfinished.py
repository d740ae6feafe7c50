"""A month that has no name yet: made in the private folder, so that nothing unfinished is ever where everyone reads.

Its folder holds what will be `private/2026-10` and `publication/2026-10`. Once its statement was written down to be
signed, it stays until both have their names, whoever was killed in between; an intent file says which names those are.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from attest.attestation.bundle import bundle_file_name
from attest.attestation.files import STATEMENT_FILE
from attest.attestation.statement import MAX_PAYLOAD_BYTES
from attest.errors import UnavailableError
from attest.files import (
    PARTIAL,
    PUBLIC_MODE,
    SECRET_MODE,
    fill_folder,
    is_folder,
    read_bounded,
    read_listed,
    reason,
    sync_folder,
    write_file,
    writing,
)
from attest.folders import make_folders, new_folder, remove_empty, remove_left, sync_tree, unfinished_folder
from attest.lines import MAX_FILE_BYTES, open_beside
from attest.periods import PERIOD_PATTERN

_PRIVATE_MODE: Final = 0o700
_PUBLICATION_MODE: Final = 0o755
_INTENT: Final = "intent.json"
_MAX_INTENT_BYTES: Final = 64 * 1024
_NAME: Final = re.compile(rf"\.({PERIOD_PATTERN.strip('^$')})(\.[0-9a-f]{{8}})?{re.escape(PARTIAL)}", re.ASCII)


class Names(NamedTuple):
    """A private folder and a public one."""

    private: Path
    publication: Path

    def file(self, name: str) -> BinaryIO | None:
        """A file in either, opened; None when there is none of that name. Raises `UnavailableError`."""
        return open_beside(self.publication, name) or open_beside(self.private, name)


class Unfinished(NamedTuple):
    """The folder `path` of a month that has no name yet."""

    path: Path
    period: str

    @property
    def private(self) -> Path:
        """What will be the private folder of the month."""
        return self.path / "private"

    @property
    def publication(self) -> Path:
        """What will be the public folder of the month."""
        return self.path / "publication"

    @property
    def bundle(self) -> Path:
        """The bundle; it is there once the statement was signed."""
        return self.publication / bundle_file_name(self.period)

    def payload(self) -> bytes | None:
        """The payload to be signed; it is there once all that belongs to it is. Raises `UnavailableError`."""
        path = self.private / STATEMENT_FILE
        return read_bounded(path, MAX_PAYLOAD_BYTES) if _is_there(path) else None

    def is_signed(self) -> bool:
        """Whether the statement was signed, or is being published. Raises `UnavailableError`."""
        return _is_there(self.bundle) or _is_there(self.path / _INTENT)

    def file(self, name: str) -> BinaryIO | None:
        """A file of the month, opened; None when there is none of that name. Raises `UnavailableError`."""
        return Names(self.private, self.publication).file(name)

    def keep(self, private: Mapping[str, bytes], publication: Mapping[str, bytes], payload: bytes) -> None:
        """Write what belongs to a payload, then the payload; when this returns, all of it is on the disk."""
        fill_folder(self.private, private, mode=SECRET_MODE)
        fill_folder(self.publication, publication, mode=PUBLIC_MODE)
        sync_tree(self.path)
        write_file(self.private / STATEMENT_FILE, payload, mode=SECRET_MODE, force=True)

    def intend(self, names: Names) -> None:
        """Write down that both folders are complete and verified, and which names they get."""
        value = {"private": str(names.private.absolute()), "publication": str(names.publication.absolute())}
        # Plain JSON, which can hold a path that is not UTF-8.
        write_file(self.path / _INTENT, json.dumps(value).encode() + b"\n", mode=SECRET_MODE, force=True)

    def intended(self) -> Names | None:
        """The names that both folders were to get; None while they are not complete. Raises `UnavailableError`."""
        path = self.path / _INTENT
        if not _is_there(path):
            return None
        try:
            value = json.loads(read_bounded(path, _MAX_INTENT_BYTES))
            return Names(Path(value["private"]), Path(value["publication"]))
        except (ValueError, KeyError, TypeError):
            return Names(path, path)  # damaged: where they are found will tell

    def give_names(self, names: Names, tell: Callable[[str], None]) -> None:
        """Give both folders their names, the public one last, and remove what is left; each may have its name already.

        Raises `UnavailableError`, also when one was given another name before and is not where `names` has it.
        """
        intended = self.intended()
        with writing(names.publication):
            for part, name, mode in (
                (self.private, names.private, _PRIVATE_MODE),
                (self.publication, names.publication, _PUBLICATION_MODE),
            ):
                if not part.exists():
                    self._require_named(name, intended)
                elif not _is_copied(part, name):
                    self._refuse_taken(part, name)
                    make_folders(name.parent)
                    _rename(part, name, mode, tell)
                if part.exists():
                    shutil.rmtree(part)
            shutil.rmtree(self.path)
            sync_folder(self.path.parent)

    def _require_named(self, name: Path, intended: Names | None) -> None:
        if not os.path.lexists(name):
            before = "" if intended is None else f"; a stopped run was to name them {' and '.join(map(str, intended))}"
            raise UnavailableError(
                "run/moved",
                f"{name} is not there, and {self.path} no longer holds it{before}",
                hint=f"move the folder of {self.period} to {name}, or let the config name the folder that it lies in",
            )

    def _refuse_taken(self, part: Path, name: Path) -> None:
        if os.path.lexists(name):
            raise UnavailableError(
                "run/taken",
                f"{name} exists, and {part}, which a stopped run signed, is to get that name",
                hint=f"see what {name} is: if nobody has it, move it elsewhere, and run again",
            )


def left_with_payload(private: Path, tell: Callable[[str], None]) -> list[Unfinished]:
    """The months that stopped runs left in the private folder with a payload, in their order; others are removed.

    Raises `UnavailableError`.
    """
    if not is_folder(private):
        return []
    try:
        found = [
            (path, name[1]) for path in private.iterdir() if (name := _NAME.fullmatch(path.name)) and path.is_dir()
        ]
    except OSError as error:
        raise UnavailableError("file/unreadable", f"cannot read {private}: {reason(error)}") from None
    kept = []
    for path, period in sorted(found):
        unfinished = Unfinished(path, period)
        if unfinished.payload() is None and not unfinished.is_signed():
            _remove(path, tell)
        else:
            kept.append(unfinished)
    return kept


def remove_unfit(unfinished: Unfinished, why: str, tell: Callable[[str], None]) -> None:
    """Remove a month that was not signed and cannot be, and tell why. Raises `UnavailableError`."""
    tell(f"{unfinished.path}, which a stopped run left and nobody signed, is removed: {why}")
    _remove(unfinished.path, tell)


def _is_there(path: Path) -> bool:
    """Whether a file is there. Raises `UnavailableError` when that cannot be told."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None
    return True


def _remove(path: Path, tell: Callable[[str], None]) -> None:
    try:
        remove_left(path, tell)
    except OSError as error:
        raise UnavailableError("file/unwritable", f"cannot remove {path}: {reason(error)}") from None


@contextmanager
def new_unfinished(
    private: Path, period: str, stays: Callable[[Unfinished], bool], tell: Callable[[str], None]
) -> Iterator[Unfinished]:
    """The folder of a new month. On an error it is removed, unless it `stays` because its payload may be signed.

    What a run left there that was killed is removed. Raises `UnavailableError`.
    """
    made: list[Path] = []
    with writing(private):
        try:
            made = make_folders(private, _PRIVATE_MODE)
            with unfinished_folder(private / period, _PRIVATE_MODE, tell) as path:
                unfinished = Unfinished(path, period)
                try:
                    unfinished.publication.mkdir(mode=_PUBLICATION_MODE)
                    unfinished.private.mkdir(mode=_PRIVATE_MODE)
                    yield unfinished
                except BaseException:
                    if not stays(unfinished):
                        shutil.rmtree(path, ignore_errors=True)
                    raise
        except BaseException:
            remove_empty(made)
            raise


def _is_copied(part: Path, name: Path) -> bool:
    """Whether `part` was copied to `name` on another disk by a run that was stopped before it removed it."""
    files = [path.name for path in part.iterdir()]
    if not is_folder(name) or any((part / file).is_dir() for file in files):
        return False
    return not any(filecmp.cmpfiles(part, name, files, shallow=False)[1:]) and len(files) == len(list(name.iterdir()))


def _rename(part: Path, name: Path, mode: int, tell: Callable[[str], None]) -> None:
    """Rename a folder, or copy it where another disk begins: then it is made beside its new name. Raises `OSError`."""
    try:
        part.rename(name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        tell(f"copying {name.name} to {name.parent}, which lies on another disk")
        with new_folder(name, mode, tell) as copy:
            files = {path.name: read_listed(part, path.name, MAX_FILE_BYTES) for path in part.iterdir()}
            fill_folder(copy, files, mode=PUBLIC_MODE)
    sync_folder(name.parent)
    sync_folder(part.parent)
