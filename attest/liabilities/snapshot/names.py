"""The accounts of a snapshot in 256 buckets by their digests, each account once, as proofs are made shard by shard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from attest.liabilities.columns.sha256 import DIGEST
from attest.liabilities.columns.spill import BUCKETS, by_bucket

_SCHEMA: Final = pa.schema(
    [pa.field("digest", pa.binary(DIGEST), nullable=False), pa.field("account", pa.large_binary(), nullable=False)]
)


class NamesSpill:
    """Accounts with their digests in buckets by the digest's first byte; they go to files when memory holds too many.

    `folder`: exists; the files lie in it.
    `budget`: bytes in memory, beyond which accounts go to files.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._files = [folder / f"names.{bucket:02x}" for bucket in range(BUCKETS)]
        self._writers: list[Any] = []
        self._budget = budget
        self._pending: list[tuple[Any, list[int]]] = []
        self._pending_bytes = 0

    def add(self, accounts: Any, digests: NDArray[np.uint8]) -> None:
        """Take n accounts.

        `accounts`: an Arrow large_binary array of n accounts in NFC UTF-8.
        `digests`: of these accounts, uint8 of shape (n, 32).
        """
        order, bounds = by_bucket(digests)
        sorted_digests = np.take(digests, order, axis=0)
        column = pa.Array.from_buffers(pa.binary(DIGEST), len(digests), [None, pa.py_buffer(sorted_digests)])
        batch = pa.record_batch([column, accounts.take(pa.array(order))], schema=_SCHEMA)
        self._pending.append((batch, bounds))
        self._pending_bytes += batch.nbytes
        if self._pending_bytes > self._budget:
            self._flush()

    def buckets(self) -> Iterator[tuple[NDArray[np.uint8], list[bytes]]]:
        """For each of the 256 buckets its n account digests, uint8 of shape (n, 32), and its n accounts.

        Both ascend by digest, and each account stands once. Call this once, after the last `add`. Files are removed as
        they are read.
        """
        for writer in self._writers:
            writer.close()
        for number, path in enumerate(self._files):
            parts = [
                batch.slice(bounds[number], bounds[number + 1] - bounds[number]) for batch, bounds in self._pending
            ]
            if self._writers:
                with pa.OSFile(os.fsencode(path), "rb") as file:
                    parts += list(pa.ipc.open_stream(file))
                path.unlink()
            yield _once(pa.Table.from_batches(parts, _SCHEMA))

    def _flush(self) -> None:
        if not self._writers:
            self._writers = [pa.ipc.new_stream(pa.OSFile(os.fsencode(path), "wb"), _SCHEMA) for path in self._files]
        for number, writer in enumerate(self._writers):
            for batch, bounds in self._pending:
                if bounds[number] < bounds[number + 1]:
                    writer.write_batch(batch.slice(bounds[number], bounds[number + 1] - bounds[number]))
        self._pending.clear()
        self._pending_bytes = 0


def _once(table: Any) -> tuple[NDArray[np.uint8], list[bytes]]:
    if not table.num_rows:
        return np.empty((0, DIGEST), np.uint8), []
    column = table.column("digest").combine_chunks()
    digests = np.frombuffer(column.buffers()[1], np.uint8).reshape(-1, DIGEST)[column.offset :][: len(column)]
    words = np.ascontiguousarray(digests).view(">u8").astype(np.uint64)
    order = np.lexsort(words.T[::-1])
    words = words[order]
    # An account that holds several assets was added once for each.
    kept = np.ones(len(order), bool)
    kept[1:] = (words[1:] != words[:-1]).any(axis=1)
    order = order[kept]
    return np.take(digests, order, axis=0), pc.take(table.column("account"), pa.array(order)).to_pylist()
