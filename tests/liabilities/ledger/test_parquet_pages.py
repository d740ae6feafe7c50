"""Headers of Parquet's pages: honest files of every writer's kind are read, and wide ones are told before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attest.errors import MalformedError
from attest.liabilities.ledger import parquet_pages
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source

DECIMALS = {"BTC": 8}
ROWS = 3000
KINDS: dict[str, dict[str, Any]] = {
    "dictionaries": {},
    "plain": {"use_dictionary": False},
    "deltas": {"use_dictionary": False, "column_encoding": {"account": "DELTA_BYTE_ARRAY"}},
    "lengths": {"use_dictionary": False, "column_encoding": {"account": "DELTA_LENGTH_BYTE_ARRAY"}},
    "small dictionary, then plain": {"dictionary_pagesize_limit": 2000, "data_page_size": 1000},
    "small pages": {"data_page_size": 100, "write_batch_size": 7},
    "row groups": {"row_group_size": 11},
    "checksums": {"write_page_checksum": True},
    "statistics": {"write_statistics": True, "write_page_index": True},
    "no schema of Arrow": {"store_schema": False},
}


def columns(rows: int, long: int = 0) -> dict[str, Any]:
    """A ledger whose last account has `long` more characters."""
    accounts = [f"customer-{number % 1000:05}-{number}" for number in range(rows)]
    accounts[-1] += "x" * long
    return {"account": accounts, "asset": ["BTC"] * rows, "balance": [f"{number}.5" for number in range(rows)]}


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_honest_programs_write_is_read(kind: str, version: str, codec: str, tmp_path: Path) -> None:
    table = pa.table(columns(ROWS))
    pq.write_table(table, tmp_path / "l.parquet", compression=codec, data_page_version=version, **KINDS[kind])
    totals = ControlTotals()
    found = sum(len(part.accounts) for part in read(Source("l.parquet", folder=tmp_path), DECIMALS, totals))
    assert found == ROWS


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd"])
@pytest.mark.parametrize("kind", ["dictionaries", "no schema of Arrow", "row groups"])
def test_a_wide_value_is_told_before_it_is_decoded(
    kind: str, codec: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table(columns(ROWS, 100_000))
    pq.write_table(table, tmp_path / "l.parquet", compression=codec, data_page_version=version, **KINDS[kind])
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter(()))
    with pytest.raises(MalformedError) as caught:
        list(read(Source("l.parquet", folder=tmp_path), DECIMALS, ControlTotals()))
    assert caught.value.code == "ledger/wide"
    assert f"to {ROWS}, field account: there is a value of about 100,0" in caught.value.message
    assert "customer" not in caught.value.message


@pytest.mark.parametrize("data", [b"", b"\x00" * 600, b"\xff" * 600, b"\x1c" * 600, b"\x15\x80" * 300])
def test_what_is_no_header_of_a_page_is_damage(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "l.parquet"
    pq.write_table(pa.table(columns(10)), path, compression="none", use_dictionary=False)
    content = path.read_bytes()
    header = content[4 : 4 + len(data)]
    path.write_bytes(content[:4] + data + content[4 + len(header) :])
    with pytest.raises(MalformedError) as caught:
        totals = ControlTotals()
        list(read(Source("l.parquet", folder=tmp_path), DECIMALS, totals))
        assert not data, totals
        raise MalformedError("ledger/damaged", "nothing was changed")
    assert caught.value.code in {"ledger/damaged", "ledger/page"}


def test_numbers_are_read_as_thrift_writes_them() -> None:
    for text, number in ((b"\x00", 0), (b"\x01", -1), (b"\x02", 1), (b"\xfe\xff\xff\xff\x0f", 2**31 - 1)):
        assert parquet_pages._Compact(b"\x15" + text + b"\x00").struct(0) == {1: number}
    assert parquet_pages._Compact(b"\x18\x03abc\x11\x1c\x15\x02\x00\x00").struct(0) == {1: None, 2: True, 3: {1: 1}}
