"""The format of a snapshot on disk: the names of its files, its manifest, and how long its levels are."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from attest.documents import Amount, AssetName, Count, Digest, Document, Text
from attest.liabilities.tree import StatedTree

SECRET_FILE: Final = "secret"  # noqa: S105 (a file name)
MANIFEST_FILE: Final = "manifest.json"
NAMES_FILE: Final = "names.arrow"
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
STORED_LEVEL: Final = 8
ENTRY: Final = 16


class SnapshotFile(Document):
    """A file of the snapshot."""

    name: Text
    bytes: Count
    sha256: Digest


class LedgerInput(Document):
    """A file that the ledger was read from, or the query and the server's own time of its snapshot."""

    name: Text
    bytes: Count | None = None
    sha256: Digest | None = None
    query: Annotated[str, Field(max_length=100_000)] | None = None
    snapshot_time: Text | None = None
    snapshot: Text | None = None
    server: Text | None = None


class LedgerTotals(Document):
    """Control totals of one asset in the ledger, in base units."""

    asset: AssetName
    rows: Count
    positive: Count
    positive_total: Amount
    zero: Count
    negative: Count
    negative_total: Amount


class Manifest(Document):
    """What a snapshot holds."""

    format: Literal["attest/liability-snapshot/v1"]
    inputs: tuple[LedgerInput, ...]
    totals: tuple[LedgerTotals, ...]
    trees: Annotated[tuple[StatedTree, ...], Field(min_length=1)]
    files: tuple[SnapshotFile, ...]


def level_sizes(size: int) -> list[int]:
    """The number of nodes of each level of a tree of `size` leaves, leaves first."""
    sizes = [size]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes
