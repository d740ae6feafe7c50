"""Rows sorted by bucket: held in memory up to a budget, beyond it in files without names, which no kill leaves."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]

BUCKETS: Final = 256
_SPAN_ROWS: Final = 1 << 16
_SORTED_ROWS: Final = 1 << 15
_SPLIT_ROWS: Final = 1 << 19
_SKEW: Final = 4  # how many times its share a bucket holds before it is split
_COPY_BYTES: Final = 64 << 20
_FILES: Final = 16
_LOOK_ROWS: Final = 1 << 19


def by_bucket(rows: Rows, at: int = 0) -> tuple[NDArray[np.intp], list[int]]:
    """The order of rows by their byte `at`, and where in that order each bucket starts, with the end of the last."""
    keys = rows[:, at]
    return np.argsort(keys, kind="stable"), [0, *np.cumsum(np.bincount(keys, minlength=BUCKETS)).tolist()]


class NamelessFile:
    """A temporary file that no folder lists: it is gone when it is closed, and when its process is killed."""

    def __init__(self, folder: Path | None) -> None:
        """Lies on the file system of `folder`, or else of TMPDIR. Raises `OSError`."""
        self._file: Any = None
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by `close`)
        self._lock = threading.Lock()
        self._end = 0

    def append(self, *pieces: Any) -> tuple[int, int]:
        """Write buffers one after another; where they begin, and how many bytes they have."""
        start = self._end
        with self._lock:
            self._file.seek(start)
            for piece in pieces:
                self._file.write(piece)
                self._end += memoryview(piece).nbytes
        return start, self._end - start

    def read(self, start: int, size: int) -> Rows:
        """The `size` bytes from `start`; several threads may read."""
        data = np.empty(size, np.uint8)
        with self._lock:
            self._file.seek(start)
            if self._file.readinto(data) != size:
                raise OSError(5, "a temporary file is shorter than what was written to it")
        return data

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give its disk space back."""
        if self._file is not None:
            self._file.close()


class Part(NamedTuple):
    """Buckets of a spill that are read at once."""

    spill: Spill
    buckets: range

    def rows(self) -> Rows:
        """Their rows, in no particular order; they are given out once."""
        return self.spill.take(self.buckets)


class Spill:
    """Rows of `width` bytes in buckets by one byte, that of a hash, over which they spread evenly.

    A bucket that holds far more than its share, because somebody chose what was hashed or repeats one row, is split
    by the next byte, and so on over the first `key` bytes. Of many rows that are equal in all of those only two
    are kept: who calls knows that no rows may be.
    """

    def __init__(
        self,
        folder: Path | None,
        width: int,
        budget: int,
        *,
        key: int,
        at: int = 0,
        look: Callable[[Rows], None] = lambda _: None,
    ) -> None:
        """`at` is the byte of the buckets; `look` sees rows of the fullest bucket before rows go to files."""
        self._folder = folder
        self._width = width
        self._budget = budget
        self._key = key
        self._at = at
        self._look = look
        self._files: list[NamelessFile] = []
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._fresh: list[Rows] = []
        self._fresh_rows = 0
        self._pending: list[tuple[Rows, list[int]]] = []
        self._pending_bytes = 0
        self._counts = np.zeros(BUCKETS, np.int64)
        self._left = [BUCKETS // _FILES] * _FILES
        self._lock = threading.Lock()

    def add(self, rows: Rows) -> None:
        """Take rows, uint8 of shape (n, width)."""
        if len(rows):
            self._fresh.append(rows)
            self._fresh_rows += len(rows)
            self._pending_bytes += rows.nbytes
            if self._fresh_rows >= _SORTED_ROWS:  # many small pieces would cost more than their rows
                self._sort()
            if self._pending_bytes > self._budget:
                self._flush()

    def parts(self) -> list[Part]:
        """All rows in the order of their first bytes, in parts that can be sorted at once and are worth it."""
        self._sort()
        parts: list[Part] = []
        share = max(_SPLIT_ROWS, _SKEW * int(self._counts.sum()) // BUCKETS)
        start = rows = 0
        for bucket, count in enumerate(self._counts.tolist()):
            if count > share or rows + count > max(_SPAN_ROWS, count):
                if start < bucket:
                    parts.append(Part(self, range(start, bucket)))
                start, rows = bucket, 0
            if count > share:
                parts += self._split(bucket).parts()
                start = bucket + 1
            else:
                rows += count
        if start < BUCKETS:
            parts.append(Part(self, range(start, BUCKETS)))
        return parts

    def take(self, buckets: range) -> Rows:
        """All rows of a run of buckets, in no particular order; they are given out once."""
        found = [piece for bucket in buckets for piece in self._pieces(bucket)]
        self._free(buckets)
        return np.concatenate(found) if found else np.empty((0, self._width), np.uint8)

    def _sort(self) -> None:
        if self._fresh:
            rows = self._fresh[0] if len(self._fresh) == 1 else np.concatenate(self._fresh)
            order, bounds = by_bucket(rows, self._at)
            self._pending.append((np.take(rows, order, axis=0), bounds))
            self._counts += np.diff(bounds)
            self._fresh, self._fresh_rows = [], 0

    def _pieces(self, bucket: int) -> Iterator[Rows]:
        for rows, bounds in self._pending:
            if bounds[bucket] < bounds[bucket + 1]:
                yield rows[bounds[bucket] : bounds[bucket + 1]]
        step = _COPY_BYTES // self._width * self._width
        for start, size in self._places[bucket]:
            for offset in range(0, size, step):
                data = self._files[bucket * _FILES // BUCKETS].read(start + offset, min(step, size - offset))
                yield data.reshape(-1, self._width)

    def _split(self, bucket: int) -> Spill:
        """The rows of a bucket, by the next byte."""
        pieces = self._pieces(bucket)
        if self._at + 1 < self._key:
            split = Spill(self._folder, self._width, min(self._budget, _COPY_BYTES), key=self._key, at=self._at + 1)
            for piece in pieces:
                split.add(piece)
        else:
            split = Spill(self._folder, self._width, self._budget, key=self._key, at=self._at)
            for piece in pieces:
                split.add(piece[: 2 - split._fresh_rows])
                if split._fresh_rows == 2:  # noqa: PLR2004
                    break
        self._free(range(bucket, bucket + 1))
        return split

    def _free(self, buckets: range) -> None:
        """Close each file whose buckets were all read."""
        with self._lock:
            for bucket in buckets:
                number = bucket * _FILES // BUCKETS
                self._left[number] -= 1
                if self._files and not self._left[number]:
                    self._files[number].close()

    def _flush(self) -> None:
        self._sort()
        fullest = int(np.argmax(self._counts))
        seen, looked = [], 0
        for rows, bounds in self._pending:
            if looked < _LOOK_ROWS:
                seen.append(rows[bounds[fullest] : bounds[fullest + 1]][:_LOOK_ROWS])
                looked += len(seen[-1])
        self._look(np.concatenate(seen))
        if not self._files:
            self._files = [NamelessFile(self._folder) for _ in range(_FILES)]
        for bucket, places in enumerate(self._places):
            pieces = [rows[bounds[bucket] : bounds[bucket + 1]] for rows, bounds in self._pending]
            if held := [piece.data for piece in pieces if len(piece)]:
                places.append(self._files[bucket * _FILES // BUCKETS].append(*held))
        self._pending.clear()
        self._pending_bytes = 0
