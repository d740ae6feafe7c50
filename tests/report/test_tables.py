"""The tables for analysts: every month and asset, exact, and nothing where there is nothing."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from attest.amounts import MAX_AMOUNT
from attest.errors import UnavailableError
from attest.report.history import tables
from attest.report.history.series import MonthRow, Series
from attest.report.history.table_files import to_csv, to_parquet
from attest.report.history.tables import ASSETS, RESERVES, Cell, Column, Table, assets_table, reserves_table
from attest.verification.findings import Finding
from attest.verification.history import History
from attest.verification.verified import Verified

DOCS = Path(__file__).parents[2] / "docs" / "history-figures.md"
OF_ASSETS = [column.name for column in ASSETS[ASSETS.index(next(c for c in ASSETS if c.name == "decimals")) :]]


@pytest.fixture
def series(read: tuple[History, Series]) -> Series:
    return read[1]


def months(read: tuple[History, Series]) -> dict[str, Verified]:
    return {month.period: month.verified for month in read[0].months}


def dicts(table: Table) -> list[dict[str, Cell]]:
    return [dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows]


def test_every_month_has_a_row_of_every_asset_and_none_has_a_figure_that_is_not_there(series: Series) -> None:
    rows = dicts(assets_table(series))
    periods = [f"2025-{month}" for month in (11, 12)] + [f"2026-{month:02d}" for month in range(1, 11)]
    assert [(row["period"], row["asset"]) for row in rows] == [
        (period, asset) for period in periods for asset in ("BTC", "DUSD", "ETH", "JPY", "KUMO", "OLDC")
    ]
    states = {str(row["period"]): row["state"] for row in rows}
    odd = {"2026-01": "not-met", "2026-05": "gap", "2026-09": "not-met"}
    assert states == {period: odd.get(period, "verified") for period in periods}
    withdrawn = {row["period"]: row for row in rows if row["asset"] == "OLDC"}
    assert [period for period, row in withdrawn.items() if row["stated"]] == periods[:6]
    assert [period for period, row in withdrawn.items() if row["stated"] is None] == ["2026-05"]
    for row in rows:
        if row["stated"] is not True:
            assert {row[name] for name in OF_ASSETS} == {None}
    gap = [row for row in rows if row["period"] == "2026-05"]
    assert {(row["state"], row["findings"], row["file"], row["statement"]) for row in gap} == {
        ("gap", "history/gap", None, None)
    }
    short = [(row["period"], row["asset"]) for row in rows if row["met"] is False]
    assert short == [("2026-01", "DUSD")]


def test_the_figures_are_those_of_the_statements(read: tuple[History, Series]) -> None:
    verified = months(read)
    rows = [row for row in dicts(assets_table(read[1])) if row["stated"]]
    assert len(rows) == sum(len(month.statement.predicate.assets) for month in verified.values())
    for row in rows:
        month = verified[str(row["period"])]
        predicate = month.statement.predicate
        lines = [line for line in predicate.reserves if (line.asset, line.purpose) == (row["asset"], "customer")]
        money = [line for line in predicate.money if (line.currency, line.purpose) == (row["asset"], "customer")]
        held = sum(line.amount for line in [*lines, *money])
        assert row["owed"] == next(tree.total for tree in predicate.liabilities.trees if tree.asset == row["asset"])
        assert row["held"] == held
        assert sum(int(str(row[name])) for name in row if name.startswith("level_")) == held
        assert sum(int(str(row[name])) for name in row if name.startswith("storage_")) == held
        assert row["storage_cold"] == sum(line.amount for line in lines if line.storage == "cold")
        assert row["storage_trust"] == sum(line.amount for line in money)
        assert sum(int(str(row[name])) for name in row if name.startswith("control_")) == held - sum(
            line.amount for line in money
        )
        assert row["coverage_percent"] == floor(Fraction(int(str(row["counted"])), int(str(row["owed"]))) * 10_000)
        assert (row["sequence"], row["statement"]) == (predicate.sequence, month.digest.hex())
        assert (row["snapshot_at"], row["issued_at"]) == (predicate.snapshot_at, predicate.issued_at)


def test_an_asset_whose_lowest_count_is_less_has_that_as_counted(read: tuple[History, Series]) -> None:
    items = {(period, item.asset): item for period, month in months(read).items() for item in month.coverage}
    rows = [row for row in dicts(assets_table(read[1])) if row["stated"]]
    assert [row["counted"] for row in rows] == [items[str(row["period"]), str(row["asset"])].counted for row in rows]


def test_reserves_are_the_figures_of_the_rules_rounded_to_the_careful_side(read: tuple[History, Series]) -> None:
    rows = dicts(reserves_table(read[1]))
    assert [row["period"] for row in rows if row["stated"] is None] == ["2026-05"]
    known = [row for row in rows if row["stated"]]
    assert len(known) == 11
    for row in known:
        evaluation = next(
            item for item in months(read)[str(row["period"])].evaluations if item.policy.id == row["policy"]
        )
        result: Any = evaluation.result(str(row["rule"]))
        assert row["required"] == ceil(result.figure("required"))
        assert row["available"] == floor(result.figure("available"))
        assert (row["currency"], row["decimals"]) == ("JPY", evaluation.decimals["JPY"])
        assert row["part_coins"] == floor(result.figure("coins credit"))
        assert (row["part_escrow"], row["part_accounts"]) == (None, None)  # the rule accepts neither
        assert (row["verdict"], row["policy_version"]) == (result.verdict, evaluation.policy.version)


def test_a_fraction_of_a_unit_is_rounded_once(series: Series) -> None:
    row = series.rows[0]
    assert row.view is not None
    item = row.view.reserves[0]._replace(
        decimals=2,
        required=tables.Number("1,234.57", "3703699/3"),
        available=tables.Number("1,234.56", "3703699/3"),
    )
    changed = row._replace(view=replace(row.view, reserves=(item,)))
    (made,) = dicts(reserves_table(Series((changed,), (), ())))
    assert (made["required"], made["available"], made["decimals"]) == (123457, 123456, 2)


def test_months_alone_have_rows_too_where_no_month_has_figures() -> None:
    finding = Finding("history/month", "x", names=("x",), periods=("2026-10",))
    rows = (MonthRow("2026-10", "failed", "x", None, (finding,)), MonthRow("2026-11", "not-checked", "y", None, ()))
    for make in (assets_table, reserves_table):
        made = dicts(make(Series(rows, (finding,), ())))
        assert [(row["period"], row["state"], row["stated"]) for row in made] == [
            ("2026-10", "failed", None),
            ("2026-11", "not-checked", None),
        ]


def test_what_the_readers_clock_says_is_not_said_of_a_month() -> None:
    codes = ("history/overdue", "history/late", "history/future")
    row = MonthRow("2026-10", "failed", "x", None, tuple(Finding(code, "x") for code in codes))
    assert dicts(assets_table(Series((row,), (), ())))[0]["findings"] == "history/late"


def test_a_table_has_no_end_of_rows(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 72)
    assert len(assets_table(series).rows) == 72
    monkeypatch.setattr(tables, "MAX_ROWS", 71)
    with pytest.raises(UnavailableError, match="72 rows; the limit is 71"):
        assets_table(series)


@pytest.mark.parametrize("make", [assets_table, reserves_table])
def test_csv_and_parquet_say_the_same_and_twice_in_the_same_bytes(make: Any, series: Series) -> None:
    table = make(series)
    assert (to_csv(table), to_parquet(table)) == (to_csv(table), to_parquet(table))
    text = to_csv(table).decode()
    lines = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert text.count("\r\n") == text.count("\n") == len(lines) + 1
    stored = pq.read_table(io.BytesIO(to_parquet(table)))
    assert stored.column_names == list(lines[0]) == [column.name for column in table.columns]

    def spelled(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else "" if value is None else str(value)

    assert [{name: spelled(value) for name, value in row.items()} for row in stored.to_pylist()] == lines
    assert not re.search(r"\d[eE][+-]?\d+(,|\r)", re.sub(r"\b[0-9a-f]{64}\b", "", text))


def test_the_largest_figures_stay_exact() -> None:
    columns = (Column("amount", "amount"), Column("share", "percent"))
    for share in (0, 9, 10**38 - 1):
        table = Table(columns, ((MAX_AMOUNT, share), (None, None)))
        (row, empty) = pq.read_table(io.BytesIO(to_parquet(table))).to_pylist()
        assert (row["amount"], row["share"]) == (str(MAX_AMOUNT), Decimal(f"{share // 100}.{share % 100:02d}"))
        assert set(empty.values()) == {None}
        assert to_csv(table).decode().splitlines()[1:] == [f"{MAX_AMOUNT},{row['share']}", ","]
    endless = Table(columns, ((1, 10**38),))
    assert to_csv(endless).decode().splitlines()[1] == f"1,1{'0' * 36}.00"
    with pytest.raises(UnavailableError) as raised:
        to_parquet(endless)
    assert raised.value.hint == "write a file that ends in .csv"


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "'", '"', ";", "\udcff", "\u202e", "\\"]
)
def test_no_cell_is_a_formula_or_moves_the_terminal(first: str) -> None:
    table = Table((Column("file", "text"),), ((f"{first}1+1;=2,x y.attest.json",),))
    text = to_csv(table).decode()
    assert text == f"file\r\n\\u{{{ord(first):x}}}1\\u{{2b}}1\\u{{3b}}\\u{{3d}}2\\u{{2c}}x y.attest.json\r\n"
    (row,) = pq.read_table(io.BytesIO(to_parquet(table))).to_pylist()
    assert row["file"] == text.splitlines()[1]


def test_times_are_in_utc() -> None:
    table = Table((Column("at", "time"),), ((datetime(2026, 10, 31, 15, tzinfo=UTC),),))
    assert to_csv(table).decode().splitlines()[1] == "2026-10-31T15:00:00Z"


@pytest.mark.parametrize(("heading", "columns"), [("assets", ASSETS), ("reserves", RESERVES)])
def test_the_instructions_list_every_column_with_its_unit(heading: str, columns: tuple[Column, ...]) -> None:
    section = DOCS.read_text(encoding="utf-8").split(f"\n### The table `{heading}`\n")[1].split("\n#")[0]
    listed = [
        (name, unit)
        for names, unit in re.findall(r"^\| (`.*?`) \| (.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", names)
    ]
    assert listed == [(column.name, column.unit) for column in columns]
