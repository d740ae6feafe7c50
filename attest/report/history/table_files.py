"""A table as a file for analysts: CSV as RFC 4180 has it, or Parquet. A table always gives the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attest.documents import format_time
from attest.errors import UnavailableError
from attest.report.history.tables import Cell, Column, Kind, Table

_DIGITS: Final = 38  # of a DECIMAL that tools other than ours read
_HARMLESS: Final = frozenset("._-/: ")


def to_csv(table: Table) -> bytes:
    """UTF-8 with a line of names, lines that end in CR LF, and nothing between the commas where there is no figure.

    No cell begins with a character that makes a spreadsheet take it for a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    writer.writerows(
        [_spelled(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows
    )
    return text.getvalue().encode()


def to_parquet(table: Table) -> bytes:
    """A Parquet file with one row group. Raises `UnavailableError` for a percentage of more than 38 digits.

    Amounts are text: base units have up to 39 digits, one more than a DECIMAL.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[Kind, Any] = {
        "text": pa.string(),
        "amount": pa.string(),
        "count": pa.int64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("ms", tz="UTC"),
        "percent": pa.decimal128(_DIGITS, 2),
    }
    arrays = [
        pa.array([_stored(row[number], column) for row in table.rows], type=types[column.kind])
        for number, column in enumerate(table.columns)
    ]
    schema = pa.schema(
        [pa.field(column.name, types[column.kind], metadata={"description": column.unit}) for column in table.columns]
    )
    file = io.BytesIO()
    pq.write_table(pa.table(arrays, schema=schema), file, compression="zstd", row_group_size=max(1, len(table.rows)))
    return file.getvalue()


FORMATS: Final[dict[str, Callable[[Table], bytes]]] = {".csv": to_csv, ".parquet": to_parquet}


def _spelled(cell: Cell, column: Column) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return format_time(cell)
    if isinstance(cell, str):
        return _harmless(cell)
    return _hundredths(cell) if column.kind == "percent" else str(cell)


def _stored(cell: Cell, column: Column) -> Any:
    if cell is None or isinstance(cell, bool | datetime):
        return cell
    if isinstance(cell, str):
        return _harmless(cell)
    if column.kind == "percent":
        if cell >= 10**_DIGITS:
            raise UnavailableError(
                "history/figure",
                f"a {column.name} has more than {_DIGITS} digits, and Parquet has no number for it",
                hint="write a file that ends in .csv",
            )
        return Decimal(_hundredths(cell))  # whole: no context of a Decimal rounds what it is made from
    return str(cell) if column.kind == "amount" else cell


def _hundredths(value: int) -> str:
    return f"{value // 100}.{value % 100:02d}"


def _harmless(text: str) -> str:
    r"""`text` with escapes like `\u{3d}` for what a spreadsheet or a terminal might obey.

    Letters and digits stay, and `._-/:` and spaces behind the first character.
    """
    kept = (
        char if char.isalnum() or (char in _HARMLESS and number) else f"\\u{{{ord(char):x}}}"
        for number, char in enumerate(text)
    )
    return "".join(kept)
