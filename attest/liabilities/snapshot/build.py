"""The whole build: a ledger in, a finished liability snapshot out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attest.errors import MalformedError
from attest.files import SECRET_MODE, fill_folder
from attest.liabilities.columns.balances import Accounts
from attest.liabilities.ledger.read import duplicate_rows, read
from attest.liabilities.ledger.types import AssetTotals, ControlTotals, EnoughError, Input, Source, invalid
from attest.liabilities.snapshot.ahead import items_ahead
from attest.liabilities.snapshot.format import (
    MANIFEST_FILE,
    NAMES_FILE,
    SECRET_FILE,
    LedgerInput,
    LedgerTotals,
    Manifest,
    SnapshotFile,
)
from attest.liabilities.snapshot.write import DEFAULT_BUDGET, AssetBuilder, BuiltTree, RepeatedError, Written
from attest.liabilities.splitting import WHOLE, Splitting
from attest.liabilities.tree import StatedTree

_DUPLICATES_HINT: Final = "correct the ledger, or with sum_rows = true under [ledger] such rows are added up"
_NAMES: Final = pa.schema([pa.field("account", pa.large_binary(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Plan:
    """What the trees of a snapshot are made of: from equal plans, and an equal ledger, come equal trees.

    source: where the ledger is.
    decimals: those of each asset, by its name; each asset has a tree.
    secret: 32 bytes, from which the salts of all leaves follow.
    splitting: how the balances of an asset are split; the others stay whole.
    decoys: how many leaves of zero an asset gets; the others get none.
    sum_rows: whether several rows of one account and asset are added up.
    """

    source: Source
    decimals: Mapping[str, int]
    secret: bytes
    splitting: Mapping[str, Splitting] = field(default_factory=dict)
    decoys: Mapping[str, int] = field(default_factory=dict)
    sum_rows: bool = False


def build_snapshot(
    folder: Path,
    plan: Plan,
    *,
    totals: ControlTotals | None = None,
    budget: int = DEFAULT_BUDGET,
    keep: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Build the snapshot of `plan` in `folder`, which exists and is empty; the manifest is written last.

    `totals` is filled with control totals and findings, `budget` bounds each spill in bytes, `progress` hears the
    number of rows read so far. With `keep` false nothing is written: neither names nor the secret are on the disk, and
    what is spilled into `folder` has no name there. Raises `MalformedError` for a ledger that is not sound.
    """
    source, decimals, secret = plan.source, plan.decimals, plan.secret
    totals = ControlTotals() if totals is None else totals
    builders = {
        asset: AssetBuilder(asset, secret, folder, splitting=plan.splitting.get(asset, WHOLE), budget=budget, keep=keep)
        for asset in sorted(decimals)
    }
    names = _Names(folder / NAMES_FILE) if keep else None
    with nullcontext() if names is None else names:
        for columns in items_ahead(read(source, decimals, totals, sum_rows=plan.sum_rows)):
            try:
                builders[columns.asset].add(columns)
            except RepeatedError as error:
                _refuse_duplicates(source, decimals, {columns.asset: error.prefixes}, totals)
            if names is not None:
                names.add(columns.accounts)
            progress(totals.rows)
        for asset, count in plan.decoys.items():
            builders[asset].add_decoys(count)
        files = [] if names is None else [names.finish()]
    trees = []
    for builder in builders.values():
        built, written = builder.finish()
        files += written
        trees.append(built)
    if duplicates := {tree.asset: tree.repeated() for tree in trees if tree.duplicates}:
        _refuse_duplicates(source, decimals, duplicates, totals, sum(len(some) for t in trees for some in t.duplicates))
    manifest = _manifest(totals, trees, files)
    if keep:
        fill_folder(folder, {SECRET_FILE: secret.hex().encode() + b"\n"}, mode=SECRET_MODE)
        fill_folder(folder, {MANIFEST_FILE: manifest.to_bytes()}, mode=SECRET_MODE)
    return manifest


def _manifest(totals: ControlTotals, trees: Iterable[BuiltTree], files: Iterable[SnapshotFile]) -> Manifest:
    return Manifest(
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


def _refuse_duplicates(
    source: Source,
    decimals: Mapping[str, int],
    duplicates: Mapping[str, NDArray[np.uint64]],
    totals: ControlTotals,
    count: int = 0,
) -> NoReturn:
    """Raises `MalformedError` with the rows that come twice, of which there are at least `count`."""
    with suppress(EnoughError):
        for finding in duplicate_rows(source, decimals, duplicates):
            totals.found(finding)
    totals.finding_count = max(totals.finding_count, count)
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

    def __init__(self, path: Path) -> None:
        self._file = Written(path)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), _NAMES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def add(self, accounts: Accounts) -> None:
        """Append `accounts`."""
        buffers = [None, pa.py_buffer(accounts.offsets), pa.py_buffer(accounts.data)]
        column = pa.Array.from_buffers(pa.large_binary(), len(accounts), buffers)
        self._writer.write_batch(pa.record_batch([column], schema=_NAMES))

    def finish(self) -> SnapshotFile:
        """Have them on the disk; what the manifest says of the file."""
        self._writer.close()
        return self._file.finish()
