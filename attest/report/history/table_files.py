"""Tables as files for analysts: CSV (RFC 4180) or Parquet. One table always gives identical bytes."""

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

_DIGITS: Final = 38  # of the largest DECIMAL that other tools read
_HARMLESS: Final = frozenset("._-/: ")


def to_csv(table: Table) -> bytes:
    """The table as CSV: UTF-8, a first line with the names of columns, lines that end in CR LF.

    A cell without a figure is empty. No cell begins with a character that would make a spreadsheet run it as a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    writer.writerows(
        [_spelled(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows
    )
    return text.getvalue().encode()


def to_parquet(table: Table) -> bytes:
    """The table as Parquet, with one row group.

    Amounts are text, because base units have up to 39 digits and a DECIMAL holds 38. Raises `UnavailableError` for a
    percentage of more than 38 digits.
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
    r"""`text` with escapes like `\u{3d}` for characters that a spreadsheet or a terminal might obey.

    Letters and digits stay, and so do `._-/:` and spaces behind the first character.
    """
    kept = (
        char if char.isalnum() or (char in _HARMLESS and number) else f"\\u{{{ord(char):x}}}"
        for number, char in enumerate(text)
    )
    return "".join(kept)
