"""The folder of a site: a file that an earlier run made is kept, written anew or removed, as the new site needs it.

A record in the folder says what attest made there, so that nothing else is ever touched; it is written before what it
names. It decides only what is skipped or removed; but whoever can write both it and a page can have a false page kept.
`index.json` of a site is another file.
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
    """A file whose bytes are there."""

    data: bytes


class Copy(NamedTuple):
    """A file that is copied byte for byte, whose SHA-256 in hex is known beforehand."""

    source: Path
    sha256: str


class Drawn(NamedTuple):
    """A file that takes long to draw; the same `key`, in hex, draws the same bytes."""

    key: str
    draw: Callable[[], bytes]


Content = Data | Copy | Drawn


class Filled(NamedTuple):
    """The paths that were written, left as they were, and removed.

    `kept` are no more of the site, but somebody changed them, so that they are for people to remove.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


class Made(Document):
    """What attest made, or was about to: the SHA-256 of a file, as far as it is known, and the key it was drawn by."""

    sha256: _Hex | None = None
    key: _Hex | None = None


class Record(Document):
    """`.attest-site.json`."""

    format: Literal["attest/site-record/v1"]
    files: Annotated[dict[SitePath, Made], Field(max_length=1_000_000)]


def require_site(folder: Path, *others: Path) -> None:
    """See that a site may be made in `folder`: it is new, empty or a site, and no other folder lies in it or around it.

    Raises `UnavailableError`.
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
    """Make `folder` hold `files`, by their paths there, in this order: what names others comes after them.

    Raises `UnavailableError`, before anything is written where that can be known: when the folder is no site, when a
    file that attest did not make has one of the paths, while another run is at work.
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
    """The SHA-256 of a file in hex; None where no file has that name. Raises `UnavailableError`."""
    file = open_beside(path.parent, path.name)
    if file is None:
        return None
    state = sha256()
    with file:
        for chunk in chunks(file, str(path)):
            state.update(chunk)
    return state.hexdigest()


def _put(path: Path, content: Content, found: str | None, before: Made | None) -> tuple[bool, Made]:
    """Have `content` at `path`, where a file with the digest `found` is; whether it was written, and what it is now."""
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
    """The pieces as they come. Raises `UnavailableError` after the last one when the file is not the verified one."""
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
    """What the record says of a file that is about to be written: nothing of its bytes where they may be either."""
    if isinstance(content, Drawn):
        return before if before is not None and before.key == content.key else Made()
    digest = content.sha256 if isinstance(content, Copy) else sha256(content.data).hexdigest()
    return Made(sha256=digest) if before is None or before.sha256 == digest else Made()


def _read_record(folder: Path) -> dict[str, Made]:
    """What attest made in a folder, by path; nothing in an empty one. Raises `UnavailableError` for any other."""
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
    """Write the record, unless it says so already."""
    entries = {path: item.model_dump(exclude_none=True) for path, item in sorted(made.items())}
    text = json.dumps({"format": _FORMAT, "files": entries}, indent=0, sort_keys=True) + "\n"
    path, data = folder / RECORD, text.encode()
    if not is_file(path) or read_bounded(path, len(data)) != data:
        write_file(path, data, force=True)


def _refuse_strangers(folder: Path, files: Mapping[str, Content], before: Mapping[str, Made]) -> None:
    """Raise `UnavailableError` when something that attest did not make stands where it is to write."""
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
    """Whether a file itself is there, and no link to one."""
    return is_file(path) and not path.is_symlink()


def _parents(path: str) -> list[str]:
    """The folders around `path`, from the outermost on, but for the site itself."""
    return [str(parent) for parent in reversed(PurePosixPath(path).parents) if str(parent) != "."]


def _remove_unfinished(folder: Path, paths: Iterable[str]) -> None:
    """Remove what a killed run left half written: no other run is at work."""
    for path in paths:
        if _leads_there(folder, path):
            with writing(folder / path):
                unfinished_name(folder / path).unlink(missing_ok=True)


def _is_removed(folder: Path, path: str, item: Made) -> bool:
    """Remove a file that is no more of the site, and folders that are empty then; whether it was there.

    One that somebody changed since is left to them.
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
    """Whether a file of that path is in the folder itself."""
    return _leads_there(folder, path) and _is_plain(folder / path)


def _leads_there(folder: Path, path: str) -> bool:
    """Whether all folders around `path` are there, and none is a link to somewhere else."""
    return all(is_folder(folder / parent) and not (folder / parent).is_symlink() for parent in _parents(path))
