"""CSV as the ledger takes it (RFC 4180, UTF-8, a header), parsed block by block.

Blocks whose quoting is plain go through Arrow; from the first other block on, Python's csv module decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from attest.errors import MalformedError
from attest.liabilities.ledger_partitions import NO_FOLDERS, Partition
from attest.liabilities.ledger_rows import Batch

BLOCK_BYTES: Final = 8 << 20
MAX_LINE_BYTES: Final = 8 << 20
_BATCH_ROWS: Final = 1 << 14
_BOM: Final = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _QUOTE, _COMMA = b'\n\r",'
_BEFORE_QUOTED: Final = (_NEWLINE, _COMMA, _QUOTE)
_AFTER_QUOTED: Final = (*_BEFORE_QUOTED, _RETURN)


class _UnusualError(Exception):
    """The block is not plain enough for Arrow, or not valid."""


def batches(
    place: str, stream: BinaryIO, found: Callable[[str], None], folders: Partition = NO_FOLDERS
) -> Iterator[Batch]:
    """The rows of the CSV in `stream`, which findings call `place`; rows with missing or extra fields go to `found`.

    `folders` have the columns that are not in the file.

    Raises `MalformedError` where reading cannot go on: no such columns, not UTF-8, a quote that is never closed.
    """
    blocks = _blocks(place, stream)
    first = next(blocks, b"").removeprefix(_BOM)
    header, used, lines = _header(place, first)
    columns = folders.positions(f"{place} row 1", header)
    row = 1 + lines
    rest = chain([first[used:]], blocks)
    for block in rest:
        try:
            batch, lines = _parse(place, block, row, len(header), columns, folders)
        except (_UnusualError, pa.ArrowInvalid):
            yield from _by_csv_module(place, chain([block], rest), row, header, found, folders)
            return
        row += lines
        yield batch


def _blocks(place: str, stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of the stream that end where a line ends."""
    carry, row = b"", 1
    while chunk := stream.read(BLOCK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = carry + chunk[:cut]
            yield block
            row += block.count(b"\n")
            carry = chunk[cut:]
        elif len(carry) > MAX_LINE_BYTES:
            raise MalformedError("ledger/line", f"{place} row {row}: longer than {MAX_LINE_BYTES:,} bytes")
        else:
            carry += chunk
    if carry:
        yield carry


def _header(place: str, block: bytes) -> tuple[list[str], int, int]:
    """The first record, and the bytes and lines it takes."""
    text = io.StringIO(_decode(place, block, 1, []), newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise MalformedError("ledger/csv", f"{place} row 1: {error}") from None
    text.seek(0)
    used = "".join(islice(text, reader.line_num))
    return header, len(used.encode()), reader.line_num


def _decode(place: str, block: bytes, row: int, header: list[str]) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        line = block.rfind(b"\n", 0, error.start) + 1
        names = header or block.split(b"\n", 1)[0].decode("ascii", "replace").strip().split(",")
        position = block.count(b",", line, error.start)
        name = names[position] if position < len(names) else str(position + 1)
        row += block.count(b"\n", 0, error.start)
        raise MalformedError(
            "ledger/encoding",
            f"{place} row {row}, field {name}: byte 0x{block[error.start]:02x} is not UTF-8",
            hint="export the ledger as UTF-8 (not Shift_JIS or UTF-16)",
        ) from None


def _parse(
    place: str, block: bytes, row: int, width: int, columns: dict[str, int], folders: Partition
) -> tuple[Batch, int]:
    """The batch in a plain block that starts with line `row`, and the number of lines in it."""
    if not block:
        return Batch(place, row, *[pa.array([], pa.binary())] * 3), 0
    quoted = b'"' in block
    _require_plain(block, quoted=quoted)
    table = pyarrow.csv.read_csv(
        pa.BufferReader(block),
        read_options=pyarrow.csv.ReadOptions(
            column_names=[str(index) for index in range(width)], block_size=len(block) + 1, use_threads=False
        ),
        parse_options=pyarrow.csv.ParseOptions(quote_char='"' if quoted else False, escape_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=[str(index) for index in columns.values()],
            column_types={str(index): pa.binary() for index in columns.values()},
            strings_can_be_null=False,
        ),
    )
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    rows: int | npt.NDArray[np.int64] = row
    if len(table) != lines and len(rows := row + _filled(block)) != len(table):
        raise _UnusualError
    return folders.batch(place, rows, dict(zip(columns, map(_one_chunk, table.columns), strict=True))), lines


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _filled(block: bytes) -> npt.NDArray[np.int64]:
    """Which lines are not empty, counted from 0."""
    data = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    return np.flatnonzero((lengths > 1) | ((lengths == 1) & (data[starts] != _RETURN)))


def _require_plain(block: bytes, *, quoted: bool) -> None:
    """Raises `_UnusualError` unless Arrow and the csv module are sure to see the same fields, and UTF-8."""
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            raise _UnusualError from None
    if block.count(b"\r") != block.count(b"\r\n"):
        raise _UnusualError
    limit, start = csv.field_size_limit(), 0
    while len(block) - start > limit:
        if (end := block.rfind(b"\n", start, start + limit)) < 0:
            raise _UnusualError
        start = end + 1
    if quoted:
        _require_plain_quotes(np.frombuffer(b"\n" + block + b"\n", np.uint8))


def _require_plain_quotes(data: npt.NDArray[np.uint8]) -> None:
    """Every quote opens or closes a whole field or is one of two in a quoted field, and no field holds a line end.

    Quotes open and close in turn: two in a quoted field close and open it again.
    """
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes) % 2:
        raise _UnusualError
    opening, closing = quotes[::2], quotes[1::2]
    before, after = data[opening - 1], data[closing + 1]
    if not np.isin(before, _BEFORE_QUOTED).all():
        raise _UnusualError
    if not np.isin(after, _AFTER_QUOTED).all():
        raise _UnusualError
    ends = np.flatnonzero(data == _NEWLINE)
    if bool((np.searchsorted(ends, opening) != np.searchsorted(ends, closing)).any()):
        raise _UnusualError


def _by_csv_module(
    place: str, blocks: Iterable[bytes], row: int, header: list[str], found: Callable[[str], None], folders: Partition
) -> Iterator[Batch]:
    columns, width = folders.positions(place, header), len(header)
    before = row - 1
    reader = csv.reader(_lines(place, blocks, row, header), strict=True)
    rows: list[int] = []
    fields: list[list[str]] = []
    try:
        for values in reader:
            if len(values) == width:
                rows.append(before + reader.line_num)
                fields.append([values[column] for column in columns.values()])
                if len(rows) == _BATCH_ROWS:
                    yield _batch(place, rows, fields, columns, folders)
                    rows, fields = [], []
            elif values:
                yield _batch(place, rows, fields, columns, folders)  # first what may be wrong above
                rows, fields = [], []
                found(f"{place} row {before + reader.line_num}, {_misfit(values, columns, width)}")
    except csv.Error as error:
        yield _batch(place, rows, fields, columns, folders)
        raise MalformedError("ledger/csv", f"{place} row {before + reader.line_num}: {error}") from None
    except MalformedError:
        yield _batch(place, rows, fields, columns, folders)
        raise
    yield _batch(place, rows, fields, columns, folders)


def _lines(place: str, blocks: Iterable[bytes], row: int, header: list[str]) -> Iterator[str]:
    for block in blocks:
        yield from io.StringIO(_decode(place, block, row, header), newline="")
        row += block.count(b"\n")


def _misfit(values: list[str], columns: dict[str, int], width: int) -> str:
    if missing := [name for name, column in columns.items() if column >= len(values)]:
        return f"field {missing[0]}: missing"
    return f"has {len(values)} fields, the header has {width}"


def _batch(place: str, rows: list[int], fields: list[list[str]], columns: dict[str, int], folders: Partition) -> Batch:
    values = zip(*fields, strict=True) if fields else ((),) * len(columns)
    present = {name: pa.array(column, pa.large_string()) for name, column in zip(columns, values, strict=True)}
    return folders.batch(place, np.array(rows, np.int64), present)
