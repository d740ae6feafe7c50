"""The folder of a site, brought up to date: files are written, kept or removed as the new site needs it.

A record in the folder, `.attest-site.json`, names the files that attest made there, so that no other file is ever
touched. It is written before the files that it names. It decides only what is skipped or removed; still, whoever can
write both the record and a page can have a false page kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from attest.documents import Document
from attest.errors import MalformedError, UnavailableError
from attest.files import (
    alone_in,
    is_file,
    is_folder,
    names_in,
    read_bounded,
    real_path,
    sync_folder,
    unfinished_name,
    write_chunks,
    write_file,
    writing,
)
from attest.folders import make_folders, remove_empty
from attest.lines import chunks, open_beside

RECORD: Final = ".attest-site.json"
_FORMAT: Final = "attest/site-record/v1"
_MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
_NO_SITE: Final = "name a new or empty folder, or one in which attest site made a site before"

_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Name = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
SitePath = Annotated[str, StringConstraints(pattern=rf"^{_Name}(?:/{_Name}){{0,2}}$")]


class Data(NamedTuple):
    """A file with these bytes."""

    data: bytes


class Copy(NamedTuple):
    """A file that is copied byte for byte.

    `source`: where it is copied from.
    `sha256`: the digest that it must have, hex.
    """

    source: Path
    sha256: str


class Drawn(NamedTuple):
    """A file that takes long to draw.

    `key`: hex; files with equal keys have equal bytes, so that one that is there already need not be drawn.
    `draw`: makes the bytes.
    """

    key: str
    draw: Callable[[], bytes]


Content = Data | Copy | Drawn


class Filled(NamedTuple):
    """The outcome of bringing a folder up to date: paths in it.

    `written`: files made anew.
    `unchanged`: files that were as they should be.
    `removed`: files of an earlier site that this one lacks.
    `kept`: files of an earlier site that somebody changed since; people must decide about them.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


class Made(Document):
    """An entry of the record: a file that attest made or was about to make.

    `sha256`: of the file, hex; absent when either of two contents may be there, because a run may have been killed.
    `key`: the key by which it was drawn, hex; absent for other files.
    """

    sha256: _Hex | None = None
    key: _Hex | None = None


class Record(Document):
    """The record `.attest-site.json`: for each path in the folder what attest made there."""

    format: Literal["attest/site-record/v1"]
    files: Annotated[dict[SitePath, Made], Field(max_length=1_000_000)]


def require_site(folder: Path, *others: Path) -> None:
    """Raise `UnavailableError` unless a site may be made in `folder`.

    It must be new, empty or a site, and none of the `others` may lie in it or around it.
    """
    real = real_path(folder)
    for other in others:
        around = real_path(other)
        if real == around or real in around.parents or around in real.parents:
            raise UnavailableError(
                "site/inside", f"{folder} and {other} lie one in the other", hint="make the site in a folder of its own"
            )
    if os.path.lexists(folder) and not is_folder(folder):
        raise UnavailableError("site/other-folder", f"{folder} is not a folder", hint=_NO_SITE)
    if is_folder(folder):
        _read_record(folder)


def fill_site(folder: Path, files: Mapping[str, Content]) -> Filled:
    """Bring `folder` up to date so that it holds `files`, and say what was done.

    `files`: by path in the folder, in the order of writing.
    Raises `UnavailableError` before anything is written when the folder is no site, when a file that attest did not
    make has one of the paths, or while another run is at work; later, when a copied file changed meanwhile or a file
    cannot be written.
    """
    with writing(folder):
        make_folders(folder)
    with alone_in(folder, f"another attest site is at work in {folder}"):
        before = _read_record(folder)
        _refuse_strangers(folder, files, before)
        planned = {path: _planned(content, before.get(path)) for path, content in files.items()}
        _write_record(folder, before | planned)
        _remove_unfinished(folder, [RECORD, *before, *planned])
        written: list[str] = []
        unchanged: list[str] = []
        made: dict[str, Made] = {}
        for path, content in files.items():
            found = _digest_of(folder / path)
            is_new, made[path] = _put(folder / path, content, found, before.get(path))
            (written if is_new else unchanged).append(path)
        stale = {path: item for path, item in before.items() if path not in files}
        removed = tuple(path for path, item in stale.items() if _is_removed(folder, path, item))
        kept = {path: item for path, item in stale.items() if _is_there(folder, path)}
        _write_record(folder, made | kept)
    return Filled(tuple(written), tuple(unchanged), removed, tuple(kept))


def _digest_of(path: Path) -> str | None:
    """The SHA-256 of a file in hex; None for no file. Raises `UnavailableError` when it cannot be read."""
    file = open_beside(path.parent, path.name)
    if file is None:
        return None
    state = sha256()
    with file:
        for chunk in chunks(file, str(path)):
            state.update(chunk)
    return state.hexdigest()


def _put(path: Path, content: Content, found: str | None, before: Made | None) -> tuple[bool, Made]:
    """Have `content` at `path`; whether it was written, and its entry in the record.

    `found`: the digest of the file that is there; None for no file.
    `before`: its entry in the record of the earlier run.
    """
    if isinstance(content, Copy):
        if found != content.sha256:
            _copy(path, content)
        return found != content.sha256, Made(sha256=content.sha256)
    key = None
    if isinstance(content, Drawn):
        key = content.key
        if found is not None and before == Made(sha256=found, key=key):
            return False, before
        data = content.draw()
    else:
        data = content.data
    digest = sha256(data).hexdigest()
    if found != digest:
        with writing(path):
            make_folders(path.parent)
        write_file(path, data, force=True)
    return found != digest, Made(sha256=digest, key=key)


def _copy(path: Path, content: Copy) -> None:
    source = open_beside(content.source.parent, content.source.name)
    if source is None:
        raise _changed(content.source)
    with source:
        with writing(path):
            make_folders(path.parent)
        write_chunks(path, _as_signed(chunks(source, str(content.source)), content), force=True)


def _as_signed(pieces: Iterator[bytes], content: Copy) -> Iterator[bytes]:
    """The pieces of a copied file. Raises `UnavailableError` after the last one when their digest is another one."""
    state = sha256()
    for piece in pieces:
        state.update(piece)
        yield piece
    if state.hexdigest() != content.sha256:
        raise _changed(content.source)


def _changed(source: Path) -> UnavailableError:
    return UnavailableError(
        "file/changed", f"{source} was changed while the site was made", hint="try again when nobody writes there"
    )


def _planned(content: Content, before: Made | None) -> Made:
    """The entry of a file that is about to be written.

    It has no digest when the content changes, because a killed run leaves either the old or the new bytes.
    """
    if isinstance(content, Drawn):
        return before if before is not None and before.key == content.key else Made()
    digest = content.sha256 if isinstance(content, Copy) else sha256(content.data).hexdigest()
    return Made(sha256=digest) if before is None or before.sha256 == digest else Made()


def _read_record(folder: Path) -> dict[str, Made]:
    """The entries of a folder's record by path; none for an empty folder.

    Raises `UnavailableError` for a folder with files and without a record, and for a record that cannot be read.
    """
    path = folder / RECORD
    if not is_file(path):
        if set(names_in(folder, "")) <= {unfinished_name(path).name}:
            return {}
        raise UnavailableError("site/other-folder", f"{folder} has files in it and is no site of attest", hint=_NO_SITE)
    try:
        data = read_bounded(path, _MAX_RECORD_BYTES)
        return Record.from_json(data, what=str(path), max_bytes=_MAX_RECORD_BYTES).files
    except MalformedError as error:
        raise UnavailableError(
            "site/record", f"what attest made in {folder} is not known: {error.message}", hint=_NO_SITE
        ) from None


def _write_record(folder: Path, made: Mapping[str, Made]) -> None:
    """Write the record, unless the file already has these bytes."""
    entries = {path: item.model_dump(exclude_none=True) for path, item in sorted(made.items())}
    text = json.dumps({"format": _FORMAT, "files": entries}, indent=0, sort_keys=True) + "\n"
    path, data = folder / RECORD, text.encode()
    if not is_file(path) or read_bounded(path, len(data)) != data:
        write_file(path, data, force=True)


def _refuse_strangers(folder: Path, files: Mapping[str, Content], before: Mapping[str, Made]) -> None:
    """Raise `UnavailableError` when something that attest did not make is at a path that it would write to."""
    for path in files:
        for parent in (item for item in _parents(path) if os.path.lexists(folder / item)):
            if (folder / parent).is_symlink() or not is_folder(folder / parent):
                raise _stranger(folder / parent)
        if os.path.lexists(folder / path) and (path not in before or not _is_plain(folder / path)):
            raise _stranger(folder / path)


def _stranger(path: Path) -> UnavailableError:
    return UnavailableError(
        "site/stranger", f"{path} is in the way, and attest did not make it", hint="move it away, and try again"
    )


def _is_plain(path: Path) -> bool:
    """Whether `path` is a regular file and no link."""
    return is_file(path) and not path.is_symlink()


def _parents(path: str) -> list[str]:
    """The folders of a path within the site, the outermost first."""
    return [str(parent) for parent in reversed(PurePosixPath(path).parents) if str(parent) != "."]


def _remove_unfinished(folder: Path, paths: Iterable[str]) -> None:
    """Remove the half-written files of a killed run. It is safe because no other run is at work."""
    for path in paths:
        if _leads_there(folder, path):
            with writing(folder / path):
                unfinished_name(folder / path).unlink(missing_ok=True)


def _is_removed(folder: Path, path: str, item: Made) -> bool:
    """Remove a file of an earlier site and the folders that are empty then; whether that was done.

    A file that somebody changed since is not removed.
    """
    file = folder / path
    if not _is_there(folder, path) or item.sha256 not in {None, _digest_of(file)}:
        return False
    with writing(file):
        file.unlink()
        sync_folder(file.parent)
    remove_empty([folder / parent for parent in _parents(path)])
    return True


def _is_there(folder: Path, path: str) -> bool:
    """Whether `path` is a regular file within the folder, reached through no link."""
    return _leads_there(folder, path) and _is_plain(folder / path)


def _leads_there(folder: Path, path: str) -> bool:
    """Whether all folders of `path` exist and none is a link."""
    return all(is_folder(folder / parent) and not (folder / parent).is_symlink() for parent in _parents(path))
