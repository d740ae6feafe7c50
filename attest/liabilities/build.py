"""The whole build: a ledger in, a finished liability snapshot out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from attest.files import SECRET_MODE, fill_folder
from attest.liabilities.leaves import Balances
from attest.liabilities.ledger import ControlTotals, Source, duplicate_rows, read
from attest.liabilities.snapshot import (
    MANIFEST_FILE,
    NAMES_FILE,
    SECRET_FILE,
    Manifest,
    SnapshotFile,
)
from attest.liabilities.splitting import WHOLE, Splitting
from attest.liabilities.tree import StatedTree
from attest.liabilities.tree_files import DEFAULT_BUDGET, AssetBuilder, Written

_NAMES: Final = pa.schema([pa.field("account", pa.large_binary(), nullable=False)])


def build_snapshot(
    folder: Path,
    source: Source,
    decimals: Mapping[str, int],
    secret: bytes,
    *,
    splitting: Mapping[str, Splitting],
    decoys: Mapping[str, int],
    sum_rows: bool = False,
    budget: int = DEFAULT_BUDGET,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Build the snapshot of `source` in `folder`, which exists and is empty; the manifest is written last.

    `decimals` lists the assets, `secret` is the snapshot's, `budget` bounds each spill in bytes, `progress`
    hears the number of rows read so far. Raises `MalformedError` for a ledger that is not sound.
    """
    totals = ControlTotals()
    builders = {
        asset: AssetBuilder(asset, secret, folder, splitting=splitting.get(asset, WHOLE), budget=budget)
        for asset in sorted(decimals)
    }
    names = _Names(folder / NAMES_FILE)
    for balances in read(source, decimals, totals, sum_rows=sum_rows):
        builders[balances.asset].add(balances)
        names.add(balances)
        progress(totals.rows)
    for asset, count in decoys.items():
        builders[asset].add_decoys(count)
    files = [names.close()]
    trees = []
    for builder in builders.values():
        built, written = builder.finish()
        files += written
        trees.append(built)
    if duplicates := {tree.asset: set(tree.duplicates) for tree in trees if tree.duplicates}:
        raise duplicate_rows(source, decimals, duplicates)
    manifest = Manifest(
        format="attest/liability-snapshot/v1",
        inputs=totals.inputs,
        totals=tuple(totals.by_asset[tree.asset] for tree in trees),
        trees=tuple(
            StatedTree(
                asset=tree.asset,
                size=tree.size,
                root=tree.root,
                total=tree.total,
                negative_accounts=totals.by_asset[tree.asset].negative,
                negative_total=totals.by_asset[tree.asset].negative_total,
            )
            for tree in trees
        ),
        files=tuple(files),
    )
    fill_folder(folder, {SECRET_FILE: secret.hex().encode() + b"\n"}, mode=SECRET_MODE)
    fill_folder(folder, {MANIFEST_FILE: manifest.to_bytes()}, mode=SECRET_MODE)
    return manifest


class _Names:
    """Writes the accounts as they come; who holds several assets comes several times."""

    def __init__(self, path: Path) -> None:
        self._file = Written(path)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), _NAMES)

    def add(self, balances: Balances) -> None:
        buffers = [None, pa.py_buffer(balances.offsets), pa.py_buffer(balances.accounts)]
        accounts = pa.Array.from_buffers(pa.large_binary(), len(balances), buffers)
        self._writer.write_batch(pa.record_batch([accounts], schema=_NAMES))

    def close(self) -> SnapshotFile:
        self._writer.close()
        return self._file.finish()
