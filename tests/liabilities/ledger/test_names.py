"""No error of a ledger names a customer unless it was asked to; it says the file and the row instead."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attest.cli.result import error_document, error_text
from attest.demo import exchange as demo
from attest.errors import AttestError
from attest.exchange.config import Config, read_config
from attest.exchange.ledger import build_liabilities
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW
from tests.liabilities.conftest import Server

CANARY = "canary-hanako@example.jp"
HEADER = "account,asset,balance\n"
GOOD = "alice,BTC,1\n"


def exchange(folder: Path, source: str, more: str = "") -> Config:
    """The config of the demo exchange with another ledger."""
    demo.write_exchange(folder / "x")
    path = folder / "x" / "attest.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('source = "ledger.csv"', f'source = "{source}"\n{more}'), encoding="utf-8")
    return read_config(path)


def told(config: Config, folder: Path) -> str:
    """All that is told of a ledger that is not sound: as text, as JSON, and in the file of its findings."""
    snapshot = folder / "snapshot"
    snapshot.mkdir(exist_ok=True)
    with pytest.raises(AttestError) as caught:
        build_liabilities(config, "2026-10", snapshot, bytes(32), Surroundings(folder / "x", NOW, {}))
    for path in snapshot.iterdir():
        path.unlink()
    files = "".join(path.read_text(encoding="utf-8") for path in (folder / "x").glob("ledger-findings-*"))
    return f"{error_text(caught.value)}\n{json.dumps(error_document(caught.value), ensure_ascii=False)}\n{files}"


def csv(text: str | bytes, name: str = "l.csv") -> Callable[[Path], tuple[str, str]]:
    def write(folder: Path) -> tuple[str, str]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return name, ""

    return write


def parquet(name: str = "l.parquet", **columns: Any) -> Callable[[Path], tuple[str, str]]:
    def write(folder: Path) -> tuple[str, str]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / name)
        return name, ""

    return write


def sqlite(*values: object, query: str = "SELECT account, asset, balance FROM ledger") -> Any:
    def write(folder: Path) -> tuple[str, str]:
        with closing(sqlite3.connect(folder / "l.sqlite")) as database, database:
            database.execute("CREATE TABLE ledger (account, asset, balance)")
            database.execute("INSERT INTO ledger VALUES ('alice', 'BTC', '1')")
            database.execute("INSERT INTO ledger VALUES (?, ?, ?)", values)
            database.execute("INSERT INTO ledger VALUES ('bob', 'BTC', '1')")
        return "l.sqlite", f'query = "{query}"'

    return write


def globbed(pattern: str, *writers: Callable[[Path], tuple[str, str]]) -> Callable[[Path], tuple[str, str]]:
    def write(folder: Path) -> tuple[str, str]:
        for writer in writers:
            writer(folder)
        return pattern, ""

    return write


def summed(writer: Callable[[Path], tuple[str, str]]) -> Callable[[Path], tuple[str, str]]:
    return lambda folder: (writer(folder)[0], "sum_rows = true")


BROKEN = "SELECT CAST(account || x'ff' AS TEXT) AS account, asset, balance FROM ledger WHERE account > 'c'"
LARGE = str(2**127 - 1)
ERRORS: dict[str, tuple[Callable[[Path], tuple[str, str]], list[str]]] = {
    "balance": (csv(f"{HEADER}{GOOD}{CANARY},BTC,x\n"), ["l.csv row 3, field balance"]),
    "account as balance": (csv(f"{HEADER}{GOOD}bob,BTC,{CANARY}\n"), ["l.csv row 3, field balance"]),
    "account as asset": (csv(f"{HEADER}{GOOD}bob,{CANARY},1\n"), ["l.csv row 3, field asset"]),
    "asset in capitals": (csv(f"{HEADER}{GOOD}bob,{CANARY.upper()},1\n"), ["l.csv row 3, field asset"]),
    "many findings": (csv(f"{HEADER}{GOOD}" + f"{CANARY},BTC,x\n" * 50), ["first of 50 findings", "row 52, field"]),
    "too long": (csv(f"{HEADER}{GOOD}{CANARY * 20},BTC,1\n"), ["l.csv row 3, field account", "480 bytes"]),
    "white space": (csv(f"{HEADER}{GOOD}{CANARY} ,BTC,1\n"), ["l.csv row 3, field account", "U+0020"]),
    "control character": (csv(f"{HEADER}{GOOD}{CANARY}\x07,BTC,1\n"), ["l.csv row 3, field account", "U+0007"]),
    "unassigned": (csv(f"{HEADER}{GOOD}{CANARY}\u0378,BTC,1\n"), ["l.csv row 3, field account", "U+0378"]),
    "not UTF-8": (csv(f"{HEADER}{GOOD}{CANARY}".encode() + b"\xff,BTC,1\n"), ["l.csv row 3, field account", "0xff"]),
    "no header": (csv(f"{CANARY},BTC,1\n".encode() + b"bob\xff,BTC,1\n"), ["l.csv row", "field"]),
    "no header, all UTF-8": (csv(f"{CANARY},BTC,1\n{GOOD}"), ["'account' is missing"]),
    "too few fields": (csv(f"{HEADER}{GOOD}{CANARY},BTC\n"), ["l.csv row 3, field balance: missing"]),
    "too many fields": (csv(f"{HEADER}{GOOD}sato, {CANARY},BTC,1\n"), ["l.csv row 3, has 4 fields"]),
    "open quote": (csv(f'{HEADER}{GOOD}"{CANARY},BTC,1\n'), ["l.csv row 3"]),
    "text after a quote": (csv(f'{HEADER}{GOOD}"sato"{CANARY},BTC,1\n'), ["l.csv row 3"]),
    "duplicate": (csv(f"{HEADER}{GOOD}{CANARY},BTC,1\n{CANARY},BTC,2\n"), ["l.csv row 4, field account", "row 3"]),
    "duplicate without a balance": (csv(f"{HEADER}{CANARY},BTC,1\n{CANARY},BTC,0\n"), ["l.csv row 3, field account"]),
    "sum": (
        summed(csv(f"{HEADER}{GOOD}{CANARY},JPY,{LARGE}\n{CANARY},JPY,{LARGE}\n")),
        ["l.csv row 3, field balance: the sum of the JPY rows of its account"],
    ),
    "Parquet balance": (
        parquet(account=["a", CANARY], asset=["BTC", "BTC"], balance=["1", "x"]), ["l.parquet row 2, field balance"],
    ),
    "Parquet null": (
        parquet(account=["a", CANARY], asset=["BTC", "BTC"], balance=["1", None]), ["l.parquet row 2, field balance"],
    ),
    "Parquet too wide": (
        parquet(account=["a", CANARY * 400], asset=["BTC"] * 2, balance=["1"] * 2), ["l.parquet rows 1 to 2"],
    ),
    "SQLite balance": (sqlite(CANARY, "BTC", "x"), ["l.sqlite row 2, field balance"]),
    "SQLite blob": (sqlite(CANARY.encode(), "BTC", "1"), ["l.sqlite row 2, field account: is BLOB"]),
    "SQLite blob as balance": (sqlite("bob", "BTC", CANARY.encode()), ["l.sqlite row 2, field balance: is BLOB"]),
    "SQLite too wide": (sqlite(CANARY * 400, "BTC", "1"), ["l.sqlite row 2, field account: has 9,600 bytes"]),
    "SQLite not UTF-8": (
        sqlite(CANARY, "BTC", "1", query=BROKEN),
        ["l.sqlite", "UTF-8"],
    ),
    "folder": (
        globbed("*/l.csv", csv("asset,balance\nBTC,x\n", f"account={CANARY}/l.csv"), csv(HEADER + GOOD, "b/l.csv")),
        ["account=…/l.csv (file 1 of 2) row 2, field balance"],
    ),
    "folder that a row differs from": (
        globbed("*/l.csv", csv(f"{HEADER}bob,BTC,1\n", f"account={CANARY}/l.csv"), csv(HEADER + GOOD, "b/l.csv")),
        ["row 2, field account", "account=…"],
    ),
    "row that differs from its folder": (
        globbed("**/*.csv", csv(f"{HEADER}{CANARY},BTC,1\n", "account=bob/l.csv")),
        ["row 2, field account: is another"],
    ),
    "folders that differ": (
        globbed("**/*.csv", csv("asset,balance\nBTC,1\n", f"account={CANARY}/account=bob/l.csv")),
        ["its folders say two values of account"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_says_file_and_row_and_names_nobody(case: str, tmp_path: Path) -> None:
    write, said = ERRORS[case]
    config = exchange(tmp_path, "l.csv")
    source, more = write(tmp_path / "x")
    toml = tmp_path / "x" / "attest.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"l.csv"', f'"{source}"\n{more}'), encoding="utf-8")
    config = read_config(toml)
    text = told(config, tmp_path)
    for part in said:
        assert part in text
    assert CANARY not in text
    assert CANARY.upper() not in text
    assert "canary" not in text.lower()


SHOWN = [case for case in ERRORS if case not in {
    "many findings", "no header, all UTF-8", "no header", "not UTF-8", "too few fields", "too many fields",
    "open quote", "text after a quote", "balance", "Parquet balance",
    "Parquet null", "Parquet too wide",
    "SQLite too wide",
}]  # fmt: skip


@pytest.mark.parametrize("case", SHOWN)
def test_who_asks_for_names_is_shown_them(case: str, tmp_path: Path) -> None:
    write, _ = ERRORS[case]
    exchange(tmp_path, "l.csv")
    source, more = write(tmp_path / "x")
    toml = tmp_path / "x" / "attest.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"l.csv"', f'"{source}"\n{more}'), encoding="utf-8")
    assert "canary" in told(read_config(toml).showing_names(), tmp_path).lower()


QUERIES = {
    "balance": (f"SELECT '{CANARY}' AS account, 'BTC' AS asset, 'x' AS balance", "row 1, field balance"),
    "a cast that fails": (
        f"SELECT 'a' AS account, 'BTC' AS asset, x::numeric AS balance FROM (VALUES ('{CANARY}'), ('b')) AS t (x)",  # noqa: S608
        "the server ended the query with an error",
    ),
    "an account that is too wide": (
        f"SELECT repeat('{CANARY}', 400) AS account, 'BTC' AS asset, 1 AS balance", "field account has 9600 bytes",
    ),
    "twice": (
        f"SELECT '{CANARY}' AS account, 'BTC' AS asset, 1 AS balance FROM generate_series(1, 2)",  # noqa: S608
        "row 2, field account",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", QUERIES)
def test_a_database_names_nobody_either(case: str, server: Server, tmp_path: Path) -> None:
    query, said = QUERIES[case]
    config = exchange(tmp_path, server.url(), f'query = "{query}"')
    text = told(config, tmp_path)
    assert said in text
    assert "canary" not in text.replace(query, "").lower()
    if "wide" not in case:
        assert "canary" in told(config.showing_names(), tmp_path).lower()
