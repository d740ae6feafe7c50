"""The sources of a ledger's rows: one or many files, and databases."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

import pyarrow as pa

from attest.errors import MalformedError, UnavailableError
from attest.liabilities.ledger import csv, parquet, postgresql, sqlite
from attest.liabilities.ledger.partitions import NO_FOLDERS, Partition, partition
from attest.liabilities.ledger.patterns import matching
from attest.liabilities.ledger.queries import QUERY
from attest.liabilities.ledger.types import Batch, Input, Source

_HASH_BYTES: Final = 4 << 20
_CODECS: Final = {".csv": None, ".csv.gz": "gzip", ".csv.zst": "zstd"}
_SQLITE: Final = (".sqlite", ".sqlite3", ".db")
_SCHEMES: Final = ("postgresql://", "postgres://")
_ACCOUNT_FOLDER: Final = re.compile(r"(?<![^/\\])(account)=[^/\\]*")


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the ledger.

    `path`: where it is.
    `name`: its name, relative to the config's folder when there are several files.
    `place`: its name in findings, which hides accounts in names of folders unless names are shown.
    `state`: size in bytes, time of modification in nanoseconds, and inode, when reading began.
    `folders`: the columns that the names of the folders around it give, below the config's folder.
    """

    path: Path
    name: str
    place: str
    state: tuple[int, int, int] = (0, 0, 0)
    folders: Partition = NO_FOLDERS


def batches(source: Source, found: Callable[[str], None], inputs: list[Input]) -> Iterator[Batch]:
    """The rows of a ledger, in order.

    `source`: where the ledger is.
    `found`: gets a finding, a sentence, for each row that is none.
    `inputs`: gets an entry for each file or query, once all rows were read.
    Raises `MalformedError` where reading cannot go on, `UnavailableError` for a source that cannot be read or has
    changed while it was read.
    """
    if source.location.startswith(_SCHEMES):
        for batch in postgresql.postgresql(source, _query(source), inputs):
            yield batch._replace(show_names=source.show_names)
        return
    files = _files(source)
    with _digests(files) as digests:
        for file in files:
            with _failures(file):
                for batch in _rows(file, source, found):
                    yield batch._replace(show_names=source.show_names)
    for file, digest in zip(files, digests, strict=True):
        with _failures(file):
            if _state(file.path.stat()) != file.state:
                raise UnavailableError(
                    "ledger/changed",
                    f"{file.place} changed while it was read",
                    hint="read a copy that nothing writes to",
                )
            inputs.append(Input(file.name, sha256=digest.result(), bytes=file.state[0], query=source.query))


def require_files(source: Source) -> None:
    """Check that every file of `source` can be opened; a database is not asked.

    Raises `UnavailableError` for a file that cannot be opened, `MalformedError` for one that is no regular file.
    """
    if source.location.startswith(_SCHEMES):
        return
    for file in _files(source):
        with _failures(file):
            if not S_ISREG(file.path.stat().st_mode):
                raise MalformedError("ledger/file", f"{file.place} is not a file")
            with file.path.open("rb"):
                pass


def _query(source: Source) -> str:
    if source.query is None:
        raise MalformedError("ledger/query", "a database needs a query", hint=f"{QUERY} ORDER BY account")
    return source.query


def _files(source: Source) -> list[_File]:
    path = source.folder / source.location
    plain = path.exists() or not glob.has_magic(source.location)
    named = [path] if plain else sorted(_expand(source))
    if not named:
        raise UnavailableError("ledger/unreadable", f"no file matches {path}")
    outer = 0 if Path(source.location).is_absolute() else len(source.folder.parts)
    files = []
    for number, each in enumerate(named, start=1):
        name = each.name if len(named) == 1 else os.path.relpath(each, source.folder)
        place = name if source.show_names else _nameless(name, number, len(named))
        with _failures(_File(each, name, place)):
            state = each.stat()
            if S_ISDIR(state.st_mode):
                raise MalformedError(
                    "ledger/folder", f"{place} is a folder", hint=f"name its files, as in {_inside(source, each)}"
                )
            folders = partition(place, each.parts[outer:-1], show_names=source.show_names)
            files.append(_File(each, name, place, _state(state), folders))
    return files


def _nameless(name: str, number: int, count: int) -> str:
    """The `name` without the accounts that folders in it may name; then it says which of `count` files it is."""
    hidden = _ACCOUNT_FOLDER.sub(r"\1=…", name)
    return name if hidden == name else f"{hidden} (file {number:,} of {count:,})"


def _inside(source: Source, folder: Path) -> str:
    """The pattern of the files in `folder`, for a hint; it has `**` when the folder is laid out in partitions."""
    partitions = any("=" in inner.name for inner in folder.iterdir() if inner.is_dir())
    return f"{source.location}/{'**/' if partitions else ''}*.parquet"


def _expand(source: Source) -> list[Path]:
    """The files that match the pattern, without Spark's notes such as `_SUCCESS`; if there are none, all matches."""
    pattern = Path(source.location)
    parts = pattern.parts[bool(pattern.anchor) :]
    try:
        found = list(matching(Path(pattern.anchor) if pattern.anchor else source.folder, parts))
    except UnavailableError as error:
        said = error.message if source.show_names else _ACCOUNT_FOLDER.sub(r"\1=…", error.message)
        raise UnavailableError("ledger/unreadable", said, hint="without it the ledger would not be whole") from None
    files = [path for path in found if path.is_file() and not (path.name.startswith("_") and _suffix(path) is None)]
    return files or found


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


@contextmanager
def _failures(file: _File) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise UnavailableError(
            "ledger/memory",
            f"reading {file.place} takes more memory than this machine, or a limit set for it, gives",
            hint="read it where more memory is free, or write it again as CSV",
        ) from None
    except (pa.ArrowException, UnicodeDecodeError) as error:  # the name of a column may not be UTF-8
        raise MalformedError("ledger/damaged", f"{file.place}: {_first_line(error)}") from None
    except OSError as error:
        if error.errno is None:  # from Arrow, for compressed data or pages that do not decode
            raise MalformedError("ledger/damaged", f"{file.place}: {_first_line(error)}") from None
        where = file.path if file.place == file.name else file.place
        raise UnavailableError("ledger/unreadable", f"cannot read the ledger {where}: {error.strerror}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _suffix(path: Path) -> str | None:
    """The known ending of a file's name, in lower case; None for any other."""
    suffixes = "".join(path.suffixes[-2:]).lower()
    return next((known for known in (*_CODECS, ".parquet", *_SQLITE) if suffixes.endswith(known)), None)


def _rows(file: _File, source: Source, found: Callable[[str], None]) -> Iterator[Batch]:
    suffix = _suffix(file.path)
    if suffix in _SQLITE:
        return sqlite.sqlite(file.path, file.place, _query(source), source, found)
    if source.query is not None:
        raise MalformedError("ledger/query", f"{file.place} is no database, a query has no meaning for it")
    if suffix == ".parquet":
        return parquet.parquet(file.path, file.place, file.folders)
    if suffix is None:
        raise MalformedError(
            "ledger/format",
            f"{file.place} has no known ending",
            hint=f"a ledger is {', '.join((*_CODECS, '.parquet', *_SQLITE))} or postgresql://…",
        )
    return _csv(file, _CODECS[suffix], found)


def _csv(file: _File, codec: str | None, found: Callable[[str], None]) -> Iterator[Batch]:
    with file.path.open("rb", buffering=0) as raw:
        stream: Any = pa.CompressedInputStream(raw, codec) if codec else raw
        yield from csv.batches(file.place, stream, found, file.folders)


@contextmanager
def _digests(files: list[_File]) -> Iterator[list[Future[str]]]:
    """The SHA-256 of each file in hex, computed in a thread beside the reading; all are done when the block ends."""
    abandoned = threading.Event()

    def digest(file: _File) -> str:
        state = hashlib.sha256()
        with file.path.open("rb", buffering=0) as raw:
            while (piece := raw.read(_HASH_BYTES)) and not abandoned.is_set():
                state.update(piece)
        return state.hexdigest()

    with ThreadPoolExecutor(1, "ledger-sha256") as pool:
        try:
            yield [pool.submit(digest, file) for file in files]
        except BaseException:
            abandoned.set()
            raise
