"""Ledgers whose folders have columns in their names, as Spark and Hive write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attest.errors import MalformedError
from attest.liabilities.ledger.read import as_array, duplicate_rows, read
from attest.liabilities.ledger.types import ControlTotals, Source
from attest.liabilities.tree import account_digest

DECIMALS = {"BTC": 8, "ETH": 18, "USDC.E": 6, "A=B": 0, "JPY": 0}
Rows = list[tuple[str, str, int]]


def rows_of(source: Source, *, sum_rows: bool = False) -> Rows:
    rows: Rows = []
    for columns in read(source, DECIMALS, ControlTotals(), sum_rows=sum_rows):
        amounts = [int.from_bytes(amount.tobytes()) for amount in columns.amounts]
        rows += [(columns.accounts.text(index), columns.asset, amount) for index, amount in enumerate(amounts)]
        rows += [(columns.others.text(index), columns.asset, 0) for index in range(len(columns.others))]
    return sorted(rows)


def refused(source: Source) -> str:
    with pytest.raises(MalformedError) as caught:
        rows_of(source)
    return f"{caught.value.message} | {caught.value.hint}"


def put(path: Path, **columns: Any) -> None:
    """A file with these columns, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


KINDS = ["parquet", "csv"]
LAYOUTS = {
    "one column": ("asset={}", "t/asset=*/part-*", "t/**/*"),
    "a month above it": ("period=2026-10/asset={}", "t/*/*/part-*", "t/**/part-*"),
    "a shard below it": ("asset={}/shard=7", "t/asset=*/*/part-*", "t/**/*"),
    "an account's first letter": ("letter=a/asset={}", "t/letter=a/asset=*/*", "t/**/*"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_column_may_stand_in_the_name_of_a_folder(kind: str, layout: str, tmp_path: Path) -> None:
    form, *globs = LAYOUTS[layout]
    for asset, names in (("BTC", ["b", "a"]), ("JPY", ["a"])):
        put(tmp_path / "t" / form.format(asset) / f"part-0.{kind}", account=names, balance=["1"] * len(names))
    put(tmp_path / "t" / form.format("BTC") / f"part-1.{kind}", balance=["0"], note=["x"], account=["c"])
    (tmp_path / "t" / "_SUCCESS").touch()
    (tmp_path / "t" / "._SUCCESS.crc").touch()
    expected = [("a", "BTC", 10**8), ("a", "JPY", 1), ("b", "BTC", 10**8), ("c", "BTC", 0)]
    for pattern in globs:
        assert rows_of(Source(pattern, folder=tmp_path)) == expected
        assert rows_of(Source(str(tmp_path / pattern))) == expected
        assert rows_of(Source(pattern, folder=tmp_path), sum_rows=True) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_of_a_partition_is_a_ledger(kind: str, tmp_path: Path) -> None:
    put(tmp_path / "asset=ETH" / f"part.{kind}", account=["a"], balance=["1"])
    for source in (
        Source(f"asset=ETH/part.{kind}", folder=tmp_path),
        Source(str(tmp_path / "asset=ETH" / f"part.{kind}")),
        Source(f"../asset=ETH/part.{kind}", folder=tmp_path / "asset=ETH"),
    ):
        assert rows_of(source) == [("a", "ETH", 10**18)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("folder", "asset"),
    [("asset=USDC%2EE", "USDC.E"), ("asset=USDC.E", "USDC.E"), ("asset=A%3DB", "A=B"), ("asset=A=B", "A=B")],
)
def test_a_value_is_decoded(kind: str, folder: str, asset: str, tmp_path: Path) -> None:
    put(tmp_path / folder / f"part.{kind}", account=["a"], balance=["0"])
    assert rows_of(Source("*/*", folder=tmp_path)) == [("a", asset, 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_other_columns_may_stand_in_the_name_of_a_folder_too(kind: str, tmp_path: Path) -> None:
    put(tmp_path / "account=sato%20hanako" / f"part.{kind}", asset=["BTC", "JPY"], balance=["1", "5"])
    put(tmp_path / "account=佐藤" / "balance=12" / f"part.{kind}", asset=["JPY"])
    assert rows_of(Source("**/part*", folder=tmp_path)) == [
        ("sato hanako", "BTC", 10**8),
        ("sato hanako", "JPY", 5),
        ("佐藤", "JPY", 12),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_in_both_places_must_say_one_thing(kind: str, tmp_path: Path) -> None:
    good = {"account": ["a", "b", "c"], "asset": ["BTC"] * 3, "balance": ["1"] * 3}
    put(tmp_path / "asset=BTC" / f"part.{kind}", **good)
    source = Source(f"asset=BTC/part.{kind}", folder=tmp_path)
    assert len(rows_of(source)) == 3
    put(tmp_path / "asset=BTC" / f"part.{kind}", **{**good, "asset": ["BTC", "BTC", "ETH"]})
    row = 3 if kind == "parquet" else 4
    assert refused(source).startswith(
        f"part.{kind} row {row}, field asset: is 'ETH', while its folder is named asset=BTC | which of the two"
    )


def test_a_column_in_both_places_of_other_types_is_refused(tmp_path: Path) -> None:
    for asset, said in (([None], "row 1, field asset: is null"), (["BTC "], "field asset: is 'BTC '")):
        table = {"account": ["a"], "asset": pa.array(asset, pa.string()), "balance": ["1"]}
        put(tmp_path / "asset=BTC" / "part.parquet", **table)
        assert said in refused(Source("*/*", folder=tmp_path))
    put(tmp_path / "asset=BTC" / "part.parquet", account=["a"], balance=["1"], asset=[1])
    assert "field asset: is int64, not text" in refused(Source("*/*", folder=tmp_path))
    put(tmp_path / "asset=BTC" / "balance=1" / "part.parquet", account=["a"], balance=[1])
    (tmp_path / "asset=BTC" / "part.parquet").unlink()
    assert "column 'balance' stands in the file, as int64, and in the name of its folder" in refused(
        Source("*/*/*", folder=tmp_path)
    )


def test_a_csv_that_differs_from_its_folder_is_refused_by_either_reader(tmp_path: Path) -> None:
    for text in ("account,asset,balance\na,BTC,1\n\nb,ETH,1\n", 'account,asset,balance\na,BTC,1\n"\nb",ETH,1\n'):
        (tmp_path / "asset=BTC").mkdir(exist_ok=True)
        (tmp_path / "asset=BTC" / "l.csv").write_text(text)
        assert "l.csv row 4, field asset: is 'ETH', while its folder is named asset=BTC" in refused(
            Source("*/l.csv", folder=tmp_path)
        )


NAMES = {
    "no value in Hive's words": ("asset=__HIVE_DEFAULT_PARTITION__", "PARTITION__ has the rows without asset"),
    "no value": ("asset=", "its folder asset= has the rows without asset"),
    "two values": ("asset=BTC/asset=ETH", "its folders say asset=BTC and asset=ETH"),
    "no UTF-8": ("asset=%FF", "the name of its folder asset=%FF is not UTF-8"),
    "an asset that the config lacks": ("asset=DOGE", "row 1, field asset: 'DOGE' is not an asset of the config"),
    "another letter case": ("Asset=BTC", "column 'asset' is missing"),
    "another name": ("coin=BTC", "column 'asset' is missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_a_folder_that_does_not_say_a_column_is_named(case: str, tmp_path: Path) -> None:
    folder, said = NAMES[case]
    put(tmp_path / folder / "part.parquet", account=["a"], balance=["1"])
    message = refused(Source("**/*", folder=tmp_path))
    assert "part.parquet" in message
    assert said in message


def test_a_missing_column_tells_which_ones_the_folders_have(tmp_path: Path) -> None:
    put(tmp_path / "period=2026-10" / "coin=BTC" / "part.csv", account=["a"], balance=["1"])
    assert refused(Source("**/*", folder=tmp_path)) == (
        "part.csv row 1: column 'asset' is missing | a ledger has the columns account, asset, balance; its folders say "
        "period=2026-10, coin=BTC, and one named asset=… would be its column asset"
    )
    put(tmp_path / "plain.csv", account=["a"], balance=["1"])
    assert "its folders say" not in refused(Source("plain.csv", folder=tmp_path))


def test_the_folder_of_a_table_is_told_how_its_files_are_named(tmp_path: Path) -> None:
    put(tmp_path / "table.parquet" / "asset=BTC" / "part.parquet", account=["a"], balance=["1"])
    assert "name its files, as in table.parquet/**/*.parquet" in refused(Source("table.parquet", folder=tmp_path))
    source = Source("table.parquet/**/*.parquet", folder=tmp_path)
    assert rows_of(source) == [("a", "BTC", 10**8)]


def test_the_folders_above_the_config_say_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "asset=ETH" / "config"
    put(folder / "ledger.csv", account=["a"], asset=["BTC"], balance=["1"])
    assert rows_of(Source("ledger.csv", folder=folder)) == [("a", "BTC", 10**8)]


def test_a_row_that_is_there_twice_is_found_across_partitions(tmp_path: Path) -> None:
    put(tmp_path / "asset=BTC" / "part-0.parquet", account=["a", "b"], balance=["1", "1"])
    put(tmp_path / "asset=BTC" / "part-1.csv", account=["b"], balance=["1"])
    put(tmp_path / "asset=JPY" / "part-0.csv", account=["b"], balance=["1"])
    wanted = {asset: as_array([int.from_bytes(account_digest("b")[:8])]) for asset in ("BTC", "JPY")}
    assert list(duplicate_rows(Source("*/*", folder=tmp_path), DECIMALS, wanted)) == [
        "asset=BTC/part-1.csv row 2, field account: its account has BTC already in asset=BTC/part-0.parquet row 2"
    ]


def test_empty_parts_are_no_rows(tmp_path: Path) -> None:
    put(tmp_path / "asset=BTC" / "part-0.parquet", account=pa.array([], pa.string()), balance=pa.array([], pa.string()))
    put(tmp_path / "asset=JPY" / "part-0.csv", account=[], balance=[])
    put(tmp_path / "asset=ETH" / "part-0.csv", account=["a"], balance=["0E-18"])
    assert rows_of(Source("*/*", folder=tmp_path)) == [("a", "ETH", 0)]
