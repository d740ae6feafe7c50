"""The whole build: a ledger in, a finished liability snapshot out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from attest.errors import MalformedError
from attest.files import SECRET_MODE, fill_folder
from attest.liabilities.ahead import items_ahead
from attest.liabilities.ledger import (
    Accounts,
    AssetTotals,
    ControlTotals,
    Input,
    Source,
    duplicate_rows,
    invalid,
    read,
)
from attest.liabilities.snapshot import (
    MANIFEST_FILE,
    NAMES_FILE,
    SECRET_FILE,
    LedgerInput,
    LedgerTotals,
    Manifest,
)
from attest.liabilities.splitting import WHOLE, Splitting
from attest.liabilities.tree import StatedTree
from attest.liabilities.tree_files import DEFAULT_BUDGET, AssetBuilder, Written

_DUPLICATES_HINT: Final = "correct the ledger, or with sum_rows = true under [ledger] such rows are added up"
_NAMES: Final = pa.schema([pa.field("account", pa.large_binary(), nullable=False)])


def build_snapshot(
    folder: Path,
    source: Source,
    decimals: Mapping[str, int],
    secret: bytes,
    *,
    splitting: Mapping[str, Splitting],
    decoys: Mapping[str, int],
    totals: ControlTotals | None = None,
    sum_rows: bool = False,
    budget: int = DEFAULT_BUDGET,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Build the snapshot of `source` in `folder`, which exists and is empty; the manifest is written last.

    `decimals` lists the assets, `secret` is the snapshot's, `totals` is filled with control totals and findings,
    `budget` bounds each spill in bytes, `progress` hears the number of rows read so far. Raises `MalformedError`
    for a ledger that is not sound.
    """
    totals = ControlTotals() if totals is None else totals
    builders = {
        asset: AssetBuilder(asset, secret, folder, splitting=splitting.get(asset, WHOLE), budget=budget)
        for asset in sorted(decimals)
    }
    with Written(folder / NAMES_FILE) as names_file:
        names = _Names(names_file)
        for columns in items_ahead(read(source, decimals, totals, sum_rows=sum_rows)):
            builders[columns.asset].add(columns)
            names.add(columns.accounts)
            progress(totals.rows)
        for asset, count in decoys.items():
            builders[asset].add_decoys(count)
        names.close()
        files = [names_file.finish()]
    trees = []
    for builder in builders.values():
        built, written = builder.finish()
        files += written
        trees.append(built)
    if duplicates := {tree.asset: set(tree.duplicates) for tree in trees if tree.duplicates}:
        _refuse_duplicates(source, decimals, duplicates, totals)
    manifest = Manifest(
        format="attest/liability-snapshot/v1",
        inputs=tuple(_input(item) for item in totals.inputs),
        totals=tuple(_totals(tree.asset, totals.assets[tree.asset]) for tree in trees),
        trees=tuple(
            StatedTree(
                asset=tree.asset,
                size=tree.size,
                root=tree.root,
                total=tree.total,
                negative_accounts=totals.assets[tree.asset].negative,
                negative_total=totals.assets[tree.asset].negative_sum,
            )
            for tree in trees
        ),
        files=tuple(files),
    )
    fill_folder(folder, {SECRET_FILE: secret.hex().encode() + b"\n"}, mode=SECRET_MODE)
    fill_folder(folder, {MANIFEST_FILE: manifest.to_bytes()}, mode=SECRET_MODE)
    return manifest


def _refuse_duplicates(
    source: Source, decimals: Mapping[str, int], duplicates: Mapping[str, set[bytes]], totals: ControlTotals
) -> None:
    for finding in duplicate_rows(source, decimals, duplicates):
        totals.found(finding)
    if not totals.findings:
        # Two accounts whose digests share 64 bits: nobody can make them, and chance nearly never does.
        raise MalformedError("ledger/duplicate-row", "two accounts have nearly the same digest", hint="rename one")
    raise invalid(totals, hint=_DUPLICATES_HINT)


def _input(item: Input) -> LedgerInput:
    fields = {name: value for name in LedgerInput.model_fields if (value := getattr(item, name)) is not None}
    if item.sha256 is not None:
        fields["sha256"] = bytes.fromhex(item.sha256)
    return LedgerInput(**fields)


def _totals(asset: str, totals: AssetTotals) -> LedgerTotals:
    return LedgerTotals(
        asset=asset,
        rows=totals.rows,
        positive=totals.positive,
        positive_total=totals.positive_sum,
        zero=totals.zero,
        negative=totals.negative,
        negative_total=totals.negative_sum,
    )


class _Names:
    """Writes the accounts as they come; who holds several assets comes several times."""

    def __init__(self, file: Written) -> None:
        self._writer = pa.ipc.new_file(pa.PythonFile(file, mode="w"), _NAMES)

    def add(self, accounts: Accounts) -> None:
        buffers = [None, pa.py_buffer(accounts.offsets), pa.py_buffer(accounts.data)]
        column = pa.Array.from_buffers(pa.large_binary(), len(accounts), buffers)
        self._writer.write_batch(pa.record_batch([column], schema=_NAMES))

    def close(self) -> None:
        self._writer.close()
