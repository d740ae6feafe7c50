"""The reader of the exchange's ledger: every row is checked, and every finding names file, row and field."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attest.errors import MalformedError
from attest.liabilities.columns.balances import Columns
from attest.liabilities.ledger.types import AssetTotals, ControlTotals, EnoughError, Source, invalid
from attest.liabilities.tree import PREFIX, account_digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from attest.liabilities.ledger.types import Balances, Batch, Entry

MAX_ROWS: Final = 2**32  # of a ledger
_MAX_TRACKED: Final = 200_000  # accounts that are looked for, and repeated rows that are told


def read(
    source: Source, decimals: Mapping[str, int], totals: ControlTotals, *, sum_rows: bool = False
) -> Generator[Columns, None, None]:
    """The balances of a ledger in batches of one asset each, every row checked.

    `source`: where the ledger is. A balance is a decimal number, exact to the base unit; `numbers.in_full` says which
    exponents it may have.
    `decimals`: of each asset by its name; rows of other assets are findings.
    `totals`: filled with control totals and findings.
    `sum_rows`: whether rows of one account and asset are added up, negative ones too; else the build notices them, not
    this function, and asks `duplicate_rows`.
    Batches count only when the iterator ends without an error. Raises `MalformedError` with the first findings, at the
    end so that all are counted; `UnavailableError` when the source cannot be read.

    Memory does not grow with the ledger: it stays below 300 MB, or 800 MB with `sum_rows`, which takes about 60 bytes
    of temporary disk space an account.
    """
    from attest.liabilities.ledger import bulk, sums

    totals.assets.update({asset: AssetTotals() for asset in sorted(decimals)})
    too_large: list[tuple[str, bytes]] = []
    checked = _checked(source, decimals, totals)
    for balances in bulk.together(sums.by_account(checked, too_large) if sum_rows else checked):
        columns = bulk.columns(balances, totals.assets[balances.asset])
        if not totals.finding_count:
            yield columns
    for finding in _sums_too_large(source, decimals, too_large):
        totals.found(finding)
    if totals.finding_count:
        raise invalid(totals)


def _checked(source: Source, decimals: Mapping[str, int], totals: ControlTotals) -> Iterator[Balances]:
    from attest.liabilities.ledger import bulk, sources

    try:
        for batch in sources.batches(source, totals.found, totals.inputs):
            totals.rows += len(batch.account)
            _require_few(totals.rows, batch.place)
            for balances in bulk.check(batch, decimals, totals.found):
                totals.assets[balances.asset].rows += len(balances.accounts)
                if not totals.finding_count:
                    yield balances
    except EnoughError:
        pass
    except MalformedError as error:
        if not totals.finding_count:
            totals.finding_count = 1
            totals.findings.append(error.message)
            raise
        with suppress(EnoughError):
            totals.found(error.message)
    if totals.finding_count:
        raise invalid(totals)
    if not totals.rows:
        name = totals.inputs[0].name if len(totals.inputs) == 1 else source.location
        raise MalformedError("ledger/empty", f"{name} has no rows", hint="is this the right ledger?")


def _require_few(rows: int, place: str) -> None:
    if rows > MAX_ROWS:
        raise MalformedError(
            "ledger/rows",
            f"{place}: with these the ledger has more than {MAX_ROWS:,} rows, which is the most",
            hint="does it repeat its rows?",
        )


def duplicate_rows(
    source: Source, decimals: Mapping[str, int], wanted: Mapping[str, npt.NDArray[np.uint64]]
) -> Iterator[str]:
    """Findings, sentences, for the rows that repeat an account and asset; each names its row and the first one.

    `source`: read once more; a database in a new snapshot.
    `decimals`: of each asset by its name.
    `wanted`: by asset, the first 8 bytes of the account digests to look for, as ascending numbers.
    At most 200,000 accounts are looked for, those whose rows come first, and at most 200,000 rows are told. Raises
    `MalformedError`, `UnavailableError` when the source cannot be read.
    """
    first: dict[tuple[str, bytes], str] = {}
    told = 0
    for batch, row, entry in _rows_of(source, decimals, wanted):
        key = entry.asset, account_digest(entry.account)
        place = f"{batch.place} row {row}"
        before = first.get(key)
        if before is None:
            if len(first) < _MAX_TRACKED:
                first[key] = place
            continue
        who = f"{entry.account!r} has" if source.show_names else "its account has"
        before = before.removeprefix(f"{batch.place} ")
        yield f"{place}, field account: {who} {entry.asset} already in {before}"
        told += 1
        if told == _MAX_TRACKED:
            return


def _sums_too_large(
    source: Source, decimals: Mapping[str, int], accounts: Collection[tuple[str, bytes]]
) -> Iterator[str]:
    """A finding for each (asset, account) whose sum is out of range; it names the first row of the account."""
    if not accounts:
        return
    wanted: dict[str, list[int]] = {}
    for asset, account in accounts:
        wanted.setdefault(asset, []).append(int.from_bytes(account_digest(account.decode())[:PREFIX]))
    left = set(accounts)
    for batch, row, entry in _rows_of(source, decimals, {asset: as_array(some) for asset, some in wanted.items()}):
        if (key := (entry.asset, entry.account.encode())) in left:
            left.remove(key)
            who = f"account {entry.account!r}" if source.show_names else "its account"
            yield (
                f"{batch.place} row {row}, field balance: the sum of the {entry.asset} rows of {who}, of which this is "
                "the first, does not fit in 127 bits"
            )
            if not left:
                return


def as_array(numbers: Iterable[int]) -> npt.NDArray[np.uint64]:
    """The distinct `numbers`, ascending, uint64; each is below 2^64."""
    import numpy as np

    return np.array(sorted(set(numbers)), np.uint64)


def _rows_of(
    source: Source, decimals: Mapping[str, int], wanted: Mapping[str, npt.NDArray[np.uint64]]
) -> Iterator[tuple[Batch, int, Entry]]:
    """The batch, row number and entry of each row whose account digest begins, in its asset, with one of `wanted`."""
    from attest.liabilities.ledger import bulk, rows, sources

    if not wanted:
        return
    everyone = as_array(number for numbers in wanted.values() for number in numbers.tolist())
    every = {asset: frozenset(numbers.tolist()) for asset, numbers in wanted.items()}
    for batch in sources.batches(source, lambda _: None, []):
        for row, account, asset, balance in rows.entries(batch, bulk.rows_of(batch, everyone)):
            try:
                entry = rows.check_entry(account, asset, balance, decimals)
            except MalformedError:
                continue
            if int.from_bytes(account_digest(entry.account)[:PREFIX]) in every.get(entry.asset, ()):
                yield batch, row, entry
