from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from attest.errors import MalformedError, UnavailableError
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import MAX_SHOWN, ControlTotals, Source
from attest.liabilities.snapshot.build import Plan, build_snapshot
from tests.naive import Row

DECIMALS = {"BTC": 8, "JPY": 0}


def read_ledger(path: Path) -> tuple[dict[str, list[Row]], ControlTotals]:
    """The rows of each asset and the totals, of a ledger that a snapshot can be built from."""
    source, totals = Source(path.name, folder=path.parent), ControlTotals()
    with TemporaryDirectory() as folder:
        build_snapshot(Path(folder), Plan(source, DECIMALS, bytes(32)))
    rows: dict[str, list[Row]] = {asset: [] for asset in DECIMALS}
    for columns in read(source, DECIMALS, totals):
        for index, amount in enumerate(columns.amounts):
            rows[columns.asset].append(Row(columns.accounts.text(index), 0, int.from_bytes(amount.tobytes())))
    return rows, totals


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "ledger.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_balances_are_exact_base_units_by_asset(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "note,balance,asset,account\n"
        "x,20999999.99999999,BTC,alice\n"
        'x,0.00000001,BTC,"sato, hanako"\n'
        "x,-3,JPY,alice\n"
        "x,-4,JPY,bob\n"
        "x,0,JPY,carol\n"
        "\n"
        "x,12.00,JPY,dave\n",
    )
    rows, totals = read_ledger(path)
    assert rows["BTC"] == [Row("alice", 0, 2099999999999999), Row("sato, hanako", 0, 1)]
    assert rows["JPY"] == [Row("dave", 0, 12)]
    assert (totals.assets["JPY"].negative, totals.assets["JPY"].negative_sum, totals.assets["JPY"].zero) == (2, 7, 1)


def test_a_byte_order_mark_and_crlf_are_fine(tmp_path: Path) -> None:
    rows, _ = read_ledger(write(tmp_path, b"\xef\xbb\xbfaccount,asset,balance\r\nalice,BTC,1\r\n"))
    assert rows["BTC"] == [Row("alice", 0, 10**8)]


HEADER = "account,asset,balance\n"
BAD = {
    "missing column": ("account,balance\nalice,1\n", ["row 1", "'asset'", "missing"]),
    "column twice": ("account,asset,balance,asset\n", ["row 1", "'asset'", "twice"]),
    "unparsable amount": (HEADER + "bob,BTC,2\nalice,BTC,1e3\n", ["row 3", "field balance", "'1e3'"]),
    "thousands separator": (HEADER + 'alice,BTC,"1,000"\n', ["row 2", "field balance"]),
    "full-width digits": (HEADER + "alice,BTC,１２\n", ["row 2", "field balance"]),  # noqa: RUF001
    "not a number": (HEADER + "alice,BTC,NaN\n", ["row 2", "field balance"]),
    "no amount": (HEADER + "alice,BTC,\n", ["row 2", "field balance"]),
    "too many decimals": (HEADER + "alice,BTC,0.000000001\n", ["row 2", "field balance", "more than 8 decimals"]),
    "too large": (HEADER + "alice,BTC," + "9" * 40 + "\n", ["row 2", "field balance", "128 bits"]),
    "unknown asset": (HEADER + "alice,DOGE,1\n", ["row 2", "field asset", "'DOGE'"]),
    "duplicate": (HEADER + "alice,BTC,1\nbob,BTC,1\nalice,BTC,1\n", ["row 4", "field account", "row 2"]),
    "duplicate after NFC": (HEADER + "\u00e9mile,BTC,1\ne\u0301mile,BTC,2\n", ["row 3", "field account", "row 2"]),
    "white space": (HEADER + "alice ,BTC,1\n", ["row 2", "field account", "white space"]),
    "short row": (HEADER + "alice,BTC\n", ["row 2", "field balance", "missing"]),
    "thousands separator without quotes": (HEADER + "alice,BTC,1,000\n", ["row 2", "4 fields", "3"]),
    "plus sign": (HEADER + "alice,BTC,+1\n", ["row 2", "field balance"]),
    "no digit before the point": (HEADER + "alice,BTC,-.5\n", ["row 2", "field balance"]),
    "no digit after the point": (HEADER + "alice,BTC,5.\n", ["row 2", "field balance"]),
    "minus alone": (HEADER + "alice,BTC,-\n", ["row 2", "field balance"]),
    "two points": (HEADER + "alice,BTC,1.2.3\n", ["row 2", "field balance"]),
    "128 bits": (HEADER + f"alice,JPY,{2**127}\n", ["row 2", "field balance", "127 bits"]),
    "duplicate of a zero balance": (HEADER + "alice,BTC,0\nalice,BTC,1\n", ["row 3", "field account", "row 2"]),
    "duplicate of a negative balance": (HEADER + "alice,BTC,1\nalice,BTC,-1\n", ["row 3", "field account", "row 2"]),
    "white space that is not ASCII": (HEADER + "alice\u3000,BTC,1\n", ["row 2", "field account", "white space"]),
    "control character": (HEADER + "al\x7fice,BTC,1\n", ["row 2", "field account", "control"]),
    "control character that is not ASCII": (HEADER + "al\x85ice,BTC,1\n", ["row 2", "field account", "control"]),
    "NUL": (HEADER + "al\0ice,BTC,1\n", ["row 2", "field account", "control"]),
    "line end in the account": (HEADER + 'a,BTC,1\n"al\nice",BTC,1\n', ["row 4", "field account", "control"]),
    "no account": (HEADER + ",BTC,1\n", ["row 2", "field account", "0 bytes"]),
    "long account": (HEADER + "a" * 257 + ",BTC,1\n", ["row 2", "field account", "257 bytes"]),
    "account long in NFC": (HEADER + "\u0958" * 43 + ",BTC,1\n", ["row 2", "field account", "258 bytes"]),
    "text after a quote": (HEADER + 'alice,BTC,1\n"bob"x,BTC,1\n', ["row 3"]),
    "long field": ("note," + HEADER + "n" * 131073 + ",alice,BTC,1\n", ["row 2", "limit"]),
    "open quote": (HEADER + 'alice,BTC,"1\n', ["row 2"]),
    "empty file": ("", ["row 1", "'account'", "missing"]),
    "header only": (HEADER, ["no rows"]),
    "Shift_JIS": (HEADER.encode() + "佐藤,BTC,1\n".encode("shift_jis"), ["row 2", "field account", "UTF-8"]),
    "UTF-16": ((HEADER + "alice,BTC,1\n").encode("utf-16"), ["row 1", "UTF-8"]),
    "Latin-1 in the last field": (HEADER.encode() + b"a,BTC,1\nb,BTC,\xbd\n", ["row 3", "field balance", "0xbd"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_file_row_and_field(case: str, tmp_path: Path) -> None:
    text, named = BAD[case]
    with pytest.raises(MalformedError) as caught:
        read_ledger(write(tmp_path, text))
    for part in ["ledger.csv", *named]:
        assert part in caught.value.message


def test_all_findings_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    with pytest.raises(MalformedError) as caught:
        read_ledger(write(tmp_path, HEADER + "".join(f"u{i},BTC,x\n" for i in range(50))))
    assert "first of 50 findings" in caught.value.message
    assert len(caught.value.details) == MAX_SHOWN - 1
    assert "row 21" in caught.value.details[-1]


def test_whoever_has_several_rows_learns_how_they_are_added_up(tmp_path: Path) -> None:
    with pytest.raises(MalformedError) as caught:
        read_ledger(write(tmp_path, HEADER + "alice,BTC,1\nalice,BTC,2\n"))
    assert "sum_rows = true under [ledger]" in (caught.value.hint or "")
    with pytest.raises(MalformedError) as other:
        read_ledger(write(tmp_path, HEADER + "alice,BTC,x\n"))
    assert "sum_rows" not in (other.value.hint or "")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"nothing\.csv"):
        read_ledger(tmp_path / "nothing.csv")
