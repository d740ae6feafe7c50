"""A month that is not published yet, in a folder with a temporary name below the private folder.

The folder holds what will be `private/2026-10` and `publication/2026-10`. It is made in the private folder, so that
nothing unfinished is where everyone reads. Once its payload is in the record of payloads, it is kept until both parts
have their names, even when the run is killed; an intent file then says which names those are.
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
    """The private folder and the public folder of a month.

    `private`: its path.
    `publication`: its path.
    """

    private: Path
    publication: Path

    def file(self, name: str) -> BinaryIO | None:
        """A file of this name in either folder, opened, the public one first; None when neither has it.

        Raises `UnavailableError` when it cannot be opened.
        """
        return open_beside(self.publication, name) or open_beside(self.private, name)


class Unfinished(NamedTuple):
    """A month that is not published yet.

    `path`: its folder, under a temporary name.
    `period`: the month, such as `2026-10`.
    """

    path: Path
    period: str

    @property
    def private(self) -> Path:
        """The folder that will be the private folder of the month."""
        return self.path / "private"

    @property
    def publication(self) -> Path:
        """The folder that will be the public folder of the month."""
        return self.path / "publication"

    @property
    def bundle(self) -> Path:
        """The path of the bundle, which exists once the statement was signed."""
        return self.publication / bundle_file_name(self.period)

    def payload(self) -> bytes | None:
        """The payload to be signed, None before everything that belongs to it is on the disk.

        Raises `UnavailableError` when it cannot be read.
        """
        path = self.private / STATEMENT_FILE
        return read_bounded(path, MAX_PAYLOAD_BYTES) if _is_there(path) else None

    def is_signed(self) -> bool:
        """Whether the statement was signed; one part may have its name by then.

        Raises `UnavailableError` when that cannot be told.
        """
        return _is_there(self.bundle) or _is_there(self.path / _INTENT)

    def file(self, name: str) -> BinaryIO | None:
        """A file of this name in either part, opened, the public one first; None when neither has it.

        Raises `UnavailableError` when it cannot be opened.
        """
        return Names(self.private, self.publication).file(name)

    def keep(self, private: Mapping[str, bytes], publication: Mapping[str, bytes], payload: bytes) -> None:
        """Write the files of a month, then its payload. When this returns, all of them are on the disk.

        `private`: the files for the private folder, by name.
        `publication`: the files for the public folder, by name.
        `payload`: the bytes to be signed.
        Raises `OSError` or `UnavailableError` when they cannot be written.
        """
        fill_folder(self.private, private, mode=SECRET_MODE)
        fill_folder(self.publication, publication, mode=PUBLIC_MODE)
        sync_tree(self.path)
        write_file(self.private / STATEMENT_FILE, payload, mode=SECRET_MODE, force=True)

    def intend(self, names: Names) -> None:
        """Write down that both parts are complete and verified, and the names that they get.

        Raises `UnavailableError` when it cannot be written.
        """
        value = {"private": str(names.private.absolute()), "publication": str(names.publication.absolute())}
        # Plain JSON, which can hold a path that is not UTF-8.
        write_file(self.path / _INTENT, json.dumps(value).encode() + b"\n", mode=SECRET_MODE, force=True)

    def intended(self) -> Names | None:
        """The names that both parts were to get; None while they are not complete.

        For a damaged intent file, its own path stands for both, because the names are only shown in an error. Raises
        `UnavailableError` when the file cannot be read.
        """
        path = self.path / _INTENT
        if not _is_there(path):
            return None
        try:
            value = json.loads(read_bounded(path, _MAX_INTENT_BYTES))
            return Names(Path(value["private"]), Path(value["publication"]))
        except (ValueError, KeyError, TypeError):
            return Names(path, path)  # damaged: where they are found will tell

    def give_names(self, names: Names, tell: Callable[[str], None]) -> None:
        """Give both parts their names, the public one last, and remove the rest of the folder.

        `names`: those that the parts get. A part that has its name already, from a run that was stopped, keeps it.
        `tell`: gets a sentence for people, such as that a folder is copied to another disk.
        Raises `UnavailableError` when another folder has one of the names, or a part was given another name before, and
        when the disk fails.
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
    """The months that stopped runs left below `private` with a payload, by period. Those without a payload are removed.

    `tell`: gets a sentence for people about what is removed.
    Raises `UnavailableError` when a folder cannot be read or removed.
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
    """Remove a month that nobody signed and nobody can sign.

    `why`: the reason, for people.
    `tell`: gets a sentence with it.
    Raises `UnavailableError` when it cannot be removed.
    """
    tell(f"{unfinished.path}, which a stopped run left and nobody signed, is removed: {why}")
    _remove(unfinished.path, tell)


def _is_there(path: Path) -> bool:
    """Whether a file exists. Raises `UnavailableError` when that cannot be told."""
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
    """A context that gives the folder of a new month. On an error in it the folder is removed, unless it stays.

    `private`: the private folder, made where it is absent.
    `period`: the month, such as `2026-10`.
    `stays`: says whether the folder is kept on an error, because its payload may be signed.
    `tell`: gets a sentence for people about what a killed run left, which is removed.
    Raises `UnavailableError` when the disk fails or another run is at work on the month.
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
    """Whether `part` was copied to `name` on another disk by a run that was stopped before it removed `part`."""
    files = [path.name for path in part.iterdir()]
    if not is_folder(name) or any((part / file).is_dir() for file in files):
        return False
    return not any(filecmp.cmpfiles(part, name, files, shallow=False)[1:]) and len(files) == len(list(name.iterdir()))


def _rename(part: Path, name: Path, mode: int, tell: Callable[[str], None]) -> None:
    """Rename a folder. Where `name` is on another disk, copy it to a temporary name beside `name`, and rename that.

    Raises `OSError`.
    """
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
