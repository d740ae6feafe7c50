"""Where the rows of a ledger come from: files, one or many, and databases."""

from __future__ import annotations

import glob
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attest.errors import MalformedError, UnavailableError
from attest.liabilities import ledger_csv, ledger_databases
from attest.liabilities.ledger import Input, Source
from attest.liabilities.ledger_partitions import NO_FOLDERS, Partition, partition
from attest.liabilities.ledger_rows import Batch, is_text

_PARQUET_BATCH_ROWS: Final = 1 << 17
_READ_AHEAD_BYTES: Final = 1 << 20
_HASH_BYTES: Final = 4 << 20
_CODECS: Final = {".csv": None, ".csv.gz": "gzip", ".csv.zst": "zstd"}
_SQLITE: Final = (".sqlite", ".sqlite3", ".db")
_SCHEMES: Final = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the ledger, the name it has in findings, and its state when reading began.

    `within` are the folders that its path names, below that of the config.
    """

    path: Path
    name: str
    state: tuple[int, int, int]
    within: tuple[str, ...]


def batches(source: Source, found: Callable[[str], None], inputs: list[Input]) -> Iterator[Batch]:
    """The rows of `source` in its order; rows that are none go to `found`.

    What was read is told in `inputs`, complete when the iterator is exhausted.
    Raises `MalformedError` where reading cannot go on, `UnavailableError` for what cannot be read or has changed.
    """
    if source.location.startswith(_SCHEMES):
        yield from ledger_databases.postgresql(source.location, _query(source), inputs)
        return
    files = _files(source)
    with _digests(files) as digests:
        for file in files:
            with _failures(file):
                yield from _rows(file, source, found)
    for file, digest in zip(files, digests, strict=True):
        with _failures(file):
            if _state(file.path) != file.state:
                raise UnavailableError(
                    "ledger/changed",
                    f"{file.name} changed while it was read",
                    hint="read a copy that nothing writes to",
                )
            inputs.append(Input(file.name, sha256=digest.result(), bytes=file.state[0], query=source.query))


def require_files(source: Source) -> None:
    """Raises `UnavailableError`, `MalformedError` when a file of `source` cannot be opened; a database is not asked."""
    if source.location.startswith(_SCHEMES):
        return
    for file in _files(source):
        with _failures(file):
            if not S_ISREG(file.path.stat().st_mode):
                raise MalformedError("ledger/file", f"{file.name} is not a file")
            with file.path.open("rb"):
                pass


def _query(source: Source) -> str:
    if source.query is None:
        raise MalformedError(
            "ledger/query", "a database needs a query", hint=f"{ledger_databases.QUERY} ORDER BY account"
        )
    return source.query


def _files(source: Source) -> list[_File]:
    path = source.folder / source.location
    plain = path.exists() or not glob.has_magic(source.location)
    named = [path] if plain else sorted(_expand(path))
    if not named:
        raise UnavailableError("ledger/unreadable", f"no file matches {path}")
    files = []
    for each in named:
        name = each.name if len(named) == 1 else os.path.relpath(each, source.folder)
        within = each.parts[0 if Path(source.location).is_absolute() else len(source.folder.parts) : -1]
        with _failures(file := _File(each, name, (0, 0, 0), within)):
            if each.is_dir():
                raise MalformedError(
                    "ledger/folder", f"{name} is a folder", hint=f"name its files, as in {_inside(source, each)}"
                )
            files.append(_File(each, file.name, _state(each), file.within))
    return files


def _inside(source: Source, folder: Path) -> str:
    """The glob of the files in `folder`, or in the folders of a table that is laid out in partitions."""
    partitions = any("=" in inner.name for inner in folder.iterdir() if inner.is_dir())
    return f"{source.location}/{'**/' if partitions else ''}*.parquet"


def _expand(pattern: Path) -> list[Path]:
    """The files that match; `**` matches folders too, and Spark leaves its own notes, like `_SUCCESS`, beside them."""
    found = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207  (absolute patterns)
    files = [path for path in found if path.is_file() and not (path.name.startswith("_") and _suffix(path) is None)]
    return files or found


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


@contextmanager
def _failures(file: _File) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:  # a column's name may be no text
        raise MalformedError("ledger/damaged", f"{file.name}: {_first_line(error)}") from None
    except OSError as error:
        if error.errno is None:  # Arrow's way to say that compressed data or pages do not decode
            raise MalformedError("ledger/damaged", f"{file.name}: {_first_line(error)}") from None
        raise UnavailableError("ledger/unreadable", f"cannot read the ledger {file.path}: {error.strerror}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _suffix(path: Path) -> str | None:
    """The known ending of a file's name, in lower case."""
    suffixes = "".join(path.suffixes[-2:]).lower()
    return next((known for known in (*_CODECS, ".parquet", *_SQLITE) if suffixes.endswith(known)), None)


def _rows(file: _File, source: Source, found: Callable[[str], None]) -> Iterator[Batch]:
    suffix = _suffix(file.path)
    if suffix in _SQLITE:
        return ledger_databases.sqlite(file.path, file.name, _query(source), found)
    if source.query is not None:
        raise MalformedError("ledger/query", f"{file.name} is no database, a query has no meaning for it")
    if suffix == ".parquet":
        return _parquet(file)
    if suffix is None:
        raise MalformedError(
            "ledger/format",
            f"{file.name} has no known ending",
            hint=f"a ledger is {', '.join((*_CODECS, '.parquet', *_SQLITE))} or postgresql://…",
        )
    return _csv(file, _CODECS[suffix], found)


def _csv(file: _File, codec: str | None, found: Callable[[str], None]) -> Iterator[Batch]:
    with file.path.open("rb", buffering=0) as raw:
        stream: Any = pa.CompressedInputStream(raw, codec) if codec else raw
        yield from ledger_csv.batches(file.name, stream, found, partition(file.name, file.within))


def _parquet(file: _File) -> Iterator[Batch]:
    folders = partition(file.name, file.within)
    columns = check_types(file.name, pq.read_schema(file.path), folders)
    with pq.ParquetFile(
        file.path,
        read_dictionary=[name for name in columns if name == "asset"],
        pre_buffer=False,
        buffer_size=_READ_AHEAD_BYTES,
        page_checksum_verification=True,
    ) as parquet:
        row = 1
        for batch in parquet.iter_batches(_PARQUET_BATCH_ROWS, columns=columns):
            present = {name: batch.column(name) for name in columns}
            if "asset" in present:
                _check_codes(file.name, present["asset"])
            yield folders.batch(file.name, row, present)
            row += len(batch)


def _check_codes(place: str, assets: Any) -> None:
    """Arrow reads a page whose codes are beyond the dictionary; what it makes of them later is anything."""
    if pa.types.is_dictionary(assets.type):
        codes = pc.min_max(assets.indices).as_py()
        if codes["min"] is not None and not 0 <= codes["min"] <= codes["max"] < len(assets.dictionary):
            raise MalformedError("ledger/damaged", f"{place}: a page names assets that its dictionary does not have")


def check_types(place: str, schema: Any, folders: Partition = NO_FOLDERS) -> list[str]:
    """The columns of a ledger that the Arrow `schema` has, where the others are in the names of `folders`.

    Raises `MalformedError` unless they are there in types that are exact.
    """
    columns = list(folders.positions(place, schema.names))
    for name in {"account", "asset"}.intersection(columns):
        if not is_text(kind := schema.field(name).type) and kind != pa.null():
            raise MalformedError(
                "ledger/type", f"{place}, field {name}: is {kind}, not text", hint=f"export {name} as text"
            )
    if "balance" not in columns:
        return columns
    kind = schema.field("balance").type
    types = pa.types
    if types.is_floating(kind):
        raise MalformedError(
            "ledger/type",
            f"{place}, field balance: is {kind}, which is not exact",
            hint="export balance as DECIMAL or text",
        )
    if not (is_text(kind) or types.is_decimal(kind) or types.is_integer(kind) or kind == pa.null()):
        raise MalformedError(
            "ledger/type", f"{place}, field balance: is {kind}", hint="export balance as DECIMAL, integer or text"
        )
    return columns


@contextmanager
def _digests(files: list[_File]) -> Iterator[list[Future[str]]]:
    """The SHA-256 of each file, computed in a thread beside the reading; done when the block ends."""
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
