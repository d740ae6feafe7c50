"""The hostile ledgers that take a second or two; `tests/release` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attest.errors import UnavailableError
from attest.liabilities.ledger.read import read
from attest.liabilities.ledger.types import ControlTotals, Source
from tests.faults.hostile_ledgers import HOSTILE, QUICK, build
from tests.faults.worker import Worker


@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_ledger_ends_with_a_sentence_and_little_memory(name: str, worker: Worker) -> None:
    faults = worker.run("hostile_ledgers", name, short=True)["faults"]
    assert not faults, "\n".join(faults)


def test_every_quick_case_is_one_of_all() -> None:
    assert set(QUICK) <= HOSTILE.keys()
    assert len(HOSTILE) >= 30


def test_many_files_are_read_in_time_that_grows_with_their_number(worker: Worker) -> None:
    faults = worker.run("hostile_ledgers", "1,500 files of one row", short=True)["faults"]
    assert not faults, "\n".join(faults)


def test_a_library_for_which_there_is_no_memory_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("account,asset,balance\nalice,BTC,1\n")
    took = build(tmp_path, "l.csv", memory=500)
    assert took.code == 4, took.err
    assert "a library that builds the trees cannot be loaded" in took.err


@pytest.mark.parametrize("error", [MemoryError, pa.ArrowMemoryError])
def test_memory_that_is_not_there_is_told_with_the_file(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    pq.write_table(pa.table({"account": ["a"], "asset": ["BTC"], "balance": ["1"]}), tmp_path / "l.parquet")
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", full)
    with pytest.raises(UnavailableError) as caught:
        list(read(Source("l.parquet", folder=tmp_path), {"BTC": 8}, ControlTotals()))
    assert caught.value.code == "ledger/memory"
    assert caught.value.message.startswith("reading l.parquet takes more memory than")
