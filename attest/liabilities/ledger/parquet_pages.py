"""The memory that the pages of a Parquet column will take, found from their headers before a page is decoded.

A few kilobytes can ask for gigabytes: a page may claim any size, and a value that is stored once in a dictionary, or as
the prefix of the next one (DELTA_BYTE_ARRAY), is copied for every row. The header of each page is read, because the
sizes in the file's footer bind nobody (https://parquet.apache.org/docs/file-format/data-pages/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

import pyarrow as pa

from attest.errors import MalformedError

MAX_PAGE_BYTES: Final = 128 << 20
MAX_VALUE_BYTES: Final = 4096  # of any field; an account has at most 256 in NFC, a number fewer
_MAX_HEADER_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 512  # that are read first
_MAX_NOTHING: Final = 1000  # pages without values
_SLACK: Final = 64 << 10  # bytes of a page that are not counted as values
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY, _DELTA_BYTE_ARRAY = 0, 2, 8, 7
_CODECS: Final = {"SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "ZSTD": "zstd", "LZ4_RAW": "lz4_raw"}
_HINT: Final = "write the ledger again with another program, or export it as CSV"


class _Page(NamedTuple):
    """A page as its header describes it.

    `kind`: the number of its type, such as `_DATA`.
    `at`: the place of its content in the file, in bytes.
    `compressed`: the bytes of its content in the file.
    `uncompressed`: the bytes of its content when decompressed.
    `values`: how many it has.
    `encoding`: the number of the encoding of its values.
    """

    kind: int
    at: int
    compressed: int
    uncompressed: int
    values: int
    encoding: int


def widest(file: BinaryIO, chunk: Any, place: str, row: int) -> int:
    """The most bytes that a value of a column chunk takes when many are decoded at once; 0 for values of fixed length.

    `file`: the Parquet file.
    `chunk`: pyarrow's metadata of the column chunk.
    `place`: the name of the file in findings.
    `row`: the number of the chunk's first row.
    Raises `MalformedError` for damaged or oversized pages and for values of more than `MAX_VALUE_BYTES`.
    """
    most = seen = 0
    dictionary: int | None = None
    for page in _pages(file, chunk, f"{place}, from row {row}"):
        here = f"{place}, from row {row + seen}"
        if page.kind == _DICTIONARY:
            dictionary = page.uncompressed
            if (
                chunk.physical_type == "BYTE_ARRAY"
                and (found := _in_dictionary(file, page, chunk.compression)) is not None
            ):
                dictionary = found
                _require_narrow(dictionary, f"{place} rows {row} to {row + chunk.num_values - 1}", chunk)
            continue
        if chunk.physical_type == "BYTE_ARRAY":
            if page.encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
                width = dictionary or 0
            elif page.encoding == _DELTA_BYTE_ARRAY:
                width = page.uncompressed
            else:
                width = (max(0, page.uncompressed - _SLACK)) // max(1, page.values)
                _require_narrow(width, f"{place} rows {row + seen} to {row + seen + page.values - 1}", chunk)
                width = -(-page.uncompressed // max(1, page.values))
            most = max(most, width)
        seen += page.values
        if seen > chunk.num_values:
            raise MalformedError("ledger/damaged", f"{here}: a page has more values than its column", hint=_HINT)
    return most


def _require_narrow(width: int, rows: str, chunk: Any) -> None:
    if width > MAX_VALUE_BYTES:
        raise MalformedError(
            "ledger/wide",
            f"{rows}, field {chunk.path_in_schema}: there is a value of about {width:,} bytes or more; no field of a "
            f"ledger has more than {MAX_VALUE_BYTES:,}",
            hint="correct the column, or name the right one",
        )


def _pages(file: BinaryIO, chunk: Any, place: str) -> Iterator[_Page]:
    """The pages of a column chunk, in the order and up to the number of values that Arrow reads."""
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    seen = nothing = 0
    while seen < chunk.num_values:
        page = _page(file, at, place)
        if page is None:
            raise MalformedError("ledger/damaged", f"{place}: the header of a page cannot be read", hint=_HINT)
        if max(page.compressed, page.uncompressed) > MAX_PAGE_BYTES or min(page[2:5]) < 0:
            raise MalformedError(
                "ledger/page",
                f"{place}, field {chunk.path_in_schema}: a page says that it has {page.uncompressed:,} bytes, "
                f"{page.compressed:,} as they are stored; the most is {MAX_PAGE_BYTES:,}",
                hint="write the ledger with pages of a megabyte, which is what programs do unless told otherwise",
            )
        nothing += not page.values
        if nothing > _MAX_NOTHING:
            raise MalformedError("ledger/page", f"{place}: more than {_MAX_NOTHING:,} pages have no values", hint=_HINT)
        yield page
        at = page.at + page.compressed
        if page.kind in (_DATA, _DATA_V2):
            seen += page.values


def _page(file: BinaryIO, at: int, place: str) -> _Page | None:
    size = _HEADER_BYTES
    while size <= _MAX_HEADER_BYTES:
        file.seek(at)
        data = file.read(size)
        reader = _Compact(data)
        try:
            fields = reader.struct(0)
            kind, uncompressed, compressed = fields[1], fields[2], fields[3]
            # The specific header has the field number of the page's kind.
            inner = fields.get({_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}.get(kind, 0), {})
            values, encoding = inner.get(1, 0), inner.get(4 if kind == _DATA_V2 else 2, _PLAIN)
            page = _Page(kind, at + reader.at, compressed, uncompressed, values, encoding)
            return page if all(type(each) is int for each in page) else None
        except IndexError:
            if len(data) < size:
                return None
            size *= 8
        except (KeyError, TypeError, AttributeError, ValueError):
            return None
    raise MalformedError("ledger/page", f"{place}: the header of a page is longer than {size // 8:,} bytes", hint=_HINT)


def _in_dictionary(file: BinaryIO, page: _Page, compression: str) -> int | None:
    """The bytes of the longest value in a dictionary page; None for a compression that cannot be undone here.

    A page of at most `MAX_VALUE_BYTES` is not read; its own size is returned.
    """
    if page.uncompressed <= MAX_VALUE_BYTES:
        return page.uncompressed
    file.seek(page.at)
    data = file.read(page.compressed)
    if compression != "UNCOMPRESSED":
        if (codec := _CODECS.get(compression)) is None:
            return None
        data = pa.decompress(data, page.uncompressed, codec=codec, asbytes=True)
    at = longest = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        longest = max(longest, length)
        at += 4 + length
    return min(longest, page.uncompressed)


class _Compact:
    """A reader of Thrift's compact protocol, in which Parquet's headers are written.

    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
    Raises `IndexError` when the data ends too early, `ValueError` for a type that no header has.
    """

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def struct(self, depth: int) -> dict[int, Any]:
        """The fields of a struct by their numbers; strings are left out."""
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._zigzag()
            fields[number] = self._value(kind & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._skip(8)
            case 8:
                return self._skip(self._varint())
            case 12 if depth < 4:  # noqa: PLR2004
                return self.struct(depth + 1)
        raise ValueError(kind)

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:  # noqa: PLR2004
                raise ValueError(shift)
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
