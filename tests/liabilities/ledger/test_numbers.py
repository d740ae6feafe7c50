"""Balances with an exponent: exact ones are numbers, rounded ones are refused with the reason, wherever they stand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import MalformedError
from attest.liabilities.ledger import bulk as ledger_bulk
from attest.liabilities.ledger.numbers import in_full
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from tests.liabilities.conftest import Server

DECIMALS = {"JPY": 0, "BTC": 8, "ETH": 18}
EXACT: dict[str, tuple[str, str, int]] = {
    "Java's zero": ("0E-18", "ETH", 0),
    "a zero of more decimals than the asset has": ("0E-18", "JPY", 0),
    "a negative zero": ("-0E-18", "BTC", 0),
    "a zero of thousands": ("0E+3", "BTC", 0),
    "Python's satoshi": ("1E-8", "BTC", 1),
    "a float's satoshi": ("1e-08", "BTC", 1),
    "a wei": ("1E-18", "ETH", 1),
    "several digits": ("1.50E-7", "BTC", 15),
    "many digits": ("1.23456789012E-7", "ETH", 123456789012),
    "six digits that end where the asset ends": ("1.23457E-13", "ETH", 123457),
    "six digits and an exponent of one": ("1.23457E-7", "ETH", 123457000000),
    "trailing zeros": ("1.00000000E-2", "BTC", 10**6),
    "an exponent of nothing": ("12.5E0", "BTC", 1250000000),
    "Excel's zero in a column of exponents": ("0.00E+00", "JPY", 0),
    "a point moved within the digits": ("1.50E1", "JPY", 15),
    "a point moved to the end of the digits": ("1.234567e6", "JPY", 1234567),
    "a point moved to the left": ("1500E-2", "JPY", 15),
    "Java's thousand, stripped of zeros": ("1E+3", "JPY", 1000),
    "Python's, normalised": ("1.5E+7", "JPY", 15_000_000),
    "leading zeros": ("0001E-2", "BTC", 10**6),
}
REFUSED: dict[str, tuple[str, str, str]] = {
    "Excel's millions of millions": ("1.23457E+12", "ETH", "does not say its last 7 digits before the point"),
    "Excel's of one digit": ("1E+12", "JPY", "does not say its last 12 digits before the point"),
    "Excel's small ones": ("1.23457E-10", "ETH", "has the six digits to which spreadsheets round"),
    "a column of exponents in Excel": ("1.23E+05", "JPY", "does not say its last 3 digits before the point"),
    "six digits in such a column": ("1.23457E+05", "BTC", "has the six digits to which spreadsheets round"),
    "LibreOffice's": ("1.23456789012346E+017", "JPY", "does not say its last 3 digits before the point"),
    "Java's float": ("1.0E9", "JPY", "does not say its last 8 digits before the point"),
    "MySQL's float": ("1.23457e15", "JPY", "does not say its last 10 digits before the point"),
    "Python's float": ("1e+16", "ETH", "does not say its last 16 digits before the point"),
    "SQL Server's float": ("1.2346e+006", "JPY", "does not say its last 2 digits before the point"),
    "JavaScript's toPrecision": ("1.23e+3", "JPY", "does not say its last digit before the point"),
    "a number by hand": ("1e3", "BTC", "does not say its last 3 digits before the point"),
    "a negative one": ("-1.23457E+12", "BTC", "'-1.23457E+12' does not say its last 7 digits"),
    "more digits than the asset has": ("1E-9", "BTC", "'1E-9' has more than 8 decimals"),
    "far more": ("1E-999", "ETH", "'1E-999' has more than 18 decimals"),
    "far less": ("1E+999", "JPY", "does not say its last 999 digits"),
    "beyond 127 bits": (f"{2**127}.0E1", "JPY", "does not fit in 12"),
    "no exponent": ("1E", "BTC", "'1E' is not a decimal number"),
    "a sign alone": ("1E-", "BTC", "'1E-' is not a decimal number"),
    "two exponents": ("1E2E3", "BTC", "'1E2E3' is not a decimal number"),
    "a broken exponent": ("1E0.5", "BTC", "'1E0.5' is not a decimal number"),
    "no digits": ("E-8", "BTC", "'E-8' is not a decimal number"),
    "a plus sign before it": ("+1E-8", "BTC", "'+1E-8' is not a decimal number"),
    "a point without digits": ("1.E-8", "BTC", "'1.E-8' is not a decimal number"),
    "Fortran's": ("1D-8", "BTC", "'1D-8' is not a decimal number"),
    "an exponent of thousands": ("0E-1000", "BTC", "'0E-1000' is not a decimal number"),
    "full-width digits": ("1E-８", "BTC", "is not a decimal number"),  # noqa: RUF001
    "hexadecimal": ("0x1E", "BTC", "is not a decimal number"),
}  # fmt: skip


def balances(source: Source, found: ControlTotals) -> list[tuple[str, int]]:
    """Accounts with what they are owed, of which zero and negative balances are none."""
    rows = []
    for columns in read(source, DECIMALS, found):
        rows += [
            (columns.accounts.text(index), int.from_bytes(amount.tobytes()))
            for index, amount in enumerate(columns.amounts)
        ]
        rows += [(columns.others.text(index), 0) for index in range(len(columns.others))]
    return sorted(rows)


def csv(folder: Path, texts: list[str], asset: str) -> Source:
    lines = [f"u{index:03},{asset},{text}\n" for index, text in enumerate(texts)]
    (folder / "l.csv").write_text("account,asset,balance\n" + "".join(lines), encoding="utf-8")
    return Source("l.csv", folder=folder, show_names=True)


def csv_apart(folder: Path, texts: list[str], asset: str) -> Source:
    """A line end within a field keeps the block from Arrow."""
    lines = [f'u{index:03},{asset},{text},"a\nb"\n' for index, text in enumerate(texts)]
    (folder / "l.csv").write_text("account,asset,balance,note\n" + "".join(lines), encoding="utf-8")
    return Source("l.csv", folder=folder, show_names=True)


def parquet(folder: Path, texts: list[str], asset: str, kind: Any) -> Source:
    balance = pa.array(texts, pa.string())
    names = [f"u{index:03}" for index in range(len(texts))]
    table = {"account": names, "asset": [asset] * len(texts), "balance": balance.cast(kind)}
    pq.write_table(pa.table(table), folder / "l.parquet")
    return Source("l.parquet", folder=folder, show_names=True)


def sqlite(folder: Path, texts: list[str], asset: str) -> Source:
    with closing(sqlite3.connect(folder / "l.db")) as database, database:
        database.execute("CREATE TABLE ledger (account TEXT, asset TEXT, balance TEXT)")
        rows = [(f"u{index:03}", asset, text) for index, text in enumerate(texts)]
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", rows)
    return Source("l.db", "SELECT account, asset, balance FROM ledger ORDER BY account", folder, show_names=True)


WAYS: dict[str, Callable[[Path, list[str], str], Source]] = {
    "CSV": csv,
    "CSV that only the csv module reads": csv_apart,
    "Parquet": lambda *given: parquet(*given, pa.string()),
    "Parquet of long text": lambda *given: parquet(*given, pa.large_string()),
    "Parquet of a dictionary": lambda *given: parquet(*given, pa.dictionary(pa.int32(), pa.string())),
    "Parquet of bytes": lambda *given: parquet(*given, pa.binary()),
    "SQLite": sqlite,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among plain ones"])
def test_exact_exponents_are_numbers_in_every_kind_of_ledger(way: str, alone: bool, tmp_path: Path) -> None:  # noqa: FBT001
    for asset, decimals in DECIMALS.items():
        folder = tmp_path / asset
        folder.mkdir()
        expected = [(text, units) for text, of, units in EXACT.values() if of == asset]
        expected += [] if alone else [("12", 12 * 10**decimals), ("0", 0), ("-1.0", -1)]
        source = WAYS[way](folder, [text for text, _ in expected], asset)
        rows = [(f"u{index:03}", max(0, units)) for index, (_, units) in enumerate(expected)]
        assert balances(source, ControlTotals()) == rows


@pytest.mark.parametrize("way", WAYS)
def test_rounded_exponents_are_refused_with_the_reason_in_every_kind_of_ledger(way: str, tmp_path: Path) -> None:
    for asset in DECIMALS:
        folder = tmp_path / asset
        folder.mkdir()
        refused = [(text, said) for text, of, said in REFUSED.values() if of == asset]
        source = WAYS[way](folder, ["1", *(text for text, _ in refused)], asset)
        totals = ControlTotals()
        with pytest.raises(MalformedError):
            balances(source, totals)
        assert len(totals.findings) == len(refused)
        for finding, (_, said) in zip(totals.findings, refused, strict=True):
            assert ", field balance: " in finding
            assert said in finding


def test_a_ledger_full_of_exponents_is_read_in_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_bulk, "one_by_one", lambda *_: pytest.fail("row by row"))
    texts = ["0E-18", "1.000000000000000000", "1E-18", "5"] * 50_000
    totals = ControlTotals()
    assert len(balances(parquet(tmp_path, texts, "ETH", pa.string()), totals)) == len(texts)
    assert totals.assets["ETH"].positive_sum == 50_000 * (6 * 10**18 + 1)
    assert totals.assets["ETH"].zero == 50_000


def test_postgresql_text_with_exponents_is_read_alike(server: Server) -> None:
    values = "('a', 'ETH', '0E-18'), ('b', 'ETH', '1E-18'), ('c', 'ETH', '1E+3'), ('d', 'ETH', '12')"
    query = f"SELECT * FROM (VALUES {values}) AS ledger (account, asset, balance)"  # noqa: S608
    found = dict(balances(Source(server.url(), query), ControlTotals()))
    assert found == {"a": 0, "b": 1, "c": 1000 * 10**18, "d": 12 * 10**18}
    with pytest.raises(MalformedError, match="does not say its last 7 digits before the point"):
        balances(Source(server.url(), query.replace("1E+3", "1.23457E+12")), ControlTotals())


@given(
    whole=st.integers(0, 10**12),
    fraction=st.text("0123456789", max_size=12),
    exponent=st.integers(-30, 30),
    form=st.sampled_from(["E{}", "e{}", "E{:+}", "e{:+}", "E{:+03}", "e{:03}"]),
    decimals=st.integers(0, 36),
)
def test_what_is_taken_is_that_number(whole: int, fraction: str, exponent: int, form: str, decimals: int) -> None:
    text = f"{whole}{'.' if fraction else ''}{fraction}{form.format(exponent)}"
    try:
        full = in_full(text, decimals)
    except MalformedError:
        return
    with localcontext(prec=200):
        assert Decimal(full) == Decimal(text)
    assert not set(full) & set("eE")
    assert len(full.partition(".")[2]) <= decimals
    # No digit before the point stands there that was not written, but in the one form that is exact.
    assert exponent <= len(fraction) or (form.format(exponent)[:2] == "E+" and exponent < 10)


@given(text=st.text(max_size=20))
def test_any_other_text_is_left_to_whoever_reads_numbers(text: str) -> None:
    if not {"e", "E"} & set(text):
        assert in_full(text, 8) == text


@pytest.mark.parametrize(
    "value", ["0", "1E-18", "1E+3", "123.45E-20", "-7E-9", "1E+9", "0E-18", "0E+2", "1234567890.5"]
)
def test_what_pythons_decimals_write_is_read(value: str) -> None:
    """As Java's do, it takes an exponent above zero, or below -6 before the first digit."""
    text = str(Decimal(value))
    assert Decimal(in_full(text, 36)) == Decimal(value)
