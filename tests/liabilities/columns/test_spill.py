"""Rows in buckets, among them rows that somebody chose so that they fall into one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attest.liabilities.columns import spill
from attest.liabilities.columns.spill import Spill

WIDTH, KEY = 12, 8


def taken(rows: NDArray[np.uint8], folder: Path, budget: int, batch: int = 700) -> list[bytes]:
    """The rows of all parts, each part sorted."""
    spilled = Spill(folder, WIDTH, budget, key=KEY)
    for start in range(0, len(rows), batch):
        spilled.add(rows[start : start + batch])
    found = [sorted(row.tobytes() for row in part.rows()) for part in spilled.parts()]
    assert list(folder.iterdir()) == []
    return [row for part in found for row in part]


def spread(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, WIDTH), np.uint8)


@pytest.fixture(params=[100, 10_000, 1 << 30], ids=["files", "some files", "memory"])
def budget(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(spill, "_SPLIT_ROWS", 500)
    monkeypatch.setattr(spill, "_SPAN_ROWS", 100)
    monkeypatch.setattr(spill, "_COPY_BYTES", 1000)
    monkeypatch.setattr(spill, "_SORTED_ROWS", 50)
    return int(request.param)


@pytest.mark.parametrize("same", [0, 1, 2, 5, 7])
def test_rows_that_begin_alike_come_out_in_order(same: int, budget: int, tmp_path: Path) -> None:
    rows = spread(5000)
    rows[1000:, :same] = 7
    kept = taken(rows, tmp_path, budget)
    assert kept == sorted(kept)
    if same < 7:
        assert kept == sorted(row.tobytes() for row in rows)


@pytest.mark.parametrize("batch", [1, 3, 700, 5000])
def test_of_many_rows_with_one_key_two_are_kept(batch: int, budget: int, tmp_path: Path) -> None:
    rows = spread(4000)
    rows[1000:, :KEY] = 9
    kept = taken(rows, tmp_path, budget, batch)
    assert sorted(kept) == kept
    assert len([row for row in kept if row[:KEY] == bytes([9]) * KEY]) == 2
    assert {row for row in kept if row[:KEY] != bytes([9]) * KEY} == {row.tobytes() for row in rows[:1000]}


def test_no_part_holds_far_more_than_its_share(budget: int, tmp_path: Path) -> None:
    rows = spread(20_000)
    rows[:, 0] = 3
    spilled = Spill(tmp_path, WIDTH, budget, key=KEY)
    spilled.add(rows)
    assert max(len(part.rows()) for part in spilled.parts()) <= 500


def test_a_file_without_a_name_holds_what_is_written_and_is_in_no_folder(tmp_path: Path) -> None:
    file = spill.NamelessFile(tmp_path)
    first = file.append(b"one", np.arange(4, dtype=np.uint8))
    second = file.append(b"two")
    assert file.read(*second).tobytes() == b"two"
    assert file.read(*first).tobytes() == b"one\x00\x01\x02\x03"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="shorter"):
        file.read(0, 100)
    file.close()
