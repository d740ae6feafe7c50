"""Ledgers that somebody made to exhaust who reads them: how they end, in what time, and with how much memory.

Each is a small file, or a database, for which a careless reader asks for gigabytes or never comes to an end. What is
measured is `attest liabilities build`; `attest verify --ledger`, which an auditor runs on an exchange's ledger, reads
it by the same code. A case must end as its table says, below 1 GiB or one and a half times what an honest ledger of as
many rows takes, and within a time that grows with what it decodes.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.faults.measured import Attest, Measured, attest, attest_forked

HEADER = b"account,asset,balance\n"
MOST_MIB = 1024
MIB = 1 << 20
CONFIG = """\
[entity]
name = "Hostile KK"
origin = "hostile.example"
[scope]
included = ["balances"]
excluded = []
[ledger]
source = "{source}"
time_zone = "Asia/Tokyo"
{more}
[keys]
exchange = "keys/exchange.pem"
[publication]
folder = "publication"
private_folder = "private"
valid_days = 45
[[assets]]
asset = "BTC"
decimals = 8
[[assets]]
asset = "JPY"
decimals = 0
"""


class Hostile(NamedTuple):
    """A ledger that `make` writes into a folder, and how reading it must end.

    `source` is its name there, `more` further lines of the config.
    `code` is the exit code, and `said` what the error says.
    `seconds` of the processor are the most it may take, and `rows` how many an honest ledger has that may take as much.
    """

    make: Callable[[Path], None]
    source: str
    code: int
    said: str
    seconds: float
    more: str = ""
    rows: int = 0


QUICK = (
    "Parquet: a name of 10 MB in a dictionary, 2,000 rows",
    "Parquet: a balance of 10 MB in a dictionary, 2,000 rows",
    "Parquet: bytes of 10 MB, which no schema of Arrow calls a dictionary",
    "Parquet: names of a megabyte in plain pages, 2,000 rows",
    "Parquet: names that repeat the one before, 100 kB long (DELTA_BYTE_ARRAY)",
    "Parquet: a page that says it has two gigabytes",
    "Parquet: a footer of 100 MB",
    "CSV: one record without an end, of quoted cells with line breaks",
    "CSV: a header of 4 million columns",
    "CSV: empty lines of a carriage return between rows",
    "SQLite: a view that never has a row",
    "SQLite: a name of 900 MB",
    "SQLite: names of 60 kB without end",
)
"""Those that take a second or two."""


def build(folder: Path, source: str, more: str = "", *, memory: int | None = None, attest: Attest = attest) -> Measured:
    """Run `attest liabilities build` on the ledger `source` in `folder`."""
    (folder / "attest.toml").write_text(CONFIG.format(source=source, more=more), encoding="utf-8")
    shutil.rmtree(folder / "snapshot", ignore_errors=True)
    command = ("liabilities", "build", "attest.toml", "--period", "2026-10", "-o", "snapshot")
    return attest(folder, *command, memory=memory)


def run(name: str, folder: Path, attest: Attest = attest) -> dict[str, object]:
    """The figures of one case. Raises `AssertionError` where it ends otherwise, too late or with too much memory."""
    case = HOSTILE[name]
    # In a process of its own: one that is started or forked begins with the memory of this one.
    if not (child := os.fork()):
        code = 1
        try:
            case.make(folder)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, name
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    took = build(folder, case.source, case.more, attest=attest)
    assert took.code == case.code, f"{name}: exit {took.code}: {took.err[-600:]}"
    assert case.said in took.err, f"{name}: {took.err[-600:]}"
    assert took.cpu < case.seconds, f"{name}: {took.cpu:.0f} s"
    most = MOST_MIB
    if took.peak > MOST_MIB and case.rows:
        most = max(MOST_MIB, honest(folder / "honest", case.rows).peak * 3 // 2)
    assert took.peak <= most, f"{name}: {took.peak} MiB, of {most}"
    return {"bytes": size, "cpu": round(took.cpu, 1), "peak": took.peak, "most": most, "code": took.code}


def honest(folder: Path, rows: int) -> Measured:
    """What an honest ledger of so many rows takes."""
    folder.mkdir()
    schema = pa.schema([("account", pa.string()), ("asset", pa.string()), ("balance", pa.string())])
    with pq.ParquetWriter(folder / "l.parquet", schema, compression="zstd", use_dictionary=["asset"]) as writer:
        for start in range(0, rows, MIB):
            numbers = range(start, min(start + MIB, rows))
            names = pa.array([f"customer-{number:010d}" for number in numbers])
            writer.write_table(pa.table([names, pa.array(["BTC"] * len(names)), pa.array(["1"] * len(names))], schema))
    took = build(folder, "l.parquet")
    assert took.code == 0, took.err
    return took


def cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """Every hostile ledger, and every way in which the rest of a ledger is attacked."""
    for name in HOSTILE:
        yield name, lambda folder, name=name: run(name, folder)  # type: ignore[misc]
    yield "100,000 files of one row", lambda folder: many_files(folder, 100_000)


def short_cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """The quick ones and a ledger of fewer files, in forks."""
    for name in QUICK:
        yield name, partial(run, name, attest=attest_forked)
    yield "1,500 files of one row", partial(many_files, count=1500, attest=attest_forked)


def many_files(folder: Path, count: int, attest: Attest = attest) -> dict[str, object]:
    """A glob of `count` files of one row takes no more than in proportion to one of a fifth of them."""
    times = []
    for number in (count // 5, count):
        where = folder / str(number)
        where.mkdir()
        for file in range(number):
            (where / f"part-{file:06d}.csv").write_bytes(HEADER + b"customer-%d,BTC,1\n" % file)
        took = build(folder, f"{number}/*.csv", attest=attest)
        assert took.code == 0, took.err
        assert took.peak < MOST_MIB, f"{took.peak} MiB"
        times.append(took.cpu)
    assert times[1] < 8 * times[0], f"{times[0]:.1f} and {times[1]:.1f} s"
    return {"seconds": round(times[1], 1), "a fifth": round(times[0], 1), "peak": took.peak}


# --- Parquet


def dictionary(value: str | bytes, rows: int, kind: Any = None) -> Any:
    """A column of one value that stands in it once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value], kind))


def parquet(columns: Callable[[], dict[str, Any]], repeat: int = 1, **options: Any) -> Callable[[Path], None]:
    """Writes a Parquet file of `columns`, `repeat` times over, each in a row group."""

    def make(folder: Path) -> None:
        table = pa.table(columns())
        with pq.ParquetWriter(folder / "l.parquet", table.schema, **{"compression": "zstd", **options}) as writer:
            for _ in range(repeat):
                writer.write_table(table, row_group_size=1 << 26)

    return make


def one(rows: int, **wide: Any) -> dict[str, Any]:
    """Columns of `rows` equal rows, but for those of `wide`."""
    columns = {name: dictionary(text, rows) for name, text in (("account", "a"), ("asset", "BTC"), ("balance", "1"))}
    return {**columns, **wide}


def changed(columns: Callable[[], dict[str, Any]], before: bytes, after: bytes) -> Callable[[Path], None]:
    """Writes a Parquet file without compression, in which `before` stands once and is replaced by `after`."""

    def make(folder: Path) -> None:
        path = folder / "l.parquet"
        pq.write_table(pa.table(columns()), path, compression="none", use_dictionary=False, write_statistics=False)
        data = path.read_bytes()
        assert data.count(before) >= 1
        path.write_bytes(data.replace(before, after, 1))

    return make


def varint(number: int) -> bytes:
    """A number as Thrift's compact protocol writes it, signed."""
    number <<= 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def lying_page(folder: Path) -> None:
    """A page whose header says that it has two gigabytes."""
    path = folder / "l.parquet"
    wide = {name: pa.array([text * 100]) for name, text in (("account", "a"), ("asset", "B"), ("balance", "1"))}
    pq.write_table(pa.table(wide), path, compression="none", use_dictionary=False, write_statistics=False)
    data = path.read_bytes()
    # The header's first fields: type DATA_PAGE, then the sizes before and after compression.
    header = b"\x15\x00\x15" + varint(110) + b"\x15" + varint(110)
    assert data.startswith(b"PAR1" + header), data[:20]
    path.write_bytes(b"PAR1\x15\x00\x15" + varint(2**31 - 1) + b"\x15" + varint(110) + data[4 + len(header) :])


def wide_schema(folder: Path) -> None:
    """200,000 columns beside those of a ledger."""
    columns = [pa.field(f"c{number}", pa.int8()) for number in range(200_000)]
    names = [pa.field(name, pa.string()) for name in ("account", "asset", "balance")]
    pq.write_table(pa.schema([*names, *columns]).empty_table(), folder / "l.parquet")


def large_footer(folder: Path) -> None:
    """A footer of 100 megabytes, most of it one text."""
    schema = pa.schema([(name, pa.string()) for name in ("account", "asset", "balance")], {"note": "x" * 100_000_000})
    pq.write_table(schema.empty_table(), folder / "l.parquet", store_schema=False)
    path = folder / "l.parquet"
    if path.stat().st_size < 50_000_000:  # the text is not kept: stretch the footer
        data = path.read_bytes()
        path.write_bytes(data[:-8] + bytes(100_000_000) + (100_000_000).to_bytes(4, "little") + b"PAR1")


def row_groups(folder: Path) -> None:
    """20,000 row groups of one row."""
    table = pa.table({"account": ["a"], "asset": ["BTC"], "balance": ["1"]})
    with pq.ParquetWriter(folder / "l.parquet", table.schema, store_schema=False) as writer:
        for number in range(20_000):
            writer.write_table(table.set_column(0, "account", pa.array([f"customer-{number}"])))


# --- CSV


def text(*pieces: tuple[bytes, int], name: str = "l.csv") -> Callable[[Path], None]:
    """Writes a header, then each piece so many times, compressed as the ending says."""

    def make(folder: Path) -> None:
        path = folder / name
        with _opened(path) as file:
            file.write(HEADER)
            for piece, count in pieces:
                at_once = max(1, (1 << 20) // len(piece))
                for _ in range(count // at_once):
                    file.write(piece * at_once)
                file.write(piece * (count % at_once))

    return make


def _opened(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "wb", compresslevel=6)
    if path.suffix == ".zst":
        return zstandard.open(path, "wb", zstandard.ZstdCompressor(level=3))
    return path.open("wb")


def numbered(count: int, row: bytes, name: str = "l.csv.gz") -> Callable[[Path], None]:
    """Writes `row` `count` times, in which each `%d` is its number."""
    places = row.count(b"%d")

    def make(folder: Path) -> None:
        with _opened(folder / name) as file:
            file.write(HEADER)
            for start in range(0, count, 10_000):
                file.write(b"".join(row % ((number,) * places) for number in range(start, min(start + 10_000, count))))

    return make


def members(folder: Path) -> None:
    """A gzip file of a header, then 200,000 members of nothing."""
    nothing = gzip.compress(b"")
    (folder / "l.csv.gz").write_bytes(gzip.compress(HEADER) + nothing * 200_000 + gzip.compress(b"a,BTC,x\n"))


def zeros(folder: Path) -> None:
    """Ten gigabytes of zeros in one gzip member."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with (folder / "l.csv.gz").open("wb") as file:
        file.write(packer.compress(HEADER))
        for piece in repeat(bytes(16 * MIB), 640):
            file.write(packer.compress(piece))
        file.write(packer.flush())


# --- SQLite


def view(select: str, *before: str) -> Callable[[Path], None]:
    """Writes a SQLite file with the view `ledger`."""

    def make(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "l.sqlite")) as database, database:
            for statement in before:
                database.execute(statement)
            database.execute(f"CREATE VIEW ledger (account, asset, balance) AS {select}")

    return make


QUERY = 'query = "SELECT account, asset, balance FROM ledger"'
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
GENERATED = (
    "CREATE TABLE t (i INTEGER, wide TEXT AS (hex(zeroblob(i))))",
    "INSERT INTO t (i) VALUES (450000000)",
)
FEW = pa.array([f"customer-{number}" for number in range(2000)])

HOSTILE: dict[str, Hostile] = {
    "Parquet: a name of 10 MB in a dictionary, 2,000 rows": Hostile(
        parquet(lambda: one(2000, account=dictionary("a" * 10_000_000, 2000))),
        "l.parquet", 3, "rows 1 to 2000, field account: there is a value of about 10,000,000 bytes", 60,
    ),
    "Parquet: a balance of 10 MB in a dictionary, 2,000 rows": Hostile(
        parquet(lambda: one(2000, account=FEW, balance=dictionary("1" * 10_000_000, 2000))),
        "l.parquet", 3, "field balance: there is a value of about 10,000,000 bytes", 60,
    ),
    "Parquet: an asset of 10 MB in a dictionary, 2,000 rows": Hostile(
        parquet(lambda: one(2000, account=FEW, asset=dictionary("B" * 10_000_000, 2000))),
        "l.parquet", 3, "field asset: there is a value of about 10,000,000 bytes", 60,
    ),
    "Parquet: bytes of 10 MB, which no schema of Arrow calls a dictionary": Hostile(
        parquet(lambda: one(2000, account=dictionary(b"a" * 10_000_000, 2000)), store_schema=False),
        "l.parquet", 3, "field account: there is a value of about 10,000,000 bytes", 60,
    ),
    "Parquet: a page that has 200 MB, of names of a megabyte": Hostile(
        parquet(lambda: one(200, account=pa.array(["a" * 1_000_000] * 200)), use_dictionary=False),
        "l.parquet", 3, "field account: a page says that it has 200,0", 60,
    ),
    "Parquet: names of a megabyte in plain pages, 2,000 rows": Hostile(
        parquet(lambda: one(100, account=pa.array(["a" * 1_000_000] * 100)), repeat=20, use_dictionary=False),
        "l.parquet", 3, "field account: there is a value of about", 60,
    ),
    "Parquet: names that repeat the one before, 100 kB long (DELTA_BYTE_ARRAY)": Hostile(
        parquet(
            lambda: {**{name: pa.array([each] * 2000) for name, each in (("asset", "BTC"), ("balance", "1"))},
                     "account": pa.array([f"{'a' * 100_000}{number}" for number in range(2000)])},
            use_dictionary=False, column_encoding={"account": "DELTA_BYTE_ARRAY"},
        ),
        "l.parquet", 3, "has 1000", 60,
    ),
    "Parquet: 67 million equal rows": Hostile(
        parquet(lambda: one(1 << 22), repeat=16), "l.parquet", 3, "row 2, field account: its account has BTC already",
        900, rows=67_000_000,
    ),
    "Parquet: 67 million equal rows, added up": Hostile(
        parquet(lambda: one(1 << 22), repeat=16), "l.parquet", 0, "", 900, more="sum_rows = true", rows=67_000_000,
    ),
    "Parquet: a page that says it has two gigabytes": Hostile(
        lying_page, "l.parquet", 3, "a page says that it has 2,147,483,647 bytes", 60,
    ),
    "Parquet: 200,000 columns": Hostile(wide_schema, "l.parquet", 3, "", 60),
    "Parquet: a footer of 100 MB": Hostile(large_footer, "l.parquet", 3, "its footer has", 60),
    "Parquet: 20,000 row groups of one row": Hostile(row_groups, "l.parquet", 0, "", 120),
    "CSV: a cell of a gigabyte": Hostile(
        text((b"a", 1 << 30)), "l.csv", 3, "row 2: longer than 8,388,608 bytes", 60,
    ),
    "CSV: a quoted cell of a gigabyte, of short lines": Hostile(
        text((b'"', 1), (b"a,BTC,1\n", 1 << 27)), "l.csv", 3, "row 2", 60,
    ),
    "CSV: one record without an end, of quoted cells with line breaks": Hostile(
        text((b'"a\n",', 1 << 26), name="l.csv.gz"), "l.csv.gz", 3, "row 2: a quoted field, or its row, goes on", 60,
    ),
    "CSV: 16,384 rows of cells of 100 kB": Hostile(
        text((b'"' + b"a" * 100_000 + b'""","BTC",1\n', 16_384), name="l.csv.gz"), "l.csv.gz", 3,
        "row 2, field account", 240,
    ),
    "CSV: a header of 4 million columns": Hostile(
        lambda folder: (folder / "l.csv").write_bytes(b"account,asset,balance" + b",x" * 4_000_000 + b"\n") and None,
        "l.csv", 3, "has 4,000,003 columns; the most is 4,096", 60,
    ),
    "CSV: a line of 4 million commas": Hostile(
        text((b"," * 4_000_000 + b"\n", 100), name="l.csv.gz"), "l.csv.gz", 3, "has 4000001 fields", 120,
    ),
    "CSV: 10 GB of zeros": Hostile(zeros, "l.csv.gz", 3, "longer than 8,388,608 bytes", 60),
    "CSV: 10 GB of empty lines": Hostile(
        text((b"\n", 10 << 30), name="l.csv.gz"), "l.csv.gz", 3, "lines are empty, and 0 are not", 60,
    ),
    "CSV: empty lines of a carriage return between rows": Hostile(
        text((b"a,BTC,1\n" + b"\r\n" * 1000, 100_000), name="l.csv.zst"), "l.csv.zst", 3, "lines are empty", 60,
    ),
    "CSV: 10 GB of rows of one account in zstd": Hostile(
        text((b"a,BTC,x\n", 10 << 27), name="l.csv.zst"), "l.csv.zst", 3, "findings or more", 240,
    ),
    "CSV: 134 million rows of one account": Hostile(
        text((b"a,BTC,1\n", 1 << 27), name="l.csv.gz"), "l.csv.gz", 3, "field account: its account has BTC already",
        1800, rows=134_000_000,
    ),
    "CSV: 134 million rows of one account, added up": Hostile(
        text((b"a,BTC,1\n", 1 << 27), name="l.csv.gz"), "l.csv.gz", 0, "", 1800, more="sum_rows = true",
        rows=134_000_000,
    ),
    "CSV: 5 million rows of one account, of different balances": Hostile(
        numbered(5_000_000, b"a,JPY,%d\n"), "l.csv.gz", 3, "field account: its account has JPY already", 300,
        rows=5_000_000,
    ),
    "CSV: 5 million rows of one account, all with no balance": Hostile(
        text((b"a,JPY,0\n", 5_000_000), name="l.csv.gz"), "l.csv.gz", 3, "field account: its account has JPY already",
        300, rows=5_000_000,
    ),
    "CSV: 3 million accounts, each twice": Hostile(
        numbered(3_000_000, b"c%d,JPY,1\nc%d,JPY,2\n"), "l.csv.gz", 3, "field account", 300, rows=6_000_000,
    ),
    "CSV: sums that leave 127 bits on their way": Hostile(
        text((b"a,JPY,170141183460469231731687303715884105727\n", 2_000_000), name="l.csv.gz"), "l.csv.gz", 3,
        "row 2, field balance: the sum of the JPY rows of its account", 300, more="sum_rows = true", rows=2_000_000,
    ),
    "CSV: 2 million rows that are wrong": Hostile(
        text((b"a,BTC\n", 2_000_000), name="l.csv.gz"), "l.csv.gz", 3, "the first of 1,000,000 findings or more", 240,
    ),
    "CSV: 200,000 gzip members of nothing": Hostile(members, "l.csv.gz", 3, "row 2, field balance", 120),
    "SQLite: a view that never ends": Hostile(
        view(f"{NUMBERS} SELECT 'c' || i, 'BTC', 1 FROM n"), "l.sqlite", 3, "the query gives more than", 300,
        more=QUERY, rows=10_000_000,
    ),
    "SQLite: a view that never has a row": Hostile(
        view(f"{NUMBERS} SELECT 'c' || i, 'BTC', 1 FROM n WHERE i < 0"), "l.sqlite", 4, "no row came for", 300,
        more=f"{QUERY}\npatience = 1",
    ),
    "SQLite: a view that never has a row, sorted": Hostile(
        view(f"{NUMBERS} SELECT 'c' || i, 'BTC', 1 FROM n ORDER BY 1"), "l.sqlite", 4, "no row came for 5 seconds", 300,
        more=f"{QUERY}\npatience = 5",
    ),
    "SQLite: a name of 900 MB": Hostile(
        view("SELECT hex(zeroblob(450000000)), 'BTC', 1"), "l.sqlite", 3, "a value of more than 65,536 bytes", 60,
        more=QUERY,
    ),
    "SQLite: a generated column of 900 MB": Hostile(
        view("SELECT wide, 'BTC', 1 FROM t", *GENERATED), "l.sqlite", 3, "a value of more than 65,536 bytes", 60,
        more=QUERY,
    ),
    "SQLite: names of 60 kB without end": Hostile(
        view(f"{NUMBERS} SELECT hex(zeroblob(30000)) || i, 'BTC', 1 FROM n"), "l.sqlite", 3,
        "row 1, field account: has 60,001 bytes", 60, more=QUERY,
    ),
    "SQLite: one text put together of endless ones": Hostile(
        view(f"SELECT (SELECT group_concat(i) FROM ({NUMBERS} SELECT i FROM n)), 'BTC', 1"), "l.sqlite", 3,
        "a value of more than 65,536 bytes", 60, more=QUERY,
    ),
}  # fmt: skip
