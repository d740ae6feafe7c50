"""Rows in buckets, in memory up to a budget, beyond it in temporary files that vanish even with a killed process."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]

BUCKETS: Final = 256  # one for each value of a byte
_SPAN_ROWS: Final = 1 << 16  # of buckets that are joined to one part
_SORTED_ROWS: Final = 1 << 15  # that are put into buckets at once
_SPLIT_ROWS: Final = 1 << 19  # that a bucket may hold in any case before it is split
_SKEW: Final = 4  # the multiple of its share that a bucket may hold before it is split
_COPY_BYTES: Final = 64 << 20  # that are read from a file at once
_FILES: Final = 16  # each for BUCKETS / _FILES buckets
_LOOK_ROWS: Final = 1 << 19  # about as many as `look` sees


def by_bucket(rows: Rows, at: int = 0) -> tuple[NDArray[np.intp], list[int]]:
    """The order of n rows by one byte, and the bounds of the buckets in that order.

    `rows`: uint8 of shape (n, width).
    `at`: the place of the byte in a row.
    The order has n indices; bucket b is at the places bounds[b] to bounds[b + 1] of it, of 257 bounds.
    """
    keys = rows[:, at]
    return np.argsort(keys, kind="stable"), [0, *np.cumsum(np.bincount(keys, minlength=BUCKETS)).tolist()]


class NamelessFile:
    """A temporary file that no folder lists, so that it vanishes when it is closed or its process is killed."""

    def __init__(self, folder: Path | None) -> None:
        """Open the file on the file system of `folder`, or where None is given of TMPDIR. Raises `OSError`."""
        self._file: Any = None
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by `close`)
        self._lock = threading.Lock()
        self._end = 0

    def append(self, *pieces: Any) -> tuple[int, int]:
        """The place of the first byte and the number of bytes, after the buffers were written one after another.

        Raises `OSError`.
        """
        start = self._end
        with self._lock:
            self._file.seek(start)
            for piece in pieces:
                self._file.write(piece)
                self._end += memoryview(piece).nbytes
        return start, self._end - start

    def read(self, start: int, size: int) -> Rows:
        """The `size` bytes from the place `start` on, uint8. Several threads may read. Raises `OSError`."""
        data = np.empty(size, np.uint8)
        with self._lock:
            self._file.seek(start)
            if self._file.readinto(data) != size:
                raise OSError(5, "a temporary file is shorter than what was written to it")
        return data

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which frees its disk space."""
        if self._file is not None:
            self._file.close()


class Part(NamedTuple):
    """Buckets of a spill that are small enough to be read and sorted at once.

    `spill`: the spill that holds them.
    `buckets`: the run of their numbers.
    """

    spill: Spill
    buckets: range

    def rows(self) -> Rows:
        """All rows of the part in no particular order, uint8 of shape (n, width). They can be read once."""
        return self.spill.take(self.buckets)


class Spill:
    """Rows of one width in buckets by one of their bytes, a byte of a hash, because hashes spread evenly.

    A bucket that holds far more than its share, because somebody chose what was hashed or one row is repeated, is split
    by the next byte, and so on up to byte `key` - 1. Of rows that are equal in all bytes before `key` only two are kept
    then, because the users of a spill need no more to see that rows are repeated.
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
        """Make an empty spill.

        `folder`: where the files lie; None for TMPDIR.
        `width`: bytes of a row.
        `budget`: bytes of rows in memory, beyond which they go to files.
        `key`: the number of leading bytes by which a bucket may be split.
        `at`: the place of the byte that is the bucket's number.
        `look`: gets rows of the fullest bucket each time before rows go to files; what it raises leaves `add`.
        """
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
        """Take n rows, uint8 of shape (n, width). Raises `OSError`, and what `look` raises."""
        if len(rows):
            self._fresh.append(rows)
            self._fresh_rows += len(rows)
            self._pending_bytes += rows.nbytes
            if self._fresh_rows >= _SORTED_ROWS:  # fewer at once would cost more time a row
                self._sort()
            if self._pending_bytes > self._budget:
                self._flush()

    def parts(self) -> list[Part]:
        """All rows in parts, which ascend by the bytes that number the buckets.

        Within a part rows are in no particular order. Small neighbouring buckets share a part, because sorting each
        alone would cost more. Call it once, after the last `add`.
        """
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
        """All rows of a run of buckets in no particular order, uint8 of shape (n, width). They can be read once."""
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
        """A spill with the rows of one bucket, by the next byte."""
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
        """Close each file all of whose buckets were read."""
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
