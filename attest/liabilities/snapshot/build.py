"""The whole build: a ledger becomes a finished liability snapshot, or an error."""

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
    """What determines the trees of a snapshot: equal plans over equal ledgers give equal trees.

    `source`: where the ledger is.
    `decimals`: of each asset by its name; every asset has a tree.
    `secret`: 32 random bytes, from which the salts of all leaves follow.
    `splitting`: how the balances of an asset are split, by asset; of other assets they are not.
    `decoys`: the number of leaves of amount 0 that an asset gets, by asset; others get none.
    `sum_rows`: whether several rows of one account and asset are added up; else they are an error.
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
    """The manifest of the snapshot of `plan`, after its files were written; the manifest's file is written last.

    `folder`: exists and is empty.
    `plan`: what the trees are made of.
    `totals`: filled with control totals and findings, also when an error is raised; None where nobody needs them.
    `budget`: bytes of rows that each spill holds in memory.
    `keep`: whether the snapshot's files are written. Without it nothing stays on the disk: spilled rows lie in files
    without names, and the secret in none.
    `progress`: gets the number of rows read so far.
    Raises `MalformedError` for a ledger with findings, `UnavailableError` for one that cannot be read,
    `VerificationError` for a total of 2^128 base units or more, `OSError` when files cannot be written.
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
    """Raise `MalformedError` with the rows that repeat an account and asset.

    `duplicates`: the prefixes of their account digests, by asset.
    `count`: how many such rows there are at least.
    """
    with suppress(EnoughError):
        for finding in duplicate_rows(source, decimals, duplicates):
            totals.found(finding)
    totals.finding_count = max(totals.finding_count, count)
    if not totals.findings:
        # Two accounts share the first 64 bits of their digests and no row is repeated: chance nearly never makes this.
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
    """The writer of the accounts in the order of the build; one that holds several assets is written for each."""

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
        """The manifest's entry for the file, once it is on the disk."""
        self._writer.close()
        return self._file.finish()
