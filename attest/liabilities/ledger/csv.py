"""Ledgers in CSV (RFC 4180, UTF-8, with a header), parsed block by block.

Arrow parses the blocks whose quoting is plain; from the first other block on, Python's csv module parses the rest.
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
from attest.liabilities.ledger.partitions import COLUMNS, NO_FOLDERS, Partition
from attest.liabilities.ledger.types import Batch

BLOCK_BYTES: Final = 8 << 20  # that are read at once
MAX_LINE_BYTES: Final = 8 << 20
MAX_EMPTY: Final = 1_000_000  # empty lines beyond one for each row
_MAX_COLUMNS: Final = 4096
_BATCH_ROWS: Final = 1 << 14
_BATCH_CHARACTERS: Final = 16 << 20
_PLAIN_ROWS: Final = 1 << 17
_FILLED_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _QUOTE, _COMMA = b'\n\r",'
_BEFORE_QUOTED: Final = (_NEWLINE, _COMMA, _QUOTE)
_AFTER_QUOTED: Final = (*_BEFORE_QUOTED, _RETURN)


class _UnusualError(Exception):
    """The block is not plain enough for Arrow, or not valid."""


def batches(
    place: str, stream: BinaryIO, found: Callable[[str], None], folders: Partition = NO_FOLDERS
) -> Iterator[Batch]:
    """The rows of a CSV ledger, in order.

    `place`: the name of the ledger in findings.
    `stream`: its bytes.
    `found`: gets a finding, a sentence, for each row with missing or extra fields.
    `folders`: the columns that the names of folders give instead of the file.
    Raises `MalformedError` where reading cannot go on: a column that is missing or there twice, other text than UTF-8,
    a quote that is never closed, a line that is too long, too many columns or empty lines.
    """
    blocks = _blocks(place, stream)
    first = next(blocks, b"").removeprefix(_BOM)
    header, used, lines = _header(place, first)
    columns = folders.positions(f"{place} row 1", header)
    row = 1 + lines
    rest = chain([first[used:]], blocks)
    count = _LineCount(place)
    for block in rest:
        try:
            batch, lines = _parse(place, block, row, len(header), columns, folders)
        except (_UnusualError, pa.ArrowInvalid):
            yield from _by_csv_module(place, chain([block], rest), row, header, found, folders, count)
            return
        row += lines
        count.add(len(batch.account), lines - len(batch.account), row)
        for start in range(0, len(batch.account), _PLAIN_ROWS):
            yield batch.part(start, _PLAIN_ROWS)


class _LineCount:
    """The numbers of rows and of empty lines so far."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._rows = self._empty = 0

    def add(self, rows: int, empty: int, line: int) -> None:
        """Count more of both.

        `line`: the number of the line after them.
        Raises `MalformedError` when nearly all lines are empty.
        """
        self._rows += rows
        self._empty += empty
        if self._empty > MAX_EMPTY + self._rows:
            raise MalformedError(
                "ledger/empty-lines",
                f"{self._place} row {line}: up to here {self._empty:,} lines are empty, and {self._rows:,} are not",
                hint="take the empty lines out",
            )


def _blocks(place: str, stream: BinaryIO) -> Iterator[bytes]:
    """The stream in pieces that end where a line ends."""
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
    """The fields of the first record, and the bytes and lines that the record takes."""
    text = io.StringIO(_decode(place, block, 1, []), newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise MalformedError("ledger/csv", f"{place} row 1: {error}") from None
    if len(header) > _MAX_COLUMNS:
        raise MalformedError(
            "ledger/column",
            f"{place} row 1: has {len(header):,} columns; the most is {_MAX_COLUMNS:,}",
            hint="export the columns account, asset, balance",
        )
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
        # In a file without a header the first line is a row, so its fields are no names of columns.
        name = names[position] if position < len(names) and names[position] in COLUMNS else str(position + 1)
        row += block.count(b"\n", 0, error.start)
        raise MalformedError(
            "ledger/encoding",
            f"{place} row {row}, field {name}: byte 0x{block[error.start]:02x} is not UTF-8",
            hint="export the ledger as UTF-8 (not Shift_JIS or UTF-16)",
        ) from None


def _parse(
    place: str, block: bytes, row: int, width: int, columns: dict[str, int], folders: Partition
) -> tuple[Batch, int]:
    """The rows of a plain block, and the number of its lines.

    `row`: the number of its first line.
    `width`: the number of columns of the file.
    `columns`: the index in the file of each column of a ledger.
    """
    if not block.strip(b"\r\n"):
        if block.count(b"\r") != block.count(b"\r\n"):
            raise _UnusualError
        return Batch(place, row, *[pa.array([], pa.binary())] * 3), block.count(b"\n")
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
    """The indices of the lines that are not empty, from 0."""
    found, start, line = [np.empty(0, np.int64)], 0, 0
    while start < len(block):
        # A piece at a time, because the arrays take far more memory than empty lines take in the file.
        end = block.rfind(b"\n", start, start + _FILLED_BYTES) + 1 or block.find(b"\n", start) + 1 or len(block)
        piece = block[start:end] if block[end - 1] == _NEWLINE else block[start:end] + b"\n"
        data = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(data == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts
        found.append(line + np.flatnonzero((lengths > 1) | ((lengths == 1) & (data[starts] != _RETURN))))
        start, line = end, line + len(ends)
    return np.concatenate(found)


def _require_plain(block: bytes, *, quoted: bool) -> None:
    """Raise `_UnusualError` unless the block is UTF-8 and certain to have equal fields for Arrow and the csv module."""
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
    """Raise `_UnusualError` unless quotes begin or end fields, or are doubled within one, and no field has a line end.

    Quotes alternate between opening and closing; two within a quoted field close it and open it again.
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
    place: str,
    blocks: Iterable[bytes],
    row: int,
    header: list[str],
    found: Callable[[str], None],
    folders: Partition,
    count: _LineCount,
) -> Iterator[Batch]:
    columns, width = folders.positions(place, header), len(header)
    before = row - 1
    lines = _Records(place, blocks, row, header)
    reader = csv.reader(lines, strict=True)
    taken = _Taken(place, columns, folders)
    try:
        for values in reader:
            lines.record_ended()
            if len(values) == width:
                taken.add(before + reader.line_num, [values[column] for column in columns.values()])
                if taken.full():
                    count.add(len(taken.rows), 0, before + reader.line_num)
                    yield taken.batch()
            elif values:
                if taken.rows:  # findings of rows above come first
                    yield taken.batch()
                found(f"{place} row {before + reader.line_num}, {_misfit(values, columns, width)}")
            else:
                count.add(0, 1, before + reader.line_num)
    except csv.Error as error:
        yield taken.batch()
        raise MalformedError("ledger/csv", f"{place} row {lines.start}: {error}") from None
    except MalformedError:
        yield taken.batch()
        raise
    yield taken.batch()


class _Taken:
    """The rows on their way into the next batch."""

    def __init__(self, place: str, columns: dict[str, int], folders: Partition) -> None:
        self.rows: list[int] = []
        self._fields: list[list[str]] = []
        self._characters = 0
        self._place, self._columns, self._folders = place, columns, folders

    def add(self, row: int, fields: list[str]) -> None:
        """Take a row and its number."""
        self.rows.append(row)
        self._fields.append(fields)
        self._characters += sum(map(len, fields))

    def full(self) -> bool:
        """Whether the rows are many enough, or long enough, for a batch."""
        return len(self.rows) == _BATCH_ROWS or self._characters > _BATCH_CHARACTERS

    def batch(self) -> Batch:
        """The batch of the rows that were taken since the last one."""
        batch = _batch(self._place, self.rows, self._fields, self._columns, self._folders)
        self.rows, self._fields, self._characters = [], [], 0
        return batch


class _Records:
    """The lines of blocks as text. A record longer than `MAX_LINE_BYTES` characters raises `MalformedError`."""

    def __init__(self, place: str, blocks: Iterable[bytes], row: int, header: list[str]) -> None:
        self._place = place
        self._lines = self._decoded(blocks, row, header)
        self._row = row
        self._characters = 0
        self.start = row  # of the record that is being read

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._characters += len(line)
            if self._characters > MAX_LINE_BYTES:
                raise MalformedError(
                    "ledger/line",
                    f"{self._place} row {self.start}: a quoted field, or its row, goes on for more than "
                    f"{MAX_LINE_BYTES:,} characters",
                    hint="is the quote closed that opens there?",
                )
            self._row += 1
            yield line

    def record_ended(self) -> None:
        """Note that a record ended with the last line."""
        self._characters = 0
        self.start = self._row

    def _decoded(self, blocks: Iterable[bytes], row: int, header: list[str]) -> Iterator[str]:
        for block in blocks:
            yield from io.StringIO(_decode(self._place, block, row, header), newline="")
            row += block.count(b"\n")


def _misfit(values: list[str], columns: dict[str, int], width: int) -> str:
    if missing := [name for name, column in columns.items() if column >= len(values)]:
        return f"field {missing[0]}: missing"
    return f"has {len(values)} fields, the header has {width}"


def _batch(place: str, rows: list[int], fields: list[list[str]], columns: dict[str, int], folders: Partition) -> Batch:
    values = zip(*fields, strict=True) if fields else ((),) * len(columns)
    present = {name: pa.array(column, pa.large_string()) for name, column in zip(columns, values, strict=True)}
    return folders.batch(place, np.array(rows, np.int64), present)
