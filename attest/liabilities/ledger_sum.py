"""Several rows of one account and asset, added up: sub-accounts become one balance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa

from attest.errors import UnavailableError
from attest.liabilities.ledger_bulk import grouped
from attest.liabilities.ledger_rows import Balances

_MEMORY: Final = "384MB"
_BATCH_ROWS: Final = 1 << 17
_SCHEMA: Final = pa.schema(
    [("asset", pa.uint16()), ("account", pa.large_binary()), ("high", pa.int64()), ("low", pa.uint64())]
)
_QUERY: Final = """
    WITH sums AS (SELECT asset, account, sum(high) AS high, sum(low) AS low FROM balances GROUP BY asset, account)
    SELECT asset, account, TRY_CAST(high + low // 18446744073709551616 AS BIGINT) AS high,
           CAST(low % 18446744073709551616 AS UBIGINT) AS low
    FROM sums
"""


def by_account(parts: Iterable[Balances], found: Callable[[str], None]) -> Iterator[Balances]:
    """The balances in `parts`, one per account and asset, in no order; sums beyond 127 bits go to `found`.

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
        config: dict[str, Any] = {
            "memory_limit": _MEMORY,
            "temp_directory": folder,
            "preserve_insertion_order": "false",
        }
        with closing(duckdb.connect(config=config)) as database:
            try:
                database.register("balances", pa.RecordBatchReader.from_batches(_SCHEMA, batches()))
                for batch in database.sql(_QUERY).to_arrow_reader(_BATCH_ROWS):
                    if failures:
                        break
                    yield from _split(batch, list(names), found)
            except duckdb.Error as error:
                if not failures:
                    message = str(error).partition("\n")[0]
                    raise UnavailableError("ledger/sum", f"cannot add up the rows of accounts: {message}") from None
    if failures:
        raise failures[0]


def _split(batch: Any, names: list[str], found: Callable[[str], None]) -> Iterator[Balances]:
    if batch.column("high").null_count:
        for row in batch.filter(batch.column("high").is_null()).to_pylist():
            name, asset = row["account"].decode(), names[row["asset"]]
            found(f"account {name!r}: the sum of its {asset} rows does not fit in 127 bits")
        return
    order, spans = grouped(batch.column("asset").to_numpy(), len(names))
    ordered = batch.take(pa.array(order))
    accounts = ordered.column("account").cast(pa.large_binary())
    high, low = ordered.column("high").to_numpy(), ordered.column("low").to_numpy()
    for asset, span in zip(names, spans, strict=True):
        if span.start < span.stop:
            yield Balances(asset, accounts[span], high[span], low[span])
