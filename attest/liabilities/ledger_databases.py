"""Ledgers in databases: one query, read in one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pyarrow as pa

from attest.errors import MalformedError, UnavailableError
from attest.liabilities.ledger import Input
from attest.liabilities.ledger_partitions import COLUMNS, NO_FOLDERS
from attest.liabilities.ledger_queries import without_end
from attest.liabilities.ledger_rows import Batch

_SQLITE_BATCH_ROWS: Final = 1 << 15
_SQLITE_TYPES: Final = {float: "REAL", bytes: "BLOB", int: "INTEGER"}
_ALLOWED: Final = (frozenset({str, type(None)}), frozenset({str, type(None)}), frozenset({str, int, type(None)}))

_BEGIN: Final = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SNAPSHOT: Final = """
    SELECT to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           pg_current_snapshot()::text, current_setting('server_version')
"""
QUERY: Final = "SELECT account, asset, balance FROM …"
_SYNTAX_ERROR: Final = "42601"
_QUERY_HINT: Final = "the query is sent as COPY (query) TO STDOUT: it must be one SELECT, which psql takes in this form"
_POSTGRESQL_TEXT: Final = frozenset({"text", "varchar", "bpchar", "name"})
_POSTGRESQL_EXACT: Final = frozenset({"numeric", "int2", "int4", "int8", *_POSTGRESQL_TEXT})


def sqlite(path: Path, name: str, query: str, found: Callable[[str], None]) -> Iterator[Batch]:
    """The rows of `query` over the SQLite file at `path`, read in one transaction; inexact values go to `found`.

    Raises `MalformedError` for columns that are no ledger's, `UnavailableError` for what SQLite refuses.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise UnavailableError(
            "ledger/changing",
            f"{name} has a write-ahead log beside it, so the file alone is not the ledger",
            hint="read a copy made with: VACUUM INTO 'copy.sqlite'",
        )
    row = 1
    try:
        # duckdb, which adds rows up, takes them in a thread of its own
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)
        ) as database:
            cursor = database.execute(query)
            columns = list(NO_FOLDERS.positions(name, [column[0] for column in cursor.description or ()]).values())
            while rows := list(islice(cursor, _SQLITE_BATCH_ROWS)):
                yield _sqlite_batch(name, row, rows, columns, found)
                row += len(rows)
    except sqlite3.Error as error:
        where = f"{name}, after row {row - 1}" if row > 1 else name
        raise UnavailableError("ledger/database", f"{where}: {error}") from None


def _sqlite_batch(
    name: str, row: int, rows: list[tuple[Any, ...]], columns: list[int], found: Callable[[str], None]
) -> Batch:
    numbers = list(range(row, row + len(rows)))
    values = [[each[column] for each in rows] for column in columns]
    if not all(allowed.issuperset(map(type, column)) for allowed, column in zip(_ALLOWED, values, strict=True)):
        numbers = [number for number, *each in zip(numbers, *values, strict=True) if _exact(name, number, each, found)]
        values = [[column[number - row] for number in numbers] for column in values]
    account, asset, balance = values
    return Batch(
        name,
        pa.array(numbers, pa.int64()).to_numpy(),
        pa.array(account, pa.large_string()),
        pa.array(asset, pa.large_string()),
        pa.array([str(each) if isinstance(each, int) else each for each in balance], pa.large_string()),
        unordered=True,
    )


def _exact(name: str, row: int, values: list[Any], found: Callable[[str], None]) -> bool:
    for field, allowed, value in zip(COLUMNS, _ALLOWED, values, strict=True):
        if type(value) not in allowed:
            wanted = "TEXT or INTEGER" if field == "balance" else "TEXT"
            found(f"{name} row {row}, field {field}: is {_SQLITE_TYPES[type(value)]} {value!r:.40}, not {wanted}")
            return False
    return True


def postgresql(url: str, query: str, inputs: list[Input]) -> Iterator[Batch]:
    """The rows of `query` in the database at `url`, in one snapshot that `inputs` names when all were read.

    A password comes from `url`, PGPASSWORD or ~/.pgpass and is in no error.
    Raises `MalformedError` for columns that are no ledger's, `UnavailableError` for what the server refuses.
    """
    from adbc_driver_postgresql import dbapi

    place, secrets = _address(url)
    if not (sent := without_end(query)):
        raise MalformedError("ledger/query", f"{place}: the query says nothing", hint=f"{QUERY} ORDER BY account")
    try:
        with closing(dbapi.connect(url, autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute("SET client_encoding TO 'UTF8'")
            cursor.execute(_BEGIN)
            cursor.execute(_SNAPSHOT)
            time, snapshot, version = cursor.fetchall()[0]
            try:
                cursor.execute(sent)
                reader = cursor.fetch_record_batch()
            except IndexError:  # what ADBC makes of a statement without a result
                raise MalformedError("ledger/query", f"{place}: the query returns no columns") from None
            _check_postgresql_types(place, reader.schema)
            row = 1
            for batch in reader:
                account, asset, balance = (_plain(batch.column(name)) for name in COLUMNS)
                yield Batch(place, row, account, asset, balance, unordered=True)
                row += len(batch)
    except (dbapi.Error, OSError, pa.ArrowException) as error:
        hint = _QUERY_HINT if getattr(error, "sqlstate", None) == _SYNTAX_ERROR else None
        raise UnavailableError("ledger/database", f"{place}: {_told(error, secrets)}", hint=hint) from None
    inputs.append(Input(place, query=query, snapshot_time=time, snapshot=snapshot, server=f"PostgreSQL {version}"))


def _address(url: str) -> tuple[str, list[str]]:
    """What findings call the database, and what no error may show. Raises `MalformedError`."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        plain = parts.netloc.count("@") <= 1 and "@" not in parts.path and not parts.fragment
    except ValueError:
        plain = False
    if not plain:  # libpq would take a piece of the password for a host or port, and show it
        raise MalformedError(
            "ledger/url",
            "the ledger's PostgreSQL URL is malformed",
            hint="percent-encode user and password, or leave the password to PGPASSWORD or ~/.pgpass",
        )
    values = [parts.password or "", *(value for key, value in parse_qsl(parts.query) if "pass" in key)]
    secrets = {url, parts.query, *values, *map(unquote, values)} - {""}
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}", sorted(secrets, key=len, reverse=True)


def _told(error: Exception, secrets: list[str]) -> str:
    message = str(error).partition("\n")[0]
    for secret in secrets:
        message = message.replace(secret, "***")
    return message[:300]


def _check_postgresql_types(place: str, schema: Any) -> None:
    NO_FOLDERS.positions(place, schema.names)
    for name in COLUMNS:
        kind = (schema.field(name).metadata or {}).get(b"POSTGRESQL:type", b"unknown").decode()
        allowed, cast = (_POSTGRESQL_EXACT, "numeric") if name == "balance" else (_POSTGRESQL_TEXT, "text")
        if kind not in allowed:
            reason = ", which is not exact" if kind.startswith("float") else ""
            raise MalformedError(
                "ledger/type",
                f"{place}, field {name}: is {kind}{reason}",
                hint=f"store it as {cast}" if reason else f"write {name}::{cast} in the query",
            )


def _plain(array: Any) -> Any:
    return array.storage if isinstance(array, pa.ExtensionArray) else array
