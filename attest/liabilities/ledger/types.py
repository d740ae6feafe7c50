"""The values of a ledger: its source, a batch of rows, checked balances, control totals and findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest.errors import MalformedError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_SHOWN: Final = 20  # findings in an error
MAX_FINDINGS: Final = 1_000_000  # after which reading ends
PATIENCE: Final = 600.0  # seconds
_MAX_FINDINGS_LENGTH: Final = 64 << 20  # characters of all findings that are kept


class EnoughError(Exception):
    """`MAX_FINDINGS` findings were counted: reading on would only take time."""


@dataclass(frozen=True, slots=True)
class Source:
    """The place of a ledger. Its rows have the columns `account`, `asset` and `balance`; others are ignored.

    `location`: a file or a glob of files (.csv, .csv.gz, .csv.zst, .parquet, or .sqlite, .sqlite3, .db with `query`),
    or a URL postgresql://… with `query`. A folder named `asset=BTC` is a column of the files in it.
    `query`: the SELECT for a database; None for other files.
    `folder`: the folder from which a relative `location` starts.
    `show_names`: whether errors show values of rows, which may name customers; else they name file and row only.
    `patience`: the seconds that a database may take before its first row, and from one to the next.
    """

    location: str
    query: str | None = None
    folder: Path = Path()
    show_names: bool = False
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Input:
    """A file or query that was read. Fields that do not apply are None.

    `name`: of the file, or the database without its login.
    `sha256`, `bytes`: the digest in hex and the size of a file.
    `query`: the SQL query of a database.
    `snapshot_time`: the server's clock when its snapshot was taken (RFC 3339, UTC).
    `snapshot`: the name of the server's snapshot.
    `server`: the server's name and version.
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
    """Control totals of one asset. Balances are counted one a row, or one an account when rows are added up.

    `rows`: of the ledger.
    `positive`, `positive_sum`: the number and the sum of positive balances, in base units.
    `zero`: the number of balances of zero.
    `negative`, `negative_sum`: the number of negative balances, and the sum of their magnitudes in base units.
    """

    rows: int = 0
    positive: int = 0
    positive_sum: int = 0
    zero: int = 0
    negative: int = 0
    negative_sum: int = 0


@dataclass(slots=True)
class ControlTotals:
    """The figures that an auditor compares with the exchange's books, complete when `read` ended without an error.

    `rows`: of the ledger.
    `assets`: the totals of each asset, by its name.
    `inputs`: the files and queries that were read.
    `findings`: the first of them, sentences; also there when `read` has raised.
    `finding_count`: the number of all; reading ends at `MAX_FINDINGS`.
    """

    rows: int = 0
    assets: dict[str, AssetTotals] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0
    _length: int = field(default=0, repr=False, compare=False)

    def found(self, finding: str) -> None:
        """Count a finding, and keep it if it is among the first. Raises `EnoughError` at `MAX_FINDINGS`."""
        self.finding_count += 1
        self._length += len(finding)
        if self._length <= _MAX_FINDINGS_LENGTH:
            self.findings.append(finding)
        if self.finding_count >= MAX_FINDINGS:
            raise EnoughError


def invalid(totals: ControlTotals, hint: str = "correct the ledger and run again") -> MalformedError:
    """The error for a ledger with findings: it shows the first `MAX_SHOWN` and says how many there are.

    `totals`: has at least one finding.
    `hint`: what to do.
    """
    first, *others = totals.findings[:MAX_SHOWN]
    end = " or more" if totals.finding_count >= MAX_FINDINGS else ""
    return MalformedError(
        "ledger/invalid",
        f"{first} (the first of {totals.finding_count:,} findings{end})" if others else first,
        hint=f"nothing was written; {hint}",
        details=tuple(others),
    )


class Batch(NamedTuple):
    """Rows of a source, not yet checked.

    `place`: the name of the file or database in findings.
    `rows`: the number of the first row, or of each, int64, when they do not follow one another. In CSV it is the line,
    the header being line 1; elsewhere rows are counted from 1.
    `account`: an Arrow array of text or bytes, or a dictionary of either.
    `asset`: an Arrow array of text or bytes, or a dictionary of either.
    `balance`: an Arrow array of text, a dictionary of texts, integers or decimals.
    `unordered`: whether a row's number alone does not find it again, as in the result of a query.
    `show_names`: whether findings may show values of rows.
    """

    place: str
    rows: int | npt.NDArray[np.int64]
    account: Any
    asset: Any
    balance: Any
    unordered: bool = False
    show_names: bool = False

    def part(self, start: int, length: int) -> Batch:
        """The batch of at most `length` rows from index `start` on."""
        rows = self.rows + start if isinstance(self.rows, int) else self.rows[start : start + length]
        account, asset, balance = (each[start : start + length] for each in (self.account, self.asset, self.balance))
        return self._replace(rows=rows, account=account, asset=asset, balance=balance)

    def row(self, index: int) -> int:
        """The number of the row at `index`."""
        return self.rows + index if isinstance(self.rows, int) else int(self.rows[index])


class Balances(NamedTuple):
    """The checked balances of n rows of one asset, of either sign. A balance is `high` * 2^64 + `low` base units.

    `asset`: its name.
    `accounts`: an Arrow large_binary array of n accounts in NFC.
    `high`: int64 of shape (n,).
    `low`: uint64 of shape (n,).
    """

    asset: str
    accounts: Any
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.uint64]


class Entry(NamedTuple):
    """One checked row.

    `account`: in NFC.
    `asset`: its name.
    `balance`: in base units, of either sign.
    """

    account: str
    asset: str
    balance: int
