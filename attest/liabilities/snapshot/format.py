"""The format of a snapshot on disk: the names of its files, its manifest, and the sizes of its levels."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from attest.documents import Amount, AssetName, Count, Digest, Document, Text
from attest.liabilities.tree import StatedTree

SECRET_FILE: Final = "secret"  # noqa: S105 (a file name)
MANIFEST_FILE: Final = "manifest.json"
NAMES_FILE: Final = "names.arrow"
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
STORED_LEVEL: Final = 8  # the lowest level above the leaves that is stored
ENTRY: Final = 16  # bytes of the account index a leaf: 8 of the account digest, 4 of the part, 4 of the leaf's index


class SnapshotFile(Document):
    """A file of the snapshot.

    `name`: in the snapshot's folder.
    `bytes`: its size.
    `sha256`: its digest, 32 bytes.
    """

    name: Text
    bytes: Count
    sha256: Digest


class LedgerInput(Document):
    """A file or query from which the ledger was read. An absent field does not apply.

    `name`: of the file, or the database without its login.
    `bytes`, `sha256`: the size and digest of a file.
    `query`: the SQL query of a database.
    `snapshot_time`: the server's own clock when its snapshot was taken (RFC 3339, UTC).
    `snapshot`: the name of the server's snapshot.
    `server`: the server's name and version.
    """

    name: Text
    bytes: Count | None = None
    sha256: Digest | None = None
    query: Annotated[str, Field(max_length=100_000)] | None = None
    snapshot_time: Text | None = None
    snapshot: Text | None = None
    server: Text | None = None


class LedgerTotals(Document):
    """Control totals of one asset; balances and sums are in base units.

    `asset`: its name.
    `rows`: of the ledger.
    `positive`, `positive_total`: the number and the sum of positive balances.
    `zero`: the number of balances of zero.
    `negative`, `negative_total`: the number of negative balances, and the sum of their magnitudes.
    """

    asset: AssetName
    rows: Count
    positive: Count
    positive_total: Amount
    zero: Count
    negative: Count
    negative_total: Amount


class Manifest(Document):
    """The contents of a snapshot: what it was made from and what was made.

    `format`: the name and version of this form.
    `inputs`: what the ledger was read from.
    `totals`: control totals, by asset.
    `trees`: one for each asset.
    `files`: of the snapshot, but for the secret and the manifest.
    """

    format: Literal["attest/liability-snapshot/v1"]
    inputs: tuple[LedgerInput, ...]
    totals: tuple[LedgerTotals, ...]
    trees: Annotated[tuple[StatedTree, ...], Field(min_length=1)]
    files: tuple[SnapshotFile, ...]


def level_sizes(size: int) -> list[int]:
    """The number of nodes of each level of a tree, leaves first and root last.

    `size`: the number of leaves.
    """
    sizes = [size]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes
