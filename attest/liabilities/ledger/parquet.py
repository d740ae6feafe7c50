"""Ledgers in Parquet files, read in batches of fewer rows where their values are wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attest.errors import MalformedError
from attest.liabilities.ledger.parquet_pages import widest
from attest.liabilities.ledger.partitions import NO_FOLDERS, Partition
from attest.liabilities.ledger.rows import is_text
from attest.liabilities.ledger.types import Batch

BATCH_ROWS: Final = 1 << 17  # at most
_BATCH_BYTES: Final = 64 << 20  # of one column of a batch, at most
_READ_AHEAD_BYTES: Final = 1 << 20
_MAX_FOOTER_BYTES: Final = 32 << 20
_MAX_COLUMNS: Final = 4096
_MAX_FIXED_BYTES: Final = 32  # of a value of fixed length
_GROUPS: Final = 64  # row groups that are read in one go at most
_MAGIC: Final = b"PAR1"


def parquet(path: Path, place: str, folders: Partition) -> Iterator[Batch]:
    """The rows of a Parquet file, in order.

    `path`: of the file.
    `place`: its name in findings.
    `folders`: the columns that the names of folders give instead of the file.
    Raises `MalformedError` for columns that no ledger has, and, before anything is decoded, for a file that would take
    more memory than the fields of a ledger do.
    """
    with path.open("rb") as file:
        _require_small_footer(file, place)
        with pq.ParquetFile(path) as first:
            metadata = first.metadata
            columns = check_types(place, _schema(first, place), folders)
        leaves = _leaves(metadata, columns, place)
        with pq.ParquetFile(
            path,
            metadata=metadata,
            read_dictionary=[name for name in columns if name == "asset"],
            pre_buffer=False,
            buffer_size=_READ_AHEAD_BYTES,
            page_checksum_verification=True,
        ) as opened:
            row = 1
            for groups, size in _runs(file, metadata, leaves, place):
                for batch in opened.iter_batches(size, row_groups=groups, columns=columns):
                    present = {name: batch.column(name) for name in columns}
                    for array in present.values():
                        _check_codes(place, array)
                    yield folders.batch(place, row, present)
                    row += len(batch)


def _require_small_footer(file: BinaryIO, place: str) -> None:
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    end = file.read(8)
    if end[4:] == _MAGIC and (footer := int.from_bytes(end[:4], "little")) > _MAX_FOOTER_BYTES:
        raise MalformedError(
            "ledger/footer",
            f"{place}: its footer has {footer:,} bytes; the most is {_MAX_FOOTER_BYTES:,}",
            hint="write the ledger with fewer columns and row groups, or as several files",
        )


def _schema(file: Any, place: str) -> Any:
    if (count := file.metadata.num_columns) > _MAX_COLUMNS:
        raise MalformedError(
            "ledger/column",
            f"{place}: has {count:,} columns; the most is {_MAX_COLUMNS:,}",
            hint="export the columns account, asset, balance",
        )
    return file.schema_arrow


def _leaves(metadata: Any, columns: list[str], place: str) -> list[int]:
    """The indices of `columns` among the columns that are stored."""
    found = []
    for index in range(metadata.num_columns):
        column = metadata.schema.column(index)
        if column.path in columns:
            found.append(index)
            if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > _MAX_FIXED_BYTES:
                raise MalformedError(
                    "ledger/type",
                    f"{place}, field {column.path}: each value has {column.length:,} bytes; the most is "
                    f"{_MAX_FIXED_BYTES}",
                    hint=f"export {column.path} as text",
                )
    return found


def _runs(file: BinaryIO, metadata: Any, leaves: list[int], place: str) -> Iterator[tuple[list[int], int]]:
    """The row groups to read in one go, and the rows of their batches, which the headers of their pages bound."""
    run: list[int] = []
    rows = size = 0
    row = 1
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        width = max((widest(file, group.column(leaf), place, row) for leaf in leaves), default=0)
        fits = max(1, min(BATCH_ROWS, _BATCH_BYTES // max(1, width)))
        if run and (fits != size or rows >= BATCH_ROWS or len(run) == _GROUPS):
            yield run, size
            run, rows = [], 0
        run.append(number)
        size = fits
        rows += group.num_rows
        row += group.num_rows
    if run:
        yield run, size


def _check_codes(place: str, array: Any) -> None:
    """Raise `MalformedError` for codes beyond their dictionary, because what Arrow makes of them is undefined."""
    if pa.types.is_dictionary(array.type):
        codes = pc.min_max(array.indices).as_py()
        if codes["min"] is not None and not 0 <= codes["min"] <= codes["max"] < len(array.dictionary):
            raise MalformedError("ledger/damaged", f"{place}: a page names values that its dictionary does not have")


def check_types(place: str, schema: Any, folders: Partition = NO_FOLDERS) -> list[str]:
    """The columns of a ledger that an Arrow schema has; the others are in the names of `folders`.

    `place`: the name of the file in findings.
    `schema`: an Arrow schema.
    Raises `MalformedError` when a column is missing or there twice, an account or asset is not text, or a balance is
    neither text, integer nor decimal.
    """
    columns = list(folders.positions(place, schema.names))
    for name in {"account", "asset"}.intersection(columns):
        if not is_text(kind := schema.field(name).type) and kind != pa.null():
            raise MalformedError(
                "ledger/type", f"{place}, field {name}: is {kind}, not text", hint=f"export {name} as text"
            )
    if "balance" not in columns:
        return columns
    kind = schema.field("balance").type
    types = pa.types
    if types.is_floating(kind):
        raise MalformedError(
            "ledger/type",
            f"{place}, field balance: is {kind}, which is not exact",
            hint="export balance as DECIMAL or text",
        )
    if not (is_text(kind) or types.is_decimal(kind) or types.is_integer(kind) or kind == pa.null()):
        raise MalformedError(
            "ledger/type", f"{place}, field balance: is {kind}", hint="export balance as DECIMAL, integer or text"
        )
    return columns
