"""Databases that stop answering: a server that is stopped, a network that is dead, a query that takes long."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.liabilities.ledger import postgresql as ledger_postgresql
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from tests.liabilities.conftest import Server

DECIMALS = {"BTC": 8}
MANY = "SELECT 'customer-' || i AS account, 'BTC' AS asset, 1::numeric AS balance FROM generate_series(1, 400000) AS i"


def refused(source: Source) -> AttestError:
    with pytest.raises(AttestError) as caught:
        list(read(source, DECIMALS, ControlTotals()))
    assert "sekret" not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


def backend(server: Server, mark: str) -> int:
    """The process of the server that runs the query with `mark` in it."""
    condition = f"query LIKE '%{mark}%' AND pid <> pg_backend_pid()"
    for _ in range(200):
        if found := server.run(f"SELECT pid FROM pg_stat_activity WHERE {condition}"):  # noqa: S608
            return int(found[0][0])
        time.sleep(0.05)
    raise AssertionError(mark)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_server_that_is_stopped_while_rows_come_is_given_up(server: Server) -> None:
    query = f"{MANY} WHERE 'stopped_midway' <> ''"
    rows = read(Source(server.url(), query, patience=5), DECIMALS, ControlTotals())
    next(rows)
    with stopped(backend(server, "stopped_midway")), pytest.raises(UnavailableError) as caught:
        list(rows)
    assert caught.value.code == "ledger/silent"
    assert "the server sent nothing for 5 seconds" in caught.value.message
    assert "after row " in caught.value.message
    assert caught.value.hint is not None
    assert "patience under [ledger]" in caught.value.hint


def test_a_server_that_is_stopped_before_the_first_row_is_given_up(server: Server) -> None:
    query = "SELECT 'a' AS account, 'BTC' AS asset, 1 AS balance FROM pg_sleep(600) WHERE 'stopped_early' <> ''"
    errors: list[AttestError] = []
    thread = threading.Thread(target=lambda: errors.append(refused(Source(server.url(), query, patience=2))))
    thread.start()
    with stopped(backend(server, "stopped_early")):
        thread.join(60)
    assert [error.code for error in errors] == ["ledger/silent"]


def test_a_query_that_is_given_up_ends_on_the_server(server: Server) -> None:
    query = "SELECT 'a' AS account, 'BTC' AS asset, 1 AS balance FROM pg_sleep(600) WHERE 'given_up_at_last' <> ''"
    assert refused(Source(server.url(), query, patience=1)).code == "ledger/silent"
    for _ in range(100):
        if server.run("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%given_up_at_last%'") == [(1,)]:
            return
        time.sleep(0.1)
    pytest.fail("the query is still at work")


def test_a_query_whose_rows_come_slowly_is_waited_for(server: Server) -> None:
    server.run(
        "CREATE OR REPLACE FUNCTION slowly(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS "
        "$$ BEGIN IF i % 500 = 0 THEN PERFORM pg_sleep(0.5); END IF; RETURN i; END $$"
    )
    query = (
        "SELECT 'customer-' || slowly(i) AS account, 'BTC' AS asset, 1 AS balance FROM generate_series(1, 4000) AS i"
    )
    totals = ControlTotals()
    list(read(Source(server.url(), query, patience=3), DECIMALS, totals))
    assert totals.rows == 4000


@contextmanager
def listener(*, accept: bool) -> Iterator[int]:
    """A port where connections are taken by the system, and nobody says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=5) as server:
        held: list[socket.socket] = []
        if accept:
            threading.Thread(target=lambda: held.append(server.accept()[0]), daemon=True).start()
        yield server.getsockname()[1]
        for connection in held:
            connection.close()


@pytest.mark.parametrize("accept", [False, True])
def test_a_server_that_never_says_a_word_is_given_up(*, accept: bool) -> None:
    with listener(accept=accept) as port:
        source = Source(f"postgresql://u:sekret@127.0.0.1:{port}/x", "SELECT 1", patience=1)
        assert refused(source).code == "ledger/silent"


@pytest.mark.parametrize(
    ("url", "limited"),
    [
        ("postgresql://h/d", "postgresql://h/d?connect_timeout=30&tcp_user_timeout=60000&"),
        ("postgresql://h/d?", "postgresql://h/d?connect_timeout=30&tcp_user_timeout=60000&"),
        ("postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require&connect_timeout=30&"),
        ("postgresql://h/d?connect_timeout=5", "postgresql://h/d?connect_timeout=5&tcp_user_timeout=60000&"),
    ],
)
def test_every_connection_has_limits_of_time_unless_it_says_others(url: str, limited: str) -> None:
    found = ledger_postgresql._limited(url)
    assert found.startswith(limited)
    assert found.count("connect_timeout") == 1
    assert "keepalives_idle=30" in found


@pytest.mark.parametrize("field", ["account", "asset", "balance"])
def test_a_field_of_200_megabytes_stays_on_the_server(field: str, server: Server) -> None:
    values = {"account": "'a'", "asset": "'BTC'", "balance": "'1'"}
    values[field] = "repeat('x', 200000000)"
    query = f"SELECT {', '.join(f'{value} AS {name}' for name, value in values.items())} FROM generate_series(1, 4)"  # noqa: S608
    error = refused(Source(server.url(), query))
    assert isinstance(error, MalformedError)
    assert error.message == (
        f"postgresql://127.0.0.1:{server.port}/postgres, field {field} has 200000000 bytes; no field of a ledger has "
        "more than 4,096"
    )


def test_a_wide_row_that_the_query_leaves_out_is_none_of_the_ledger(server: Server) -> None:
    server.run(
        "CREATE TABLE some_wide AS SELECT CASE WHEN i = 3 THEN repeat('x', 10000) ELSE 'c' || i END AS account, "
        "'BTC' AS asset, 1 AS balance FROM generate_series(1, 5) AS i"
    )
    totals = ControlTotals()
    query = "SELECT * FROM some_wide WHERE length(account) < 100"
    list(read(Source(server.url(), query), DECIMALS, totals))
    assert totals.rows == 4


def test_a_locked_sqlite_file_is_not_waited_for_without_end(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "l.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE ledger (account, asset, balance)")
        database.execute("BEGIN EXCLUSIVE")
        error = refused(Source(path.name, "SELECT * FROM ledger", tmp_path, patience=1))
    assert "locked" in error.message
