"""The exchange's ledger: every row checked, every finding with its file, row and field."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.errors import MalformedError
from attest.liabilities.tree import PREFIX, account_digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from attest.liabilities.ledger_rows import Balances

MAX_SHOWN: Final = 20
MAX_FINDINGS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a ledger is: a file or a glob of files below `folder`, or a database URL.

    Files are .csv, .csv.gz, .csv.zst, .parquet, or .sqlite, .sqlite3 and .db with a `query`; the URL is
    postgresql://… with a `query`. All have the columns `account`, `asset`, `balance`; others are ignored. A folder
    named `asset=BTC` is a column of the files in it.
    """

    location: str
    query: str | None = None
    folder: Path = Path()


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """Accounts one after another: NFC UTF-8 `data` (uint8), the i-th from `offsets[i]` to `offsets[i + 1]` (int64)."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def text(self, index: int) -> str:
        """The account at `index`."""
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Balances of one asset in one batch.

    `accounts` have what `amounts` says: (n, 16) uint8, big-endian base units, 0 < amount < 2^127.
    `others` have zero or negative balances: no leaf, yet a second row of one of them is a duplicate too.
    """

    asset: str
    accounts: Accounts
    amounts: npt.NDArray[np.uint8]
    others: Accounts


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

    `findings` holds the first `MAX_FINDINGS` of `finding_count` findings, also when `read` has raised.
    """

    rows: int = 0
    assets: dict[str, AssetTotals] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0

    def found(self, finding: str) -> None:
        """Count `finding`, and keep it if it is among the first."""
        self.finding_count += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def read(
    source: Source, decimals: Mapping[str, int], totals: ControlTotals, *, sum_rows: bool = False
) -> Generator[Columns, None, None]:
    """The balances in `source`, every row checked, as batches of one asset each.

    `decimals` lists the assets; a balance is a decimal number, exact to the asset's base unit, with an exponent where
    `ledger_numbers` takes it. Several rows of
    one (account, asset) pass unseen, see `duplicate_rows`, unless `sum_rows` adds them up, negative ones too.
    Memory does not grow with the ledger: below 300 MB, or below 800 MB when rows are added up, which then takes
    some 60 bytes of temporary disk space a row. What was yielded counts only when the iterator ends without
    an error. Raises `MalformedError` with the first findings, at the end so that all are counted, and
    `UnavailableError` when the source cannot be read.
    """
    from attest.liabilities import ledger_bulk, ledger_sum

    totals.assets.update({asset: AssetTotals() for asset in sorted(decimals)})
    checked = _checked(source, decimals, totals)
    for balances in ledger_sum.by_account(checked, totals.found) if sum_rows else checked:
        columns = ledger_bulk.columns(balances, totals.assets[balances.asset])
        if not totals.finding_count:
            yield columns
    if totals.finding_count:
        raise invalid(totals)


def _checked(source: Source, decimals: Mapping[str, int], totals: ControlTotals) -> Iterator[Balances]:
    from attest.liabilities import ledger_bulk, ledger_sources

    try:
        for batch in ledger_sources.batches(source, totals.found, totals.inputs):
            totals.rows += len(batch.account)
            for balances in ledger_bulk.check(batch, decimals, totals.found):
                totals.assets[balances.asset].rows += len(balances.accounts)
                if not totals.finding_count:
                    yield balances
    except MalformedError as error:
        totals.found(error.message)
        if totals.finding_count == 1:
            raise
    if totals.finding_count:
        raise invalid(totals)
    if not totals.rows:
        name = totals.inputs[0].name if len(totals.inputs) == 1 else source.location
        raise MalformedError("ledger/empty", f"{name} has no rows", hint="is this the right ledger?")


def invalid(totals: ControlTotals, hint: str = "correct the ledger and run again") -> MalformedError:
    """The error for a ledger with findings: the first of them, and how many there are; `hint` says what to do."""
    first, *others = totals.findings[:MAX_SHOWN]
    return MalformedError(
        "ledger/invalid",
        f"{first} (the first of {totals.finding_count:,} findings)" if others else first,
        hint=f"nothing was written; {hint}",
        details=tuple(others),
    )


def duplicate_rows(source: Source, decimals: Mapping[str, int], wanted: Mapping[str, Collection[bytes]]) -> list[str]:
    """Which rows of `source` repeat an (account, asset), as findings that name the row and the first one.

    `wanted` has for each asset the first 8 bytes of the account digests to look for. A database is queried
    again, in a new snapshot. Raises `MalformedError` and `UnavailableError` like `read`.
    """
    from attest.liabilities import ledger_rows, ledger_sources

    first: dict[tuple[str, bytes], str] = {}
    findings: list[str] = []
    for batch in ledger_sources.batches(source, lambda _: None, []):
        for row, account, asset, balance in ledger_rows.entries(batch):
            try:
                entry = ledger_rows.check_entry(account, asset, balance, decimals)
            except MalformedError:
                continue
            digest = account_digest(entry.account)
            if digest[:PREFIX] not in wanted.get(entry.asset, ()):
                continue
            place = f"{batch.place} row {row}"
            if (before := first.setdefault((entry.asset, digest), place)) != place:
                before = before.removeprefix(f"{batch.place} ")
                findings.append(f"{place}, field account: {entry.account!r} has {entry.asset} already in {before}")
    return findings
