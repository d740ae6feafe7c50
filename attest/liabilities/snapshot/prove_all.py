"""The inclusion proofs of all accounts: one JSON line an account, in 256 compressed shards by the account digest.

The levels that a snapshot does not store are made once, in a temporary file; each shard is then gathered from arrays.
A shard gets its name when it is complete, so that an interrupted run can be continued.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attest.errors import UnavailableError, VerificationError
from attest.files import PARTIAL, SECRET_MODE, alone_in, create, reason, sync, sync_folder, unfinished_name, write_file
from attest.folders import make_folders
from attest.liabilities.columns.balances import Accounts
from attest.liabilities.columns.leaves import LeafMaker, account_digests, leaf_hashes
from attest.liabilities.columns.levels import level_above
from attest.liabilities.columns.sha256 import DIGEST
from attest.liabilities.columns.spill import BUCKETS
from attest.liabilities.snapshot.format import ENTRY, NAMES_FILE, level_sizes
from attest.liabilities.snapshot.names import NamesSpill
from attest.liabilities.snapshot.open import AssetTree, Snapshot
from attest.liabilities.tree import NODE, PREFIX

_ROWS: Final = 1 << 18  # nodes whose level above is made at once
_BUDGET: Final = 1 << 30  # bytes of accounts in memory
_GROUP: Final = 1 << 14  # accounts whose proofs are made at once


def shard_name(shard: int) -> str:
    """The name of the file with the proofs of accounts whose digest begins with the byte `shard`."""
    return f"proofs-{shard:02x}.jsonl.zst"


def prove_all(
    snapshot: Snapshot, statement: bytes, folder: Path, progress: Callable[[int], None] = lambda _: None
) -> int:
    """The number of proofs written: one for every account of `snapshot` in a shard that `folder` does not have yet.

    `statement`: the SHA-256 of the statement's bytes, 32 bytes.
    `folder`: made when it is absent; shards of this statement in it are kept.
    `progress`: gets the number of proofs written so far.
    Raises `VerificationError` when the snapshot's files do not fit together; `UnavailableError` when `folder` cannot be
    written, holds other files, or another process writes to it.
    """
    try:
        make_folders(folder, 0o700)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with alone_in(folder, f"another program is writing the proofs in {folder}"):
        _claim(folder, statement)
        return _write_missing(snapshot, statement, folder, progress)


def _write_missing(snapshot: Snapshot, statement: bytes, folder: Path, progress: Callable[[int], None]) -> int:
    work = folder / PARTIAL
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    missing = {shard for shard in range(BUCKETS) if not (folder / shard_name(shard)).exists()}
    if not missing:
        return 0
    written = 0
    try:
        work.mkdir()
        trees = [_TreeArrays(snapshot.folder, tree, work) for tree in snapshot.trees.values() if tree.stated.size]
        names = _names(snapshot, work)
        for shard, (digests, accounts) in enumerate(names.buckets()):
            if shard in missing:
                lines = _lines(digests, accounts, trees, statement)
                written += _write_shard(work / shard_name(shard), folder / shard_name(shard), lines)
                progress(written)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return written


def _claim(folder: Path, statement: bytes) -> None:
    """Mark `folder` with the statement, so that it never holds proofs of two statements."""
    mark = folder / "statement"
    line = statement.hex().encode() + b"\n"
    try:
        # The unfinished mark and shards of a killed process do not count as other files.
        if not mark.exists() and not {path.name for path in folder.iterdir()} - {unfinished_name(mark).name, PARTIAL}:
            write_file(mark, line, mode=SECRET_MODE)
        found = mark.read_bytes() if mark.exists() else b""
        if found == line:
            unfinished_name(mark).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    if found != line:
        raise UnavailableError("prove/other", f"{folder} holds other files than proofs of this statement")


def _unwritable(folder: Path, error: OSError) -> UnavailableError:
    return UnavailableError("prove/unwritable", f"cannot write proofs to {folder}: {reason(error)}")


def _names(snapshot: Snapshot, work: Path) -> NamesSpill:
    names = NamesSpill(work, _BUDGET)
    with pa.OSFile(os.fsencode(snapshot.folder / NAMES_FILE), "rb") as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            accounts = reader.get_batch(number).column("account")
            _, offsets, data = accounts.buffers()
            digests = account_digests(Accounts(np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64)))
            names.add(accounts, digests)
    return names


class _TreeArrays:
    """The tree of one asset as arrays.

    `asset`: its name.
    `maker`: makes its salts.
    `size`: the number of leaves.
    `levels`: the leaves and every level above, uint8 of shape (nodes, 48).
    `entries`: the account index, uint8 of shape (leaves, 16).
    `bounds`: 257 positions in `entries`; those whose digest begins with byte b are bounds[b] to bounds[b + 1].
    """

    def __init__(self, folder: Path, tree: AssetTree, work: Path) -> None:
        self.asset = tree.asset
        self.maker = LeafMaker(tree.key)
        self.size = tree.stated.size
        leaves = np.memmap(folder / f"{tree.asset}.leaves", np.uint8, "r").reshape(-1, NODE)
        self.levels = [leaves, *_levels(leaves, work / f"{tree.asset}.levels")]
        root = self.levels[-1][0].tobytes()
        if root != tree.stated.root + tree.stated.total.to_bytes(16):
            raise VerificationError("snapshot/root", f"the snapshot's files do not lead to the root of {tree.asset}")
        entries = np.memmap(folder / f"{tree.asset}.accounts", np.uint8, "r").reshape(-1, ENTRY)
        self.entries = entries
        firsts = entries[:, 0]
        self.bounds = np.searchsorted(firsts, np.arange(BUCKETS + 1))


def _levels(leaves: NDArray[np.uint8], path: Path) -> list[NDArray[np.uint8]]:
    """Every level above the leaves, uint8 of shape (nodes, 48) each, mapped from a file that is written at `path`."""
    sizes = level_sizes(len(leaves))[1:]
    if not sizes:
        return []
    nodes = np.memmap(path, np.uint8, "w+", shape=(sum(sizes), NODE))
    levels, below, start = [], leaves, 0
    for size in sizes:
        level = nodes[start : start + size]
        for first in range(0, len(below), _ROWS):
            part = np.ascontiguousarray(below[first : first + _ROWS])
            level[first // 2 : first // 2 + (len(part) + 1) // 2] = level_above(part)
        levels.append(level)
        below, start = level, start + size
    return levels


def _lines(
    digests: NDArray[np.uint8], accounts: list[bytes], trees: list[_TreeArrays], statement: bytes
) -> Iterator[str]:
    """The proofs of one shard's accounts as JSON lines, in the order of their digests."""
    tail = f'],"statement":"{statement.hex()}"}}'
    for first in range(0, len(accounts), _GROUP):
        group = accounts[first : first + _GROUP]
        holdings: list[list[str]] = [[] for _ in group]
        for tree in trees:
            for row, leaves in _asset_leaves(digests[first : first + _GROUP], tree):
                holdings[row].append(f'{{"asset":"{tree.asset}","leaves":[{",".join(leaves)}]}}')
        for account, held in zip(group, holdings, strict=True):
            name = json.dumps(account.decode(), ensure_ascii=False)
            yield f'{{"account":{name},"format":"attest/inclusion-proof/v1","holdings":[{",".join(held)}{tail}'


def _asset_leaves(digests: NDArray[np.uint8], tree: _TreeArrays) -> Iterator[tuple[int, list[str]]]:
    """For each account that has leaves in the tree, its row among `digests` and its leaves as JSON."""
    if not len(digests):
        return
    shard = int(digests[0, 0])
    entries = np.ascontiguousarray(tree.entries[tree.bounds[shard] : tree.bounds[shard + 1]])
    keys = np.ascontiguousarray(entries[:, :PREFIX]).view(">u8").astype(np.uint64)[:, 0]
    wanted = np.ascontiguousarray(digests[:, :PREFIX]).view(">u8").astype(np.uint64)[:, 0]
    first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, "right")
    counts = last - first
    rows = np.repeat(np.arange(len(digests)), counts)
    if not len(rows):
        return
    picked = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    parts = np.ascontiguousarray(entries[picked, PREFIX : PREFIX + 4])
    indices = np.ascontiguousarray(entries[picked, PREFIX + 4 :]).view(">u4").astype(np.int64)[:, 0]
    leaves = np.take(tree.levels[0], indices, axis=0)
    salts = tree.maker.salts(np.ascontiguousarray(digests[rows]), parts)
    hashes = leaf_hashes(salts, np.ascontiguousarray(digests[rows]), np.ascontiguousarray(leaves[:, DIGEST:]))
    if (hashes != leaves[:, :DIGEST]).any():
        raise VerificationError("snapshot/leaf", f"a leaf of {tree.asset} is not what its index says")
    paths = _paths(indices, tree)
    amounts = _decimal(leaves[:, DIGEST:])
    salt_text = salts.tobytes().hex()
    found: list[str] = []
    for i, (row, index, amount) in enumerate(zip(rows.tolist(), indices.tolist(), amounts, strict=True)):
        salt = salt_text[64 * i : 64 * i + 64]
        found.append(f'{{"amount":"{amount}","index":{index},"path":[{paths[i]}],"salt":"{salt}"}}')
        if i + 1 == len(rows) or rows[i + 1] != row:
            yield row, found
            found = []


def _paths(indices: NDArray[np.int64], tree: _TreeArrays) -> list[str]:
    """The audit paths of the leaves at `indices` as JSON, without brackets."""
    steps: list[list[str]] = []
    absent = np.zeros((len(tree.levels), len(indices)), bool)
    for level, nodes in enumerate(tree.levels[:-1]):
        siblings = (indices >> level) ^ 1
        absent[level] = siblings >= len(nodes)
        taken = np.take(nodes, np.where(absent[level], 0, siblings), axis=0)
        text = np.ascontiguousarray(taken[:, :DIGEST]).tobytes().hex()
        sums = _decimal(taken[:, DIGEST:])
        steps.append([f'["{text[64 * i : 64 * i + 64]}","{amount}"]' for i, amount in enumerate(sums)])
    paths = [",".join(path) for path in zip(*steps, strict=True)] if steps else [""] * len(indices)
    # A last node without a sibling moves up unchanged, so the path has no step on that level.
    for row in np.flatnonzero(absent.any(axis=0)).tolist():
        paths[row] = ",".join(step[row] for level, step in enumerate(steps) if not absent[level, row])
    return paths


def _decimal(amounts: NDArray[np.uint8]) -> list[int]:
    """The amounts in big-endian uint8 of shape (n, 16), as integers."""
    words = np.ascontiguousarray(amounts).view(">u8").astype(np.uint64)
    low: list[int] = words[:, 1].tolist()
    if not words[:, 0].any():
        return low
    return [high << 64 | rest for high, rest in zip(words[:, 0].tolist(), low, strict=True)]


def _write_shard(partial: Path, path: Path, lines: Iterator[str]) -> int:
    count = 0
    create(partial, mode=SECRET_MODE).close()
    with pa.CompressedOutputStream(pa.OSFile(os.fsencode(partial), "wb"), "zstd") as stream:
        while some := list(islice(lines, 1024)):
            stream.write(("\n".join(some) + "\n").encode())
            count += len(some)
    with partial.open("rb+") as file:
        sync(file)
    partial.rename(path)
    sync_folder(path.parent)
    return count
