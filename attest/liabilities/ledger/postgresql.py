"""Ledgers in PostgreSQL: one query, read in one snapshot, from a server that may stop answering."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pyarrow as pa

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.liabilities.ledger.parquet_pages import MAX_VALUE_BYTES
from attest.liabilities.ledger.partitions import COLUMNS, NO_FOLDERS
from attest.liabilities.ledger.queries import QUERY, without_end
from attest.liabilities.ledger.types import Batch, Input, Source
from attest.liabilities.ledger.waiting import SilentError, within

_BATCH_ROWS: Final = 1 << 15
# The bytes after which the driver hands over a batch. Few, because a batch is the sign of life that a slow query gives.
_HINT_BYTES: Final = {"adbc.postgresql.batch_size_hint_bytes": str(64 << 10)}
# By these TCP notices a server that is gone (https://www.postgresql.org/docs/current/libpq-connect.html).
_LIMITS: Final = {
    "connect_timeout": "30",
    "tcp_user_timeout": "60000",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
_BEGIN: Final = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SNAPSHOT: Final = """
    SELECT to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           pg_current_snapshot()::text, current_setting('server_version')
"""
_SYNTAX_ERROR: Final = "42601"
_QUERY_HINT: Final = "the query is sent as SELECT … FROM (query): it must be one SELECT, which psql takes in this form"
_SERVERS_ERROR: Final = "ERROR:"
_WIDE: Final = "attest: the field "
# Classes of errors whose texts are shown, because they name only connections, tables and limits. Texts of other classes
# may quote a row (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_TOLD: Final = frozenset({"0A", "08", "25", "28", "3D", "3F", "42", "53", "54", "55", "57", "58"})
_POSTGRESQL_TEXT: Final = frozenset({"text", "varchar", "bpchar", "name"})
_POSTGRESQL_EXACT: Final = frozenset({"numeric", "int2", "int4", "int8", *_POSTGRESQL_TEXT})


class _Snapshot(NamedTuple):
    """The snapshot that the query reads, as the server describes it.

    `time`: the server's clock when it was taken (RFC 3339, UTC).
    `name`: `pg_current_snapshot()`.
    `version`: of the server.
    """

    time: str
    name: str
    version: str


def postgresql(source: Source, query: str, inputs: list[Input]) -> Iterator[Batch]:
    """The rows of a query, read in one snapshot of the database.

    `source`: its `location` is the URL of the database. A password comes from there, PGPASSWORD or ~/.pgpass; no error
    shows it.
    `query`: one SELECT.
    `inputs`: gets an entry with the name of the snapshot, when all rows were read.
    Raises `MalformedError` for columns that no ledger has and for a field that is too wide; `UnavailableError` when the
    server refuses, and when it sends nothing for `source.patience` seconds.
    """
    from adbc_driver_postgresql import dbapi

    place, secrets = _address(source.location)
    if not (sent := without_end(query)):
        raise MalformedError("ledger/query", f"{place}: the query says nothing", hint=f"{QUERY} ORDER BY account")
    row = 1
    snapshot: _Snapshot | None = None
    pieces: list[Any] = []
    rows = 0
    try:
        for item in within(source.patience, lambda stop: _read(_limited(source.location), sent, place, stop)):
            if isinstance(item, _Snapshot):
                snapshot = item
                continue
            pieces.append(item)
            rows += len(item)
            if rows >= _BATCH_ROWS:
                yield _joined(place, row, pieces)
                row, rows, pieces = row + rows, 0, []
    except SilentError:
        where = f"{place}, after row {row + rows - 1}" if row + rows > 1 else place
        raise UnavailableError(
            "ledger/silent",
            f"{where}: the server sent nothing for {source.patience:,.0f} seconds",
            hint="is it at work? if the query only takes long, set a longer patience under [ledger]",
        ) from None
    except (dbapi.Error, OSError, pa.ArrowException) as error:
        raise _refused(error, place, secrets, show=source.show_names) from None
    if pieces:
        yield _joined(place, row, pieces)
    if snapshot is not None:
        server = f"PostgreSQL {snapshot.version}"
        inputs.append(Input(place, query=query, snapshot_time=snapshot.time, snapshot=snapshot.name, server=server))


def _read(
    url: str, sent: str, place: str, stop: Callable[[Callable[[], object]], None]
) -> Generator[_Snapshot | Any, None, None]:
    """The snapshot, then record batches of the ledger's columns.

    `stop`: gets the function that cancels a statement.
    """
    from adbc_driver_postgresql import dbapi

    with closing(dbapi.connect(url, autocommit=True)) as connection, connection.cursor() as cursor:
        stop(cursor.adbc_cancel)
        cursor.execute("SET client_encoding TO 'UTF8'")
        cursor.execute(_BEGIN)
        cursor.execute(_SNAPSHOT)
        yield _Snapshot(*cursor.fetchall()[0])
        try:
            cursor.execute(f"SELECT * FROM ({sent}) AS ledger LIMIT 0")  # noqa: S608  (the query is the exchange's own)
            reader = cursor.fetch_record_batch()
        except IndexError:  # what ADBC makes of a statement without a result
            raise MalformedError("ledger/query", f"{place}: the query returns no columns") from None
        kinds = _checked_types(place, reader.schema)
        cursor.adbc_statement.set_options(**_HINT_BYTES)
        cursor.execute(_narrow(sent, kinds))
        for batch in cursor.fetch_record_batch():
            yield pa.record_batch([_plain(batch.column(name)) for name in COLUMNS], list(COLUMNS))


def _narrow(sent: str, kinds: dict[str, str]) -> str:
    """The query `sent`, extended so that the server itself fails at a field that is too wide and never sends it.

    OFFSET 0 keeps the server from evaluating rows that the query leaves out.
    """
    cases = []
    for column, kind in kinds.items():
        if kind in _POSTGRESQL_TEXT:
            length = f"octet_length({column}::text)"
        elif kind == "numeric":
            length = f"pg_column_size({column})"
        else:
            continue
        cases.append(
            f"WHEN {length} > {MAX_VALUE_BYTES} THEN ('{_WIDE}{column} has ' || {length} || ' bytes')::boolean"
        )
    inner = f"SELECT {', '.join(COLUMNS)} FROM ({sent}) AS query OFFSET 0"  # noqa: S608
    return f"SELECT * FROM ({inner}) AS ledger WHERE CASE {' '.join(cases)} ELSE true END"  # noqa: S608


def _joined(place: str, row: int, pieces: list[Any]) -> Batch:
    joined = pa.concat_batches(pieces)
    account, asset, balance = (joined.column(name) for name in COLUMNS)
    return Batch(place, row, account, asset, balance, unordered=True)


def _limited(url: str) -> str:
    """The URL with time limits for connecting and for a server that is gone, where it has none of its own."""
    parts = urlsplit(url)
    said = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    more = urlencode({key: value for key, value in _LIMITS.items() if key not in said})
    if not more:
        return url
    return f"{url}{'&' if parts.query else '' if url.endswith('?') else '?'}{more}"


def _address(url: str) -> tuple[str, list[str]]:
    """The name of the database in findings, and the secrets that no error may show.

    Raises `MalformedError` for a URL that libpq would read in another way.
    """
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


def _refused(error: Exception, place: str, secrets: list[str], *, show: bool) -> AttestError:
    """The error for a failure of the server or of the connection; its text shows values of a row only if `show`."""
    state = getattr(error, "sqlstate", None) or ""
    message = str(error).partition("\n")[0]
    if _WIDE in message:
        field = message.rpartition(_WIDE)[2].partition('"')[0]
        return MalformedError(
            "ledger/wide",
            f"{place}, field {field}; no field of a ledger has more than {MAX_VALUE_BYTES:,}",
            hint="find the row with octet_length, and correct it, or name the right column in the query",
        )
    for secret in secrets:
        message = message.replace(secret, "***")
    hint = _QUERY_HINT if state == _SYNTAX_ERROR else None
    # Once rows arrive, the driver's errors have no state.
    if not show and (state[:2] not in _TOLD if state else _SERVERS_ERROR in message):
        message = f"the server ended the query with an error{f' ({state})' if state else ''}"
        hint = "run the query in psql to see why, or say --show-names: its words may quote a row"
    return UnavailableError("ledger/database", f"{place}: {message[:300]}", hint=hint)


def _checked_types(place: str, schema: Any) -> dict[str, str]:
    """PostgreSQL's type of each column of a ledger.

    Raises `MalformedError` for a missing column, an account or asset that is not text, and a balance that is not exact.
    """
    kinds: dict[str, str] = {}
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
        kinds[name] = kind
    return kinds


def _plain(array: Any) -> Any:
    return array.storage if isinstance(array, pa.ExtensionArray) else array
