"""The bulk reader of CSV against Python's csv module and the row by row check."""

from __future__ import annotations

import csv
import gzip
import io
import random
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import MalformedError, UnavailableError
from attest.liabilities.ledger import bulk as ledger_bulk
from attest.liabilities.ledger import csv as ledger_csv
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from tests.examples import examples

DECIMALS = {"BTC": 8, "JPY": 0, "ETH": 18}
HEADER = "account,asset,balance\n"


def rows_of(source: Source, totals: ControlTotals) -> list[tuple[str, str, int]]:
    """What `read` yields, as plain values in no order; other balances as 0."""
    rows = []
    for columns in read(source, DECIMALS, totals):
        amounts = [int.from_bytes(amount.tobytes()) for amount in columns.amounts]
        assert len(amounts) == len(columns.accounts)
        rows += [(columns.asset, columns.accounts.text(i), amount) for i, amount in enumerate(amounts)]
        rows += [(columns.asset, columns.others.text(i), 0) for i in range(len(columns.others))]
    return sorted(rows)


def outcome(path: Path) -> tuple[Any, ...]:
    totals = ControlTotals()
    try:
        rows = rows_of(Source(str(path)), totals)
    except MalformedError:
        return ("refused", totals.finding_count, totals.findings)
    except UnavailableError as error:
        return ("not known", error.message)
    return ("read", rows, totals)


def careful(path: Path) -> tuple[Any, ...]:
    """The outcome when every block goes through the csv module, every batch through the row by row check."""

    def refuse(*_: object, **__: object) -> None:
        raise ledger_csv._UnusualError

    def irregular(*_: object) -> None:
        raise ledger_bulk._IrregularError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger_csv, "_parse", refuse)
        patched.setattr(ledger_bulk, "_in_bulk", irregular)
        return outcome(path)


ACCOUNTS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9@._-]{1,20}", fullmatch=True),
    st.text(min_size=1, max_size=6),
    st.sampled_from(
        ["佐藤 花子", "e\u0301mile", "émile", "a b", " a", "a\u3000", 'say "hi"', "a,b", "a\nb", "\u212b", ""]
    ),
)
BALANCES = st.one_of(
    st.decimals(min_value=-(10**12), max_value=10**12, places=8).map(lambda value: f"{value:f}"),
    st.integers(-(2**130), 2**130).map(str),
    st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{1,60})?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,6})?[eE][+-]?[0-9]{1,2}", fullmatch=True),
    st.sampled_from("0E-18 0E+3 1E-8 1.50E-7 1E+3 1e+3 1.23457E+12 1.23457E-10".split()),
    st.sampled_from("0 -0 0.00 1.500000000000000000000000 1e3 +1 .5 5. -.5 - 1.2.3 １ 1_0 0x1 nan inf".split()),  # noqa: RUF001
    st.text("0123456789.-+e ", max_size=6),
)
ASSETS = st.sampled_from(["BTC", "JPY", "ETH", "BTC", "JPY", "DOGE", "btc", ""])
GOOD_ROWS = st.tuples(
    st.from_regex(r"[a-z]{1,8}|[あ-ん]{1,4}|e\u0301", fullmatch=True),
    st.sampled_from(["BTC", "JPY", "ETH"]),
    st.integers(-(10**19), 10**19).map(str),
)
ROWS = st.one_of(GOOD_ROWS, GOOD_ROWS, st.tuples(ACCOUNTS, ASSETS, BALANCES))


@examples(400)
@given(
    rows=st.lists(ROWS, max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    seed=st.integers(0, 2**32),
    harm=st.sampled_from(["", "", "", "\n", "\r", '"', '""', ",", "\0", "\ufeff", "\n\n"]),
)
def test_bulk_and_row_by_row_agree(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, quoting: Any, end: str, seed: int, harm: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    writer.writerow(["note", "balance", "asset", "account"])
    writer.writerows(["", balance, asset, account] for account, asset, balance in rows)
    content = text.getvalue()
    place = random.Random(seed).randrange(len(content) + 1)  # noqa: S311
    path = tmp_path_factory.mktemp("ledger") / "ledger.csv"
    path.write_bytes((content[:place] + harm + content[place:]).encode(errors="surrogatepass"))
    assert outcome(path) == careful(path)


def test_blocks_of_any_size_make_the_same_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.csv"
    rows = [f'"user ""{i}""",{"BTC" if i % 3 else "JPY"},{i}{"" if i % 2 else ".0"}' for i in range(300)]
    rows[100:100] = ["", "\r"]
    rows[200:200] = ['"two\nlines",BTC,x'] * 2
    path.write_text("\ufeff" + HEADER + "\n".join(rows), newline="")
    expected = careful(path)
    assert expected[1] == 2
    assert expected[2][0].startswith("ledger.csv row 203, field account")
    for size in (1, 7, 30, 64, 1000, 10**6):
        monkeypatch.setattr(ledger_csv, "BLOCK_BYTES", size)
        assert outcome(path) == expected


def test_a_finding_after_a_million_rows_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    lines = [f"user{i},BTC,1.5\n" for i in range(1_000_000)]
    lines[500_000] = "\r\n"
    lines[999_998] = "user,BTC,0.123456789\n"
    path.write_text(HEADER + "".join(lines), newline="")
    assert outcome(path) == (
        "refused",
        1,
        ["ledger.csv row 1000000, field balance: '0.123456789' has more than 8 decimals"],
    )


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_files_are_read_whole_or_refused(ending: str, tmp_path: Path) -> None:
    pack = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor(write_checksum=True).compress
    content = HEADER.encode() + b"".join(b"user%d,BTC,%d\n" % (i, i * i) for i in range(100_000))
    packed = pack(content)
    path = tmp_path / f"ledger.csv{ending}"
    path.write_bytes(packed)
    verdict, rows, totals = outcome(path)
    assert (verdict, len(rows)) == ("read", 100_000)
    assert totals.inputs[0].bytes == len(packed)
    path.write_bytes(pack(content[:1000]) + pack(content[1000:]))  # several members, as pigz and zstd -T write
    assert outcome(path)[1] == rows
    for harmed in (
        packed[:-1],
        packed[: len(packed) // 2],
        packed[:-5] + b"\0\0\0\0\0",
        content,
        b"",
        packed + b"x" * 9,
    ):
        path.write_bytes(harmed)
        assert outcome(path)[0] == "refused", len(harmed)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_csv, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(ledger_csv, "MAX_LINE_BYTES", 5000)
    path = tmp_path / "ledger.csv"
    path.write_text(HEADER + "alice,BTC,1\n" + "x" * 20_000)
    assert outcome(path)[2] == ["ledger.csv row 3: longer than 5,000 bytes"]


@examples(500)
@given(
    values=st.lists(st.integers(-(2**128), 2**128), min_size=1, max_size=5),
    scale=st.integers(0, 60),
    decimals=st.integers(0, 36),
    bits=st.sampled_from([32, 64, 128, 256]),
)
def test_decimals_in_bulk_are_exact_or_left_to_the_row_by_row_check(
    values: list[int], scale: int, decimals: int, bits: int
) -> None:
    import pyarrow as pa

    digits = {32: 9, 64: 18, 128: 38, 256: 76}[bits]
    kind = getattr(pa, f"decimal{bits}")(digits, min(scale, digits))
    values = [value % 10**digits * (1 if value > 0 else -1) for value in values]
    with localcontext(prec=100):
        array = pa.array([Decimal(value).scaleb(-kind.scale) for value in values], kind)
    try:
        high, low = ledger_bulk._limbs(array, decimals)
    except (ledger_bulk._IrregularError, pa.ArrowInvalid):
        return
    for value, upper, lower in zip(values, high.tolist(), low.tolist(), strict=True):
        assert ((upper << 64) + lower) * 10**kind.scale == value * 10**decimals
