"""What a ledger is read from and into: its source, a batch of rows, checked balances, control totals, findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.errors import MalformedError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_SHOWN: Final = 20
MAX_FINDINGS: Final = 1_000_000
PATIENCE: Final = 600.0
_MAX_FINDINGS_LENGTH: Final = 64 << 20


class EnoughError(Exception):
    """As many findings as are counted: reading on would only take time."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a ledger is: a file or a glob of files below `folder`, or a database URL.

    Files are .csv, .csv.gz, .csv.zst, .parquet, or .sqlite, .sqlite3 and .db with a `query`; the URL is
    postgresql://… with a `query`. All have the columns `account`, `asset`, `balance`; others are ignored. A folder
    named `asset=BTC` is a column of the files in it.
    `show_names` lets errors show what stands in the ledger, names of customers too; else they name file and row.
    `patience` is how many seconds a database may take before its first row, and from one to the next.
    """

    location: str
    query: str | None = None
    folder: Path = Path()
    show_names: bool = False
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Input:
    """What was read: a file with its `sha256` and `bytes`, or a database's `query` in its `snapshot`.

    `snapshot_time` (RFC 3339, UTC) is the server's clock when the snapshot was taken.
    """

    name: str
    sha256: str | None = None
    bytes: int | None = None
    query: str | None = None
    snapshot_time: str | None = None
    snapshot: str | None = None
    server: str | None = None


@dataclass(slots=True)
class AssetTotals:
    """Control totals of one asset, sums in base units.

    `rows` are the ledger's. The others count balances: one per row, or per account when rows are summed.
    `negative_sum` is the sum of the magnitudes of the negative balances.
    """

    rows: int = 0
    positive: int = 0
    positive_sum: int = 0
    zero: int = 0
    negative: int = 0
    negative_sum: int = 0


@dataclass(slots=True)
class ControlTotals:
    """What an auditor compares with the exchange's books; complete when `read` has ended without an error.

    `findings` holds the first of `finding_count` findings, also when `read` has raised; reading ends at `MAX_FINDINGS`.
    """

    rows: int = 0
    assets: dict[str, AssetTotals] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0
    _length: int = field(default=0, repr=False, compare=False)

    def found(self, finding: str) -> None:
        """Count `finding`, and keep it if it is among the first. Raises `EnoughError` at the last that is counted."""
        self.finding_count += 1
        self._length += len(finding)
        if self._length <= _MAX_FINDINGS_LENGTH:
            self.findings.append(finding)
        if self.finding_count >= MAX_FINDINGS:
            raise EnoughError


def invalid(totals: ControlTotals, hint: str = "correct the ledger and run again") -> MalformedError:
    """The error for a ledger with findings: the first of them, and how many there are; `hint` says what to do."""
    first, *others = totals.findings[:MAX_SHOWN]
    end = " or more" if totals.finding_count >= MAX_FINDINGS else ""
    return MalformedError(
        "ledger/invalid",
        f"{first} (the first of {totals.finding_count:,} findings{end})" if others else first,
        hint=f"nothing was written; {hint}",
        details=tuple(others),
    )


class Batch(NamedTuple):
    """Consecutive rows as they stand in a source: Arrow arrays of one length, not yet checked.

    `account` is text or bytes, `asset` also a dictionary of them, `balance` text, integers or decimals.
    `rows` is the number of the first row, or of each when they do not follow one another.
    `unordered` says that the numbers alone do not find a row again, as in the result of a query.
    `show_names` lets findings show what stands in a row.
    """

    place: str
    rows: int | npt.NDArray[np.int64]
    account: Any
    asset: Any
    balance: Any
    unordered: bool = False
    show_names: bool = False

    def part(self, start: int, length: int) -> Batch:
        """At most `length` rows from index `start` on."""
        rows = self.rows + start if isinstance(self.rows, int) else self.rows[start : start + length]
        account, asset, balance = (each[start : start + length] for each in (self.account, self.asset, self.balance))
        return self._replace(rows=rows, account=account, asset=asset, balance=balance)

    def row(self, index: int) -> int:
        """The number of the row at `index`."""
        return self.rows + index if isinstance(self.rows, int) else int(self.rows[index])


class Balances(NamedTuple):
    """Checked rows of one asset: accounts (Arrow large_binary, NFC) and balances of either sign.

    A balance is `high` * 2^64 + `low` base units, `high` int64 and `low` uint64.
    """

    asset: str
    accounts: Any
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.uint64]


class Entry(NamedTuple):
    """One checked row."""

    account: str
    asset: str
    balance: int
