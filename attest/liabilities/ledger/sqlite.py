"""Ledgers in SQLite files: one query, read in one transaction, which may run over views that never end."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attest.errors import MalformedError, UnavailableError
from attest.liabilities.ledger.parquet_pages import MAX_VALUE_BYTES
from attest.liabilities.ledger.partitions import COLUMNS, NO_FOLDERS
from attest.liabilities.ledger.types import Batch, Source

_BATCH_ROWS: Final = 1 << 15
_AT_ONCE: Final = 1 << 10
_PIECES: Final = _BATCH_ROWS // _AT_ONCE
_MAX_LENGTH: Final = 64 << 10  # bytes of a text, a row and any value within the query
_CACHE_KIB: Final = 16 << 10
_STEPS: Final = 1 << 20  # of SQLite's virtual machine, between two looks at the clock
# A query that gives more rows than this, or takes more steps without a row, counts as endless.
_MAX_ROWS: Final = 10_000_000
_ROWS_PER_BYTE: Final = 10
_MAX_STEPS: Final = 4_000_000_000
_STEPS_PER_BYTE: Final = 10_000
_TYPES: Final = {float: "REAL", bytes: "BLOB", int: "INTEGER"}
_ALLOWED: Final = (frozenset({str, type(None)}), frozenset({str, type(None)}), frozenset({str, int, type(None)}))
_ENDLESS_HINT: Final = "does the query, or a view that it reads, end? store its rows in a table, or export them as CSV"


def sqlite(path: Path, place: str, query: str, source: Source, found: Callable[[str], None]) -> Iterator[Batch]:
    """The rows of a query over a SQLite file, read in one transaction.

    `path`: of the file.
    `place`: its name in findings.
    `query`: one SELECT.
    `source`: its `patience` and `show_names` apply.
    `found`: gets a finding, a sentence, for each row with a value that is not exact.
    Raises `MalformedError` for columns that no ledger has, for a value that is too wide and for more rows than the file
    can honestly give; `UnavailableError` when SQLite refuses, no row comes for `source.patience` seconds or very many
    steps, or the file has a write-ahead log beside it.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise UnavailableError(
            "ledger/changing",
            f"{place} has a write-ahead log beside it, so the file alone is not the ledger",
            hint="read a copy made with: VACUUM INTO 'copy.sqlite'",
        )
    size = path.stat().st_size
    watch = _Watch(source.patience, _MAX_STEPS + _STEPS_PER_BYTE * size)
    most = _MAX_ROWS + _ROWS_PER_BYTE * size
    pieces: list[Batch] = []
    try:
        # The thread that takes rows, or ends the generator, need not be the one that opened the database.
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)
        ) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_LENGTH)
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.execute("PRAGMA mmap_size = 0")
            database.set_progress_handler(watch, _STEPS)
            cursor = database.execute(query)
            columns = list(NO_FOLDERS.positions(place, [column[0] for column in cursor.description or ()]).values())
            while rows := list(islice(cursor, _AT_ONCE)):
                values = [[each[column] for each in rows] for column in columns]
                pieces.append(_piece(place, watch.rows + 1, values, found, show=source.show_names))
                watch.came(len(rows))
                if watch.rows > most:
                    raise MalformedError(
                        "ledger/rows",
                        f"{place}: the query gives more than {most:,} rows, from a file of {size:,} bytes",
                        hint=_ENDLESS_HINT,
                    )
                if len(pieces) == _PIECES:
                    yield _joined(pieces)
                    pieces = []
            if pieces:
                yield _joined(pieces)
    except sqlite3.Error as error:
        where = f"{place}, after row {watch.rows}" if watch.rows else place
        raise _error(error, where, watch, show=source.show_names) from None


class _Watch:
    """The progress handler of SQLite that ends a query which works too long without a row.

    `rows`: how many came so far.
    `ended`: why the query was ended; empty while it was not.
    `patience`: the seconds allowed without a row.
    `steps`: the steps of SQLite's virtual machine allowed without a row.
    """

    def __init__(self, patience: float, steps: int) -> None:
        self.rows = 0
        self.ended = ""
        self._patience = patience
        self._steps = steps
        self._left = steps
        self._since = time.monotonic()

    def __call__(self) -> bool:
        self._left -= _STEPS
        if time.monotonic() - self._since > self._patience:
            self.ended = f"no row came for {self._patience:,.0f} seconds"
        elif self._left < 0:
            self.ended = f"no row came for {self._steps:,} steps of SQLite"
        return bool(self.ended)

    def came(self, rows: int) -> None:
        """Note that `rows` more rows came."""
        self.rows += rows
        self._left = self._steps
        self._since = time.monotonic()


def _error(error: sqlite3.Error, where: str, watch: _Watch, *, show: bool) -> UnavailableError | MalformedError:
    if watch.ended:
        hint = f"{_ENDLESS_HINT}; if it only takes long, set a longer patience under [ledger]"
        return UnavailableError("ledger/silent", f"{where}: {watch.ended}", hint=hint)
    if getattr(error, "sqlite_errorname", None) == "SQLITE_TOOBIG":
        return MalformedError(
            "ledger/wide",
            f"{where}: a value of more than {_MAX_LENGTH:,} bytes; no field of a ledger has more than "
            f"{MAX_VALUE_BYTES:,}",
            hint="name the columns account, asset and balance in the query, instead of *, and correct those",
        )
    message = str(error)
    if message.startswith("Could not decode to UTF-8"):  # goes on with the text itself
        message = message if show else message.partition(" with text")[0]
    return UnavailableError("ledger/database", f"{where}: {message}")


def _piece(place: str, row: int, values: list[list[Any]], found: Callable[[str], None], *, show: bool) -> Batch:
    """The batch of a few rows from number `row` on, few because their values may be long."""
    numbers = list(range(row, row + len(values[0])))
    if not all(allowed.issuperset(map(type, column)) for allowed, column in zip(_ALLOWED, values, strict=True)):
        exact = [
            number
            for number, *each in zip(numbers, *values, strict=True)
            if _exact(place, number, each, found, show=show)
        ]
        values = [[column[number - row] for number in exact] for column in values]
        numbers = exact
    account, asset, balance = values
    piece = Batch(
        place,
        np.array(numbers, np.int64),
        pa.array(account, pa.large_string()),
        pa.array(asset, pa.large_string()),
        pa.array([str(each) if isinstance(each, int) else each for each in balance], pa.large_string()),
        unordered=True,
    )
    for name in COLUMNS:
        column = getattr(piece, name)
        if column.nbytes <= MAX_VALUE_BYTES:
            continue
        lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy()
        if lengths.max() > MAX_VALUE_BYTES:
            first = int(np.argmax(lengths > MAX_VALUE_BYTES))
            raise MalformedError(
                "ledger/wide",
                f"{place} row {piece.row(first)}, field {name}: has {lengths[first]:,} bytes; no field of a ledger has "
                f"more than {MAX_VALUE_BYTES:,}",
                hint="correct the column, or name the right one",
            )
    return piece


def _joined(pieces: list[Batch]) -> Batch:
    account, asset, balance = (pa.concat_arrays([getattr(piece, name) for piece in pieces]) for name in COLUMNS)
    rows = np.concatenate([piece.rows for piece in pieces])
    return Batch(pieces[0].place, rows, account, asset, balance, unordered=True)


def _exact(place: str, row: int, values: list[Any], found: Callable[[str], None], *, show: bool) -> bool:
    for field, allowed, value in zip(COLUMNS, _ALLOWED, values, strict=True):
        if type(value) not in allowed:
            wanted = "TEXT or INTEGER" if field == "balance" else "TEXT"
            shown = f" {value!r:.40}" if show or (field == "balance" and isinstance(value, float)) else ""
            found(f"{place} row {row}, field {field}: is {_TYPES[type(value)]}{shown}, not {wanted}")
            return False
    return True
