"""Several rows of one account and asset, added up: sub-accounts become one balance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attest.errors import UnavailableError
from attest.liabilities.ledger_bulk import grouped
from attest.liabilities.ledger_rows import Balances

_MEMORY: Final = "384MB"
_BATCH_ROWS: Final = 1 << 17
_HALF: Final = 2**32 - 1
_SCHEMA: Final = pa.schema(
    [("asset", pa.uint16()), ("account", pa.large_binary()), ("high", pa.int64()), ("low", pa.uint64())]
)
# Sorting, unlike GROUP BY, works in a fixed memory whatever the number of accounts (duckdb 2.0).
_QUERY: Final = "SELECT asset, account, high, low FROM balances ORDER BY asset, account"


def by_account(parts: Iterable[Balances], found: Callable[[str], None]) -> Iterator[Balances]:
    """The balances in `parts`, one per account and asset; sums beyond 127 bits go to `found`.

    What does not fit in memory goes to a temporary folder (TMPDIR) only the user can read.
    Raises what `parts` raises, before it yields anything, and `UnavailableError` when the disk is full.
    """
    names: dict[str, int] = {}
    failures: list[BaseException] = []

    def batches() -> Iterator[Any]:
        try:
            for part in parts:
                code = pa.repeat(pa.scalar(names.setdefault(part.asset, len(names)), pa.uint16()), len(part.accounts))
                yield pa.record_batch([code, part.accounts, pa.array(part.high), pa.array(part.low)], schema=_SCHEMA)
        except BaseException as error:  # noqa: BLE001  (duckdb would turn it into one of its own)
            failures.append(error)

    with TemporaryDirectory(prefix="attest-ledger-") as folder:
        config: dict[str, Any] = {"memory_limit": _MEMORY, "temp_directory": folder}
        with closing(duckdb.connect(config=config)) as database:
            try:
                database.register("balances", pa.RecordBatchReader.from_batches(_SCHEMA, batches()))
                for batch in _sums(database.sql(_QUERY).to_arrow_reader(_BATCH_ROWS) or (), failures):
                    yield from _by_asset(batch, list(names), found)
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                if not failures:
                    message = str(error).partition("\n")[0]
                    raise UnavailableError("ledger/sum", f"cannot add up the rows of accounts: {message}") from None
    if failures:
        raise failures[0]


def _sums(batches: Iterable[Any], failures: list[BaseException]) -> Iterator[Any]:
    """Batches of one row per account and asset, from batches in that order."""
    last = None
    for batch in batches:
        if failures:
            return
        rows = batch.cast(_SCHEMA)
        sums = _sum_runs(rows if last is None else pa.concat_batches([last, rows]))
        last = sums[-1:]
        if last.column("high").null_count:
            yield sums
            last = None
        else:
            yield sums[:-1]
    if last is not None:
        yield last


def _sum_runs(batch: Any) -> Any:
    """Neighbours of one account and asset added up; a sum beyond 127 bits is null."""
    asset, account, high, low = batch.columns
    differs = pc.or_(pc.not_equal(asset[1:], asset[:-1]), pc.not_equal(account[1:], account[:-1]))
    starts = np.flatnonzero(np.concatenate(([True], differs.to_numpy(zero_copy_only=False))))
    if len(starts) == len(batch):
        return batch
    high, low = high.to_numpy(), low.to_numpy()
    words = [low & _HALF, low >> 32, high & _HALF, high >> 32]
    carry: npt.NDArray[np.int64] = np.zeros(len(starts), np.int64)
    sums = []
    for word in words:
        total = np.add.reduceat(word.astype(np.int64), starts) + carry
        sums.append((total & _HALF).astype(np.uint64))
        carry = total >> 32
    top = sums[3].astype(np.uint32).view(np.int32)
    fits = (carry == 0) & (top >= 0) | (carry == -1) & (top < 0)
    upper = (top.astype(np.int64) << 32) | sums[2].astype(np.int64)
    lower = (sums[1] << np.uint64(32)) | sums[0]
    first = batch.take(pa.array(starts))
    return pa.record_batch([first[0], first[1], pa.array(upper, mask=~fits), pa.array(lower)], schema=_SCHEMA)


def _by_asset(batch: Any, names: list[str], found: Callable[[str], None]) -> Iterator[Balances]:
    if batch.column("high").null_count:
        for row in batch.filter(batch.column("high").is_null()).to_pylist():
            name, asset = row["account"].decode(), names[row["asset"]]
            found(f"account {name!r}: the sum of its {asset} rows does not fit in 127 bits")
        return
    _, spans = grouped(batch.column("asset").to_numpy(), len(names))
    accounts, high, low = batch.column("account"), batch.column("high").to_numpy(), batch.column("low").to_numpy()
    for asset, span in zip(names, spans, strict=True):
        if span.start < span.stop:
            yield Balances(asset, accounts[span], high[span], low[span])
