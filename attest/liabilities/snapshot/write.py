"""The files of one asset's tree, written in memory that does not grow with the ledger.

Leaves are spilled into buckets by the first byte of their hash, sorted bucket by bucket, and written in the order of
the tree; meanwhile the levels above are made chunk by chunk. Besides the buffers of the hash kernels, memory holds two
spills of up to `budget` bytes each, a few batches, and a few buckets of 1/256 of the leaves.

A verification needs the tree alone; then only the spills are written, to files without names.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from attest.errors import MalformedError
from attest.files import SECRET_MODE, create, sync
from attest.liabilities.columns.balances import Columns
from attest.liabilities.columns.leaves import PART, LeafMaker, Leaves, account_digests
from attest.liabilities.columns.levels import Nodes, level_above
from attest.liabilities.columns.sha256 import DIGEST, warm_up
from attest.liabilities.columns.spill import Part, Spill
from attest.liabilities.snapshot.ahead import results_ahead
from attest.liabilities.snapshot.format import ENTRY, STORED_LEVEL, SnapshotFile
from attest.liabilities.splitting import WHOLE, Splitting
from attest.liabilities.tree import EMPTY_ROOT, NODE, PREFIX, asset_key

DEFAULT_BUDGET: Final = 2 << 30  # bytes of rows that a spill holds in memory
MAX_LEAVES: Final = 2**32  # of one tree, exclusive, because an index has 4 bytes
_CHUNK_LEVEL: Final = 18  # the level of the root of a chunk
_CHUNK: Final = 1 << _CHUNK_LEVEL  # leaves whose levels are made at once
_LARGE: Final = 1 << 15  # balances of a batch
_WRITES_AHEAD: Final = 4
_ROW: Final = NODE + PREFIX + PART  # bytes of a spilled leaf
_NO_LEAF: Final = 0xFF  # each byte of the part and index of an account without a leaf
_NO_PART: Final = 0xFFFFFFFF
_MANY: Final = 1 << 10  # rows of one account that end the build at once


@dataclass(slots=True)
class BuiltTree:
    """The tree that was built for one asset. It must not be used when it has `duplicates`.

    `asset`: its name.
    `size`: the number of leaves.
    `root`: the hash of the root, 32 bytes.
    `total`: the sum of all leaves, in base units.
    `duplicates`: the first 8 bytes of the digests of accounts with several rows, as numbers, one for each row beyond
    the first that the spills kept. Equal leaves are among them, because their account digests are equal.
    """

    asset: str
    size: int
    root: bytes
    total: int
    duplicates: list[NDArray[np.uint64]] = field(default_factory=list)

    def repeated(self) -> NDArray[np.uint64]:
        """The numbers in `duplicates`, ascending and each once."""
        return np.unique(np.concatenate(self.duplicates)) if self.duplicates else np.empty(0, np.uint64)


class Written:
    """A file of the snapshot, written and hashed by a thread of its own."""

    closed = False  # pyarrow reads this attribute of every file

    def __init__(self, path: Path) -> None:
        self._file = create(path, mode=SECRET_MODE)
        self._name = path.name
        self._digest = sha256()
        self._bytes = 0
        self._thread = ThreadPoolExecutor(1)
        self._running: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._file.close()

    def write(self, data: NDArray[np.uint8] | bytes) -> None:
        """Append contiguous `data`, which must not change until `finish`.

        Raises the `OSError` of this or an earlier write.
        """
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")  # type: ignore[arg-type]
        self._running.append(self._thread.submit(self._append, view))
        if len(self._running) > _WRITES_AHEAD:
            self._running.popleft().result()

    def _append(self, view: memoryview) -> None:
        self._file.write(view)
        self._digest.update(view)
        self._bytes += view.nbytes

    def finish(self) -> SnapshotFile:
        """The manifest's entry for the file, once it is on the disk. Raises the `OSError` of an earlier write."""
        while self._running:
            self._running.popleft().result()
        sync(self._file)
        return SnapshotFile(name=self._name, bytes=self._bytes, sha256=self._digest.digest())


class Unwritten:
    """The stand-in for a file of the snapshot where only the tree is wanted: it writes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: NDArray[np.uint8] | bytes) -> None:
        """Discard `data`."""

    def finish(self) -> None:
        """None: the manifest has no entry for it."""


class RepeatedError(Exception):
    """So many rows of one account and asset that reading on would only fill the disk.

    `prefixes`: the first 8 bytes of the digests of those accounts, as ascending numbers.
    """

    def __init__(self, prefixes: NDArray[np.uint64]) -> None:
        super().__init__()
        self.prefixes = prefixes


class AssetBuilder:
    """The builder of one asset's tree from its balances in any order."""

    def __init__(
        self,
        asset: str,
        secret: bytes,
        folder: Path | None,
        *,
        splitting: Splitting = WHOLE,
        budget: int = DEFAULT_BUDGET,
        keep: bool = True,
    ) -> None:
        """Make an empty tree.

        `asset`: its name.
        `secret`: of the snapshot, 32 bytes.
        `folder`: where the files and spills are written; None for spills in TMPDIR and no files.
        `splitting`: how each balance is split.
        `budget`: bytes of rows that each of two spills holds in memory.
        `keep`: whether files are written; without it, only the tree is made.
        """
        self._asset = asset
        self._maker = LeafMaker(asset_key(secret, asset), splitting)
        self._folder = folder
        self._keep = keep
        self._leaves = Spill(folder, _ROW, budget, key=PREFIX, look=_require_distinct)
        self._entries = Spill(folder, ENTRY, budget, key=PREFIX + PART)
        self._size = 0

    def add(self, balances: Columns) -> None:
        """Take the leaves of `balances`, and note accounts without a leaf, because a second row of one is a duplicate.

        Raises `MalformedError` for `MAX_LEAVES` leaves and for a balance of too many parts, `RepeatedError` when one
        account has very many rows, `OSError` when the disk is full.
        """
        if len(balances.amounts) >= _LARGE:
            warm_up()  # a large batch alone repays compiling, and more rows may follow
        self._add(self._maker.leaves(balances))
        if len(balances.others):
            rows = np.full((len(balances.others), ENTRY), _NO_LEAF, np.uint8)
            rows[:, :PREFIX] = account_digests(balances.others)[:, :PREFIX]
            self._entries.add(rows)

    def add_decoys(self, count: int) -> None:
        """Take `count` decoys. Call this once, because decoys are numbered from 0.

        Raises `MalformedError` for `MAX_LEAVES` leaves.
        """
        self._add(self._maker.decoys(count))

    def finish(self) -> tuple[BuiltTree, list[SnapshotFile]]:
        """The tree, and the manifest's entries for the files of leaves, nodes and account index.

        Without `keep` there are no files. Raises `OSError` when files cannot be written, `VerificationError` for a
        total of 2^128 base units or more.
        """
        tree = _Levels()
        written = 0
        with self._file("leaves") as leaves, self._file("nodes") as upper, self._file("accounts") as accounts:
            for nodes, owners in results_ahead(_sorted_leaves, self._leaves.parts()):
                leaves.write(nodes)
                tree.add(nodes)
                places = np.arange(written, written + len(nodes), dtype=">u4").view(np.uint8).reshape(-1, 4)
                self._entries.add(np.concatenate([owners, places], axis=1))
                written += len(nodes)
            built = BuiltTree(self._asset, written, *tree.finish(upper))
            for rows, twice in results_ahead(_sorted_entries, self._entries.parts()):
                accounts.write(rows)
                if len(twice):
                    built.duplicates.append(twice)
            files = [leaves.finish(), upper.finish(), accounts.finish()]
            return built, [file for file in files if file is not None]

    def _file(self, kind: str) -> Written | Unwritten:
        if not self._keep or self._folder is None:
            return Unwritten()
        return Written(self._folder / f"{self._asset}.{kind}")

    def _add(self, leaves: Leaves) -> None:
        self._size += len(leaves.hashes)
        if self._size >= MAX_LEAVES:
            raise MalformedError("snapshot/size", f"{self._asset} has more than {MAX_LEAVES - 1:,} leaves, the limit")
        columns = [leaves.hashes, leaves.amounts, leaves.digests[:, :PREFIX], leaves.parts]
        self._leaves.add(np.concatenate(columns, axis=1))


def _sorted_leaves(part: Part) -> tuple[Nodes, NDArray[np.uint8]]:
    rows = part.rows()
    order = _order(rows, DIGEST)
    rows = np.take(rows, order, axis=0)
    return np.ascontiguousarray(rows[:, :NODE]), rows[:, NODE:]


def _require_distinct(rows: NDArray[np.uint8]) -> None:
    """Raise `RepeatedError` when one account has many of these spilled `rows`."""
    firsts = rows[(rows[:, NODE + PREFIX : NODE + PREFIX + PART] == 0).all(axis=1), NODE : NODE + PREFIX]
    keys, counts = np.unique(np.ascontiguousarray(firsts).view(">u8"), return_counts=True)
    if (counts > _MANY).any():
        raise RepeatedError(keys[counts > _MANY].astype(np.uint64))


def _order(rows: NDArray[np.uint8], width: int) -> NDArray[np.intp]:
    """The order of rows by their first `width` bytes, a multiple of 8."""
    words = np.ascontiguousarray(rows[:, :width]).view(">u8").astype(np.uint64)
    order = np.argsort(words[:, 0])
    leading = words[order, 0]
    if (leading[1:] == leading[:-1]).any():
        order = np.lexsort(words.T[::-1])
    return order


def _sorted_entries(part: Part) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """The entries of a part by prefix and number of part, and the prefixes of accounts that have several rows.

    Accounts without a leaf count among the second and are left out of the first.
    """
    rows = part.rows()
    rows = np.take(rows, _order(rows, ENTRY), axis=0)
    parts = np.ascontiguousarray(rows[:, PREFIX : PREFIX + PART]).view(">u4")[:, 0]
    none = parts == _NO_PART
    keys = np.ascontiguousarray(rows[none | (parts == 0), :PREFIX]).view(">u8").astype(np.uint64)[:, 0]
    twice = keys[1:][keys[1:] == keys[:-1]]
    return (rows[~none] if none.any() else rows), twice


class _Levels:
    """The levels above a run of sorted leaves, made in whole chunks; those from `STORED_LEVEL` on are kept."""

    def __init__(self) -> None:
        self._pending: list[Nodes] = []
        self._pending_rows = 0
        self._kept: list[list[Nodes]] = []

    def add(self, leaves: Nodes) -> None:
        self._pending.append(leaves)
        self._pending_rows += len(leaves)
        if self._pending_rows >= _CHUNK:
            rows = np.concatenate(self._pending)
            whole = len(rows) // _CHUNK * _CHUNK
            for start in range(0, whole, _CHUNK):
                self._chunk(rows[start : start + _CHUNK])
            self._pending, self._pending_rows = [rows[whole:]], len(rows) - whole

    def _chunk(self, nodes: Nodes) -> None:
        for level in range(1, _CHUNK_LEVEL + 1):
            nodes = level_above(nodes)
            if level >= STORED_LEVEL:
                self._keep(level, nodes)

    def _keep(self, level: int, nodes: Nodes) -> None:
        while len(self._kept) <= level - STORED_LEVEL:
            self._kept.append([])
        self._kept[level - STORED_LEVEL].append(nodes)

    def finish(self, out: Written | Unwritten) -> tuple[bytes, int]:
        """The hash and sum of the root, after the kept levels were written to `out`, from below."""
        rest = np.concatenate(self._pending) if self._pending else np.empty((0, NODE), np.uint8)
        if not self._kept:
            level, nodes = 0, rest
        else:
            if len(rest):
                self._chunk(rest)
            level, nodes = _CHUNK_LEVEL, np.concatenate(self._kept[-1])
        while len(nodes) > 1:
            nodes = level_above(nodes)
            level += 1
            if level >= STORED_LEVEL:
                self._keep(level, nodes)
        for kept in self._kept:
            for part in kept:
                out.write(part)
        if not len(nodes):
            return EMPTY_ROOT, 0
        root = bytes(nodes[0])
        return root[:DIGEST], int.from_bytes(root[DIGEST:])
