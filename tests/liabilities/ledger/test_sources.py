"""Ledgers in Parquet files, globs and databases; sums of rows, control totals, duplicates."""

from __future__ import annotations

import glob
import hashlib
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.liabilities.ledger import sources, sums, types
from attest.liabilities.ledger.read import as_array, duplicate_rows, read
from attest.liabilities.ledger.types import AssetTotals, Balances, ControlTotals, Input, Source
from attest.liabilities.tree import account_digest
from tests.examples import examples
from tests.liabilities.conftest import Server

DECIMALS = {"BTC": 8, "JPY": 0, "ETH": 18}
QUERY = "SELECT account, asset, balance FROM ledger ORDER BY account"
Rows = list[tuple[str, str, int]]


def rows_of(source: Source, totals: ControlTotals | None = None, *, sum_rows: bool = False) -> Rows:
    rows: Rows = []
    for columns in read(source, DECIMALS, totals or ControlTotals(), sum_rows=sum_rows):
        amounts = [int.from_bytes(amount.tobytes()) for amount in columns.amounts]
        rows += [(columns.accounts.text(i), columns.asset, amount) for i, amount in enumerate(amounts)]
        rows += [(columns.others.text(i), columns.asset, 0) for i in range(len(columns.others))]
    return sorted(rows)


def refused(source: Source, error: type[AttestError] = MalformedError, *, sum_rows: bool = False) -> str:
    with pytest.raises(error) as caught:
        rows_of(source, sum_rows=sum_rows)
    return f"{caught.value.message} {caught.value.hint or ''}"


def parquet(path: Path, **columns: Any) -> Source:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return Source(str(path))


EXACT = [
    pa.array([Decimal("1.5"), Decimal(-2), Decimal(0)], pa.decimal128(38, 18)),
    pa.array([Decimal("1.5"), Decimal(-2), Decimal(0)], pa.decimal128(5, 2)),
    pa.array([Decimal("1.5"), Decimal(-2), Decimal(0)], pa.decimal256(76, 40)),
    pa.array([Decimal("1.5"), Decimal(-2), Decimal(0)], pa.decimal64(18, 8)),
    pa.array(["1.5", "-2.000000000000", "0"]),
    pa.array(["1.5", "-2", "-0.00"], pa.large_string()),
    pa.array(["1.5", "-2", "0"]).dictionary_encode(),
]


@pytest.mark.parametrize("balance", EXACT, ids=lambda array: str(array.type))
def test_parquet_balances_are_exact_in_every_exact_type(balance: Any, tmp_path: Path) -> None:
    source = parquet(
        tmp_path / "l.parquet",
        note=[1.5, 2.5, 3.5],
        balance=balance,
        asset=pa.array(["BTC", "BTC", "ETH"]),
        account=["佐藤", "e\u0301mile", "bob"],
    )
    totals = ControlTotals()
    assert rows_of(source, totals) == [("bob", "ETH", 0), ("émile", "BTC", 0), ("佐藤", "BTC", 150_000_000)]
    assert totals.rows == 3
    assert totals.assets == {
        "BTC": AssetTotals(rows=2, positive=1, positive_sum=150_000_000, negative=1, negative_sum=200_000_000),
        "ETH": AssetTotals(rows=1, zero=1),
        "JPY": AssetTotals(),
    }


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint64()])
def test_parquet_integers_are_whole_coins(kind: Any, tmp_path: Path) -> None:
    source = parquet(tmp_path / "l.parquet", account=["a"], asset=["ETH"], balance=pa.array([127], kind))
    assert rows_of(source) == [("a", "ETH", 127 * 10**18)]


def test_parquet_balances_up_to_127_bits(tmp_path: Path) -> None:
    most = 2**127 - 1
    balance = pa.array([Decimal(most), Decimal(7)], pa.decimal256(76, 0))
    source = parquet(tmp_path / "l.parquet", account=["a", "b"], asset=["JPY", "JPY"], balance=balance)
    assert rows_of(source) == [("a", "JPY", most), ("b", "JPY", 7)]


ONE = {"account": ["a", "b"], "asset": ["BTC", "BTC"], "balance": ["1", "2"]}
BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "float": ({"balance": [1.5, 2.5]}, ["field balance", "double", "export balance as DECIMAL or text"]),
    "bool": ({"balance": [True, False]}, ["field balance", "bool"]),
    "account number": ({"account": [1, 2]}, ["field account", "int64", "export account as text"]),
    "null account": ({"account": ["a", None]}, ["row 2", "field account", "null"]),
    "null asset": ({"asset": [None, "BTC"]}, ["row 1", "field asset", "null"]),
    "null balance": ({"balance": ["1", None]}, ["row 2", "field balance", "null"]),
    "no assets at all": ({"asset": pa.nulls(2)}, ["row 1", "field asset", "null", "first of 2"]),
    "no accounts at all": ({"account": pa.nulls(2)}, ["row 1", "field account", "null", "first of 2"]),
    "nested": ({"account": [["a"], ["b"]]}, ["field account", "list"]),
    "nested asset": ({"asset": [{"x": "BTC"}] * 2}, ["field asset", "struct"]),
    "no balances at all": ({"balance": pa.nulls(2)}, ["row 1", "field balance", "null", "first of 2"]),
    "too precise": (
        {"balance": [Decimal("1.000000000"), Decimal("1.000000001")]},
        ["row 2", "field balance", "'1.000000001' has more than 8 decimals"],
    ),
    "128 bits": (
        {"balance": pa.array([Decimal(1), Decimal(2**127)], pa.decimal256(76, 0)), "asset": ["JPY", "JPY"]},
        ["row 2", "field balance", "127 bits"],
    ),
    # Arrow's casts wrap around here instead of failing
    "decimal that overflows when scaled": ({"balance": [Decimal(1), Decimal(10**37)]}, ["row 2", "128 bits"]),
    "text that overflows when scaled": ({"balance": ["1", "1" * 38]}, ["row 2", "field balance", "128 bits"]),
    "account not UTF-8": (
        {"account": pa.array([b"a", b"b\xff"], pa.binary()).view(pa.string())},
        ["row 2", "field account", "0xff"],
    ),
    "asset not UTF-8": ({"asset": pa.array([b"BTC", b"\xff"], pa.binary())}, ["row 2", "field asset", "0xff"]),
    "missing column": ({"asset": None}, ["'asset' is missing"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parquet_names_file_row_and_field(case: str, tmp_path: Path) -> None:
    change, named = BAD[case]
    columns = {name: values for name, values in {**ONE, **change}.items() if values is not None}
    message = refused(parquet(tmp_path / "ledger.parquet", **columns))
    for part in ["ledger.parquet", *named]:
        assert part in message


def test_a_page_of_parquet_that_names_assets_beyond_its_dictionary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    table = pa.table({"account": ["a", "b", "c"], "asset": ["BTC", "JPY", "ETH"], "balance": ["1", "2", "3"]})
    pq.write_table(table, path, use_dictionary=["asset"], compression="none")
    data = path.read_bytes()
    codes = b"\x02\x03\x24"  # of two bits each: 0, 1, 2
    assert data.count(codes) == 1
    assert len(rows_of(Source(str(path)))) == 3
    path.write_bytes(data.replace(codes, b"\x02\x03\x27"))
    assert "a page names values that its dictionary does not have" in refused(Source(str(path)))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    table = pa.table({"account": [f"user{i}" for i in range(1000)], "asset": ["BTC"] * 1000, "balance": ["1"] * 1000})
    pq.write_table(table, path, write_page_checksum=True, compression="none")
    content = bytearray(path.read_bytes())
    content[content.index(b"user500")] ^= 1
    path.write_bytes(content)
    assert "ledger.parquet" in refused(Source(str(path)))
    path.write_bytes(content[:-8])
    assert "ledger.parquet" in refused(Source(str(path)))


def test_a_glob_is_one_ledger_with_each_file_named_and_hashed(tmp_path: Path) -> None:
    parquet(tmp_path / "in" / "b.parquet", account=["b"], asset=["BTC"], balance=["2"])
    (tmp_path / "in" / "a.csv").write_text("account,asset,balance\na,BTC,1\n")
    source = Source("in/*", folder=tmp_path)
    totals = ControlTotals()
    assert rows_of(source, totals) == [("a", "BTC", 10**8), ("b", "BTC", 2 * 10**8)]
    expected = []
    for name in ("in/a.csv", "in/b.parquet"):
        content = (tmp_path / name).read_bytes()
        expected.append(Input(name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)))
    assert totals.inputs == expected
    (tmp_path / "in" / "c.csv").write_text("account,asset,balance\nb,BTC,1\n\nc,BTC,x\n")
    assert refused(source).startswith("in/c.csv row 4, field balance: is not a decimal number")
    (tmp_path / "in" / "c.csv").write_text("account,asset,balance\nb,BTC,1\n")
    wanted = {
        asset: as_array([int.from_bytes(account_digest(name)[:8])]) for asset, name in (("BTC", "b"), ("ETH", "a"))
    }
    for shown, who in ((False, "its account has"), (True, "'b' has")):
        assert list(duplicate_rows(replace(source, show_names=shown), DECIMALS, wanted)) == [
            f"in/c.csv row 2, field account: {who} BTC already in in/b.parquet row 1"
        ]


def test_what_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()
    for name in ("ledger.xlsx", "ledger.csv", "ledger.sqlite"):
        (tmp_path / name).write_text("account,asset,balance\n")
    assert "no file matches" in refused(Source("*.zst", folder=tmp_path), UnavailableError)
    assert "folder.parquet/*.parquet" in refused(Source("folder.parquet", folder=tmp_path))
    assert "no known ending" in refused(Source("ledger.xlsx", folder=tmp_path))
    assert "no database" in refused(Source("ledger.csv", query="SELECT 1", folder=tmp_path))
    assert "needs a query" in refused(Source("ledger.sqlite", folder=tmp_path))
    assert "needs a query" in refused(Source("postgresql://u:sekret@localhost/x"))
    assert "not a database" in refused(Source("ledger.sqlite", QUERY, tmp_path), UnavailableError)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("account,asset,balance\n" + "alice,BTC,1\n" * 10_000)
    rows = read(Source(str(path)), DECIMALS, ControlTotals())
    next(rows)
    with path.open("a") as file:
        file.write("bob,BTC,1\n")
    with pytest.raises(UnavailableError, match="changed while it was read"):
        list(rows)


def test_reading_can_be_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("account,asset,balance\n" + "alice,BTC,1\n" * 10**6)
    for sum_rows in (False, True):
        rows = read(Source(str(path)), DECIMALS, ControlTotals(), sum_rows=sum_rows)
        next(rows)
        rows.close()  # type: ignore[attr-defined]
        assert not [thread for thread in threading.enumerate() if "sha256" in thread.name]


@pytest.mark.parametrize("rows", ["alice,BTC,x\n", "alice,BTC\n", '"alice",BTC\n'])
def test_reading_ends_at_as_many_findings_as_are_counted(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(types, "MAX_FINDINGS", 100)
    path = tmp_path / "ledger.csv"
    path.write_text("account,asset,balance\n" + rows * 1234)
    totals = ControlTotals()
    with pytest.raises(MalformedError, match="first of 100 findings or more"):
        rows_of(Source(str(path)), totals)
    assert (len(totals.findings), totals.finding_count) == (100, 100)


def test_the_findings_that_are_kept_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "_MAX_FINDINGS_LENGTH", 10_000)
    path = tmp_path / "ledger.csv"
    path.write_text("account,asset,balance\n" + "alice,BTC,x\n" * 1234)
    totals = ControlTotals()
    with pytest.raises(MalformedError, match="first of 1,234 findings"):
        rows_of(Source(str(path)), totals)
    assert sum(map(len, totals.findings)) <= 10_000


BALANCE = st.integers(-(10**18), 10**18)


@examples(40)
@given(rows=st.lists(st.tuples(st.sampled_from(["a", "b", "é", "e\u0301"]), st.sampled_from([*DECIMALS]), BALANCE)))
def test_summed_rows_are_netted_within_account_and_asset(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.csv"
    path.write_text("account,asset,balance\n" + "".join(f"{a},{c},{b}\n" for a, c, b in [*rows, ("z", "JPY", 1)]))
    sums: dict[tuple[str, str], int] = {("z", "JPY"): 1}
    for account, asset, balance in rows:
        key = (account.replace("e\u0301", "é"), asset)
        sums[key] = sums.get(key, 0) + balance * 10 ** DECIMALS[asset]
    totals = ControlTotals()
    assert rows_of(Source(str(path)), totals, sum_rows=True) == sorted((*key, max(s, 0)) for key, s in sums.items())
    assert totals.rows == len(rows) + 1
    for asset, total in totals.assets.items():
        mine = [value for key, value in sums.items() if key[1] == asset]
        assert total == AssetTotals(
            rows=sum(row[1] == asset for row in rows) + (asset == "JPY"),
            positive=sum(value > 0 for value in mine),
            positive_sum=sum(value for value in mine if value > 0),
            zero=mine.count(0),
            negative=sum(value < 0 for value in mine),
            negative_sum=-sum(value for value in mine if value < 0),
        )


@given(
    rows=st.lists(st.tuples(st.sampled_from("XY"), st.sampled_from([b"a", b"b"]), st.integers(-(2**126), 2**126))),
    cuts=st.lists(st.integers(0, 40)),
    memory=st.sampled_from([0, 1 << 20]),
)
def test_sums_do_not_depend_on_where_batches_end(
    rows: list[tuple[str, bytes, int]], cuts: list[int], memory: int
) -> None:
    ends = sorted({min(cut, len(rows)) for cut in (0, *cuts, len(rows))})
    parts = [
        Balances(
            asset,
            pa.array([row[1] for row in some], pa.large_binary()),
            np.array([row[2] >> 64 for row in some], np.int64),
            np.array([row[2] % 2**64 for row in some], np.uint64),
        )
        for start, end in pairwise(ends)
        for asset in "XY"
        if (some := [row for row in rows[start:end] if row[0] == asset])
    ]
    expected: dict[tuple[str, bytes], int] = {}
    for asset, account, balance in rows:
        expected[asset, account] = expected.get((asset, account), 0) + balance
    too_large: list[tuple[str, bytes]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sums, "_MEMORY", memory)
        patched.setattr(sums, "_PIECE_ROWS", 3)
        patched.setattr(sums, "_FOLD_ROWS", 4)
        patched.setattr(sums, "_MAX_BUCKET_BYTES", memory)
        added = {
            (part.asset, account): (int(high) << 64) + int(low)
            for part in sums.by_account(parts, too_large)
            for account, high, low in zip(part.accounts.to_pylist(), part.high, part.low, strict=True)
        }
    assert sorted(too_large) == sorted(key for key, total in expected.items() if not -(2**127) <= total < 2**127)
    assert added == {key: total for key, total in expected.items() if key not in too_large}


def test_sums_beyond_127_bits_and_bad_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text(f"account,asset,balance\na,JPY,{2**127 - 1}\nb,JPY,1\na,JPY,1\n")
    message = refused(Source(str(path)), sum_rows=True)
    assert message.startswith("ledger.csv row 2, field balance: the sum of the JPY rows of its account, of which")
    assert "account 'a', of which" in refused(Source(str(path), show_names=True), sum_rows=True)
    path.write_text("account,asset,balance\n" + "a,JPY,0.0\n" * 400_000 + f"b,JPY,{2**126}\n" * 4)
    assert "row 400002, field balance: the sum" in refused(Source(str(path)), sum_rows=True)
    path.write_text("account,asset,balance\na,JPY,1\nb,JPY,x\n")
    assert "row 3, field balance" in refused(Source(str(path)), sum_rows=True)


def sqlite(path: Path, *rows: tuple[object, object, object]) -> Source:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE ledger (account, asset, balance)")
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", rows)
    return Source(path.name, QUERY, path.parent)


def test_sqlite_text_and_integers_are_exact(tmp_path: Path) -> None:
    source = sqlite(
        tmp_path / "l.sqlite", *((f"u{i:06}", "BTC", i if i % 2 else f"{i}.00000001") for i in range(1, 50_000))
    )
    totals = ControlTotals()
    assert rows_of(source, totals) == [(f"u{i:06}", "BTC", i * 10**8 + (1 - i % 2)) for i in range(1, 50_000)]
    assert rows_of(source, sum_rows=True) == rows_of(source)
    content = (tmp_path / "l.sqlite").read_bytes()
    assert totals.inputs == [Input("l.sqlite", hashlib.sha256(content).hexdigest(), len(content), QUERY)]


BAD_SQLITE: dict[str, tuple[tuple[object, object, object], list[str]]] = {
    "real": (("b", "BTC", 1.5), ["row 40001, field balance", "REAL 1.5"]),
    "blob": (("b", "BTC", b"1"), ["row 40001, field balance", "BLOB"]),
    "number": ((5, "BTC", 1), ["row 1, field account", "INTEGER"]),
    "null": (("b", "BTC", None), ["row 40001", "field balance: is null"]),
    "not a number": (("b", "BTC", "1e5"), ["row 40001, field balance", "'1e5'"]),
}


@pytest.mark.parametrize("case", BAD_SQLITE)
def test_bad_sqlite_values_are_found(case: str, tmp_path: Path) -> None:
    row, named = BAD_SQLITE[case]
    message = refused(sqlite(tmp_path / "l.db", *((f"a{i:05}", "BTC", 1) for i in range(40_000)), row))
    for part in ["l.db", *named]:
        assert part in message


def test_sqlite_text_that_is_not_utf8_and_bad_queries_are_errors(tmp_path: Path) -> None:
    source = sqlite(tmp_path / "l.db", ("a", "BTC", 1))
    with closing(sqlite3.connect(tmp_path / "l.db")) as database, database:
        database.execute("INSERT INTO ledger VALUES (CAST(x'62ff' AS TEXT), 'BTC', 1)")
    assert "UTF-8" in refused(source, UnavailableError)
    assert "no such table" in refused(Source("l.db", "SELECT * FROM missing", tmp_path), UnavailableError)
    assert "readonly" in refused(Source("l.db", "DELETE FROM ledger", tmp_path), UnavailableError)
    assert "'asset' is missing" in refused(Source("l.db", "SELECT account FROM ledger", tmp_path))


def test_a_sqlite_file_with_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    source = sqlite(tmp_path / "l.db", ("a", "BTC", 1))
    with closing(sqlite3.connect(tmp_path / "l.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("INSERT INTO ledger VALUES ('b', 'BTC', 1)")
        database.commit()
        assert "write-ahead log" in refused(source, UnavailableError)


@pytest.fixture(scope="module")
def exchange(server: Server) -> Server:
    server.run(
        "CREATE TABLE big AS SELECT 'user' || i AS account, 'BTC'::varchar(9) AS asset, "
        "(i + 0.00000001)::numeric(30, 8) AS balance FROM generate_series(1, 600000) AS i",
    )
    return server


BIG = "SELECT balance, asset, account FROM big"


@cache
def big_rows() -> list[tuple[str, str, int]]:
    return sorted((f"user{i}", "BTC", i * 10**8 + 1) for i in range(1, 600_001))


def test_postgresql_is_read_in_one_snapshot(exchange: Server) -> None:
    totals, rows = ControlTotals(), []
    for columns in read(Source(exchange.url(), BIG), DECIMALS, totals):
        if not rows:
            exchange.run("UPDATE big SET balance = balance + 1", "DELETE FROM big WHERE account = 'user600000'")
        amounts = [int.from_bytes(amount.tobytes()) for amount in columns.amounts]
        rows += [(columns.accounts.text(i), columns.asset, amount) for i, amount in enumerate(amounts)]
    exchange.run(
        "UPDATE big SET balance = balance - 1", "INSERT INTO big VALUES ('user600000', 'BTC', 600000.00000001)"
    )
    assert sorted(rows) == big_rows()
    assert rows_of(Source(exchange.url(), BIG), sum_rows=True) == big_rows()
    (seen,) = totals.inputs
    assert (seen.name, seen.query) == (f"postgresql://127.0.0.1:{exchange.port}/postgres", BIG)
    assert seen.snapshot_time is not None
    assert time.time() - 600 < time.mktime(time.strptime(seen.snapshot_time[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert seen.server is not None
    assert seen.server.startswith("PostgreSQL ")


@pytest.mark.parametrize("how", ["terminated", "killed", "query fails"])
def test_a_server_that_dies_while_reading_is_an_error(how: str, exchange: Server) -> None:
    mark = f"big AS b_{how.replace(' ', '_')}"
    query = f"SELECT account, asset, balance FROM {mark}"  # noqa: S608
    if how == "query fails":
        query = "SELECT account, asset, balance / (550000 - balance::int) AS balance FROM big"
    totals, count = ControlTotals(), 0
    with pytest.raises(UnavailableError) as caught:
        for columns in read(Source(exchange.url(), query), {"BTC": 30}, totals):
            if not count and how != "query fails":
                condition = f"FROM pg_stat_activity WHERE query LIKE '%{mark}%' AND pid <> pg_backend_pid()"
                if how == "terminated":
                    exchange.run(f"SELECT pg_terminate_backend(pid) {condition}")
                else:
                    os.kill(int(exchange.run(f"SELECT pid {condition}")[0][0]), 9)
            count += len(columns.accounts)
    assert count < 600_000
    assert not totals.inputs
    assert "sekret" not in f"{caught.value.message}{caught.value.hint}"
    for _ in range(100):  # the server recovers from a killed process
        try:
            exchange.run("SELECT 1")
            break
        except Exception:  # noqa: BLE001
            time.sleep(0.1)


def test_postgresql_numerics_are_exact(exchange: Server) -> None:
    exchange.run(
        "CREATE TABLE numbers AS SELECT 'u' || i AS account, 'ETH' AS asset, (random()::text::numeric "
        "* 10::numeric ^ (random() * 30 - 12)::int * sign(random() - .3)::int)::numeric(38, 18) AS balance "
        "FROM generate_series(1, 20000) AS i"
    )
    expected = exchange.run(
        "SELECT account, asset, greatest(balance * 1000000000000000000, 0)::numeric(38, 0)::text FROM numbers"
    )
    query = "SELECT account, asset, balance FROM numbers"
    assert rows_of(Source(exchange.url(), query)) == sorted((a, c, int(n)) for a, c, n in expected)
    integers = "SELECT 'a' AS account, 'BTC'::char(3) AS asset, 3::bigint AS balance"
    assert rows_of(Source(exchange.url(), integers)) == [("a", "BTC", 3 * 10**8)]


BAD_QUERIES = {
    "float": ("'a' account, 'BTC' asset, 1.5::float8 balance", ["field balance", "float8", "numeric"]),
    "money is cents on the wire": ("'a' account, 'JPY' asset, '1.50'::money balance", ["field balance", "money"]),
    "number": ("5 account, 'BTC' asset, 1 balance", ["field account", "int4", "account::text"]),
    "null": ("null::text account, 'BTC' asset, 1 balance", ["row 1", "field account", "null"]),
    "not a number": ("'a' account, 'BTC' asset, 'NaN'::numeric balance", ["row 1, field balance: 'nan'"]),
    "infinity": ("'a' account, 'BTC' asset, 'Infinity'::numeric balance", ["row 1", "field balance"]),
    "too precise": ("'a' account, 'BTC' asset, 0.000000001 balance", ["row 1", "more than 8 decimals"]),
    "padded": ("'a' account, 'BTC'::char(5) asset, 1 balance", ["row 1", "field asset", "'BTC  '"]),
    "twice": ("'a' account, 'BTC' asset, 1 balance, 2 balance", ["'balance' stands there twice"]),
    "missing": ("'a' account, 1 balance", ["'asset' is missing"]),
}


@pytest.mark.parametrize("case", BAD_QUERIES)
def test_bad_postgresql_values_are_found(case: str, server: Server) -> None:
    values, named = BAD_QUERIES[case]
    message = refused(Source(server.url(), f"SELECT {values}"))
    for part in [f"postgresql://127.0.0.1:{server.port}/postgres", *named]:
        assert part in message
    assert "sekret" not in message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT nonsense",
        "SELECT 1; SELECT 2",
        "DELETE FROM big RETURNING account, asset, balance",
        "DROP TABLE big",
        "",
    ],
)
def test_queries_that_fail_or_write_are_refused(query: str, exchange: Server) -> None:
    message = refused(Source(exchange.url(), query), AttestError)
    assert "postgresql://127.0.0.1" in message
    assert exchange.run("SELECT count(*) FROM big") == [(600_000,)]


ENDS = {
    "a comment": " -- all of them",
    "a comment and a semicolon in it": " -- all; of them",
    "a semicolon": ";",
    "semicolons, white space and comments": " ;; -- one\n ;\t/* two /* three */ */ -- four",
    "a comment after a string that looks like one": " WHERE '--;' <> ';' -- all",
    "a comment after text between dollars": " WHERE $$ -- $$ <> $a$/* $$ $a$ -- all",
    "a comment after a string with a quote": " WHERE 'it''s -- ' = E'it\\'s -- ' -- all",
    "a comment after a name with two hyphens": ' CROSS JOIN (SELECT 1 AS "x--y") AS "z--" -- all',
    "a comment that ends in a carriage return": " -- all\r",
    "an empty comment": " --",
}


@pytest.mark.parametrize("end", ENDS)
def test_what_a_query_ends_with_changes_nothing(end: str, server: Server) -> None:
    query = f"-- balances\nSELECT account, /* login; */ asset, balance -- in coins\n FROM ({ONE_ROW}) AS one{ENDS[end]}"
    totals = ControlTotals()
    assert rows_of(Source(server.url(), query), totals) == [("a--b;", "BTC", 3 * 10**8)]
    assert totals.inputs[0].query == query


ONE_ROW = "SELECT 'a--b;' AS account, 'BTC' AS asset, 3 AS balance"


@pytest.mark.parametrize("query", ["", " \n", "-- all", "/* all */;", ";"])
def test_a_query_that_says_nothing_is_told_as_that(query: str, server: Server) -> None:
    assert "the query says nothing SELECT account, asset, balance FROM" in refused(Source(server.url(), query))


@pytest.mark.parametrize(
    "query", [f"{ONE_ROW} /* all", f"{ONE_ROW} WHERE 'x", f"{ONE_ROW}; {ONE_ROW}", "SHOW all", f"({ONE_ROW}"]
)
def test_a_query_that_cannot_be_sent_is_refused_with_what_it_must_be(query: str, server: Server) -> None:
    message = refused(Source(server.url(), query), UnavailableError)
    assert "the query is sent as SELECT … FROM (query): it must be one SELECT" in message


@pytest.mark.parametrize("end", ["", ";", " -- all", "; -- all", " ;\n-- all\n/* of them */", " /* open"])
def test_sqlite_takes_a_query_with_comments(end: str, tmp_path: Path) -> None:
    source = sqlite(tmp_path / "l.db", ("a--b", "BTC", 1))
    query = f"-- balances\n{QUERY.replace('asset', '/* coin */ asset')}{end}"
    assert rows_of(Source(source.location, query, source.folder)) == [("a--b", "BTC", 10**8)]


URLS = [
    "postgresql://postgres:sekret@127.0.0.1:1/x",
    "postgresql://postgres:sek@ret@127.0.0.1:{port}/x",
    "postgresql://postgres:sek/ret@127.0.0.1:{port}/x",
    "postgresql://postgres:sek#ret@127.0.0.1:{port}/x",
    "postgresql://postgres:sek?ret@127.0.0.1:{port}/x",
    "postgresql://postgres:sek ret@127.0.0.1:{port}/x",
    "postgresql://postgres:sek%20ret@127.0.0.1:{port}/nothing?password=sekret2",
    "postgresql://nobody:sekret@127.0.0.1:{port}/nothing",
    "postgresql://[sekret@127.0.0.1/x",
    "postgresql://postgres@127.0.0.1:{port}/postgres?nonsense=sekret",
]


@pytest.mark.parametrize("url", URLS)
def test_no_error_shows_a_password(url: str, server: Server) -> None:
    message = refused(Source(url.format(port=server.port), "SELECT 1"), AttestError)
    for secret in ("sekret", "sek", "ret"):
        assert secret not in message.replace("secret", "")


def test_text_in_another_encoding_arrives_as_utf8(server: Server) -> None:
    server.run("CREATE DATABASE tokyo ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    query = "SELECT convert_from('\\xbaa3c6a3'::bytea, 'EUC_JP') AS account, 'BTC' AS asset, 1 AS balance"
    assert rows_of(Source(server.url("tokyo"), query)) == [("佐藤".replace("佐", "今"), "BTC", 10**8)]


def test_giving_up_ends_the_servers_work(exchange: Server) -> None:
    rows = read(Source(exchange.url(), f"{BIG} AS given_up"), DECIMALS, ControlTotals())
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    for _ in range(50):
        if exchange.run(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS given_up%' AND pid <> pg_backend_pid()"
        ) == [(0,)]:
            return
        time.sleep(0.1)
    pytest.fail("the connection is still open")


def test_a_parquet_column_whose_name_is_no_text_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "l.parquet"
    table = pa.table({"account": ["a"], "asset": ["BTC"], "balance": ["1"], "noteé": ["x"]})
    pq.write_table(table, path, store_schema=False)
    path.write_bytes(path.read_bytes().replace("noteé".encode(), b"note\xe5\xe5"))
    assert "codec" in refused(Source("l.parquet", folder=tmp_path))


PATTERNS = [
    "*.csv", "a*/*.csv", "**/*.csv", "**", "a/**", "?/[ab].csv", "**/b/*.csv", "a/../a/*.csv", "*/*", ".*/*.csv",
    "**/.hidden/*.csv", "link/*.csv", "**/**/a.csv", "none/*.csv", "a.csv/*",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_what_the_module_glob_finds(pattern: str, tmp_path: Path) -> None:
    for name in (
        "a.csv",
        "a/a.csv",
        "a/b/a.csv",
        "a/b/b.csv",
        "b/a.csv",
        ".hidden/a.csv",
        "a/.hidden/a.csv",
        "c/x.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a", target_is_directory=True)
    found = [str(path) for path in sources._expand(Source(pattern, folder=tmp_path))]
    every = glob.glob(f"{tmp_path}/{pattern}", recursive=True)  # noqa: PTH207 (what it finds is what counts)
    expected = {path for path in every if Path(path).is_file()}
    assert {os.path.normpath(path) for path in found} == {os.path.normpath(path) for path in expected}


def test_folders_that_lead_into_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to("..", target_is_directory=True)
    (tmp_path / "a" / "x.csv").touch()
    found = sources._expand(Source("**/*.csv", folder=tmp_path))
    assert {os.path.realpath(path) for path in found} == {str(tmp_path / "a" / "x.csv")}


@pytest.mark.parametrize("pattern", ["*/*.csv", "**/*.csv", "asset=BTC/*/*.csv"])
def test_a_folder_that_cannot_be_read_is_an_error_and_not_an_empty_one(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("asset=BTC/account=alice/x.csv", "other/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("account,asset,balance\nalice,BTC,1\n")
    listdir = os.listdir

    def fails(path: Any) -> list[str]:
        if "asset=BTC" in str(path):
            raise OSError(24, "Too many open files")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", fails)
    error = refused(Source(pattern, folder=tmp_path), UnavailableError)
    assert "Too many open files" in error
    assert "alice" not in error
