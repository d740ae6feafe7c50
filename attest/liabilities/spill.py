"""Rows sorted by bucket: held in memory up to a budget, beyond it in files that go away with their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]

BUCKETS: Final = 256
_SPAN_ROWS: Final = 1 << 16


def by_bucket(rows: Rows) -> tuple[NDArray[np.intp], list[int]]:
    """The order of rows by their first byte, and where in that order each bucket starts, with the end of the last."""
    keys = rows[:, 0]
    return np.argsort(keys, kind="stable"), [0, *np.cumsum(np.bincount(keys, minlength=BUCKETS)).tolist()]


class Spill:
    """Rows of `width` bytes, in buckets by their first byte; the rows of a hash spread evenly over them."""

    def __init__(self, folder: Path, name: str, width: int, budget: int) -> None:
        self._width = width
        self._budget = budget
        self._files = [folder / f"{name}.{bucket:02x}" for bucket in range(BUCKETS)]
        self._pending: list[tuple[Rows, list[int]]] = []
        self._pending_bytes = 0
        self._rows = 0
        self._flushed = False

    def add(self, rows: Rows) -> None:
        """Take rows, uint8 of shape (n, width)."""
        if not len(rows):
            return
        order, bounds = by_bucket(rows)
        self._pending.append((np.take(rows, order, axis=0), bounds))
        self._pending_bytes += rows.nbytes
        self._rows += len(rows)
        if self._pending_bytes > self._budget:
            self._flush()

    def spans(self) -> list[range]:
        """All buckets in order, in runs of few enough rows to sort at once and enough to be worth it."""
        width = max(1, min(BUCKETS, BUCKETS * _SPAN_ROWS // max(self._rows, 1)))
        return [range(start, min(start + width, BUCKETS)) for start in range(0, BUCKETS, width)]

    def take(self, buckets: range) -> Rows:
        """All rows of a run of buckets, in no particular order; they are given out once."""
        parts = [rows[bounds[buckets.start] : bounds[buckets.stop]] for rows, bounds in self._pending]
        if self._flushed:
            for number in buckets:
                parts.append(np.fromfile(self._files[number], np.uint8).reshape(-1, self._width))
                self._files[number].unlink()
        return np.concatenate(parts) if parts else np.empty((0, self._width), np.uint8)

    def _flush(self) -> None:
        self._flushed = True
        for number, path in enumerate(self._files):
            with path.open("ab") as file:
                for rows, bounds in self._pending:
                    file.write(rows[bounds[number] : bounds[number + 1]].data)
        self._pending.clear()
        self._pending_bytes = 0
