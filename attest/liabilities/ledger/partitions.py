"""Columns in the names of folders, as Hive and Spark lay tables out: `asset=BTC/part-0.parquet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attest.errors import MalformedError
from attest.liabilities.ledger.rows import binary, is_text, names_nobody
from attest.liabilities.ledger.types import Batch

COLUMNS: Final = ("account", "asset", "balance")  # of every ledger
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
_HINT: Final = f"a ledger has the columns {', '.join(COLUMNS)}"


class Partition(NamedTuple):
    """The columns that the folders around a file give to all its rows.

    `values`: the value of a ledger's column, by the column.
    `others`: the name of the folder, by another column.
    `show_names`: whether errors may show the values of rows.
    """

    values: Mapping[str, str] = {}
    others: Mapping[str, str] = {}
    show_names: bool = False

    def positions(self, place: str, names: list[str]) -> dict[str, int]:
        """The index of each column of a ledger among the columns of the file; columns in `values` may be missing there.

        `place`: the name of the file in findings.
        `names`: the columns of the file, in order.
        Raises `MalformedError` when a column is missing or there twice, or the file has no column of a ledger.
        """
        found: dict[str, int] = {}
        for column in COLUMNS:
            if names.count(column) > 1:
                raise MalformedError("ledger/column", f"{place}: column {column!r} stands there twice", hint=_HINT)
            if column in names:
                found[column] = names.index(column)
            elif column not in self.values:
                raise MalformedError("ledger/column", f"{place}: column {column!r} is missing", hint=self._hint(column))
        if not found:
            raise MalformedError("ledger/column", f"{place}: no column of a ledger is in the file", hint=_HINT)
        return found

    def _hint(self, missing: str) -> str:
        if not self.others:
            return _HINT
        said = ", ".join(self.others.values())
        return f"{_HINT}; its folders say {said}, and one named {missing}=… would be its column {missing}"

    def batch(self, place: str, rows: int | npt.NDArray[np.int64], present: Mapping[str, Any]) -> Batch:
        """The batch of some rows, each column from the file or else from the folders.

        `place`: the name of the file in findings.
        `rows`: the number of the first row, or of each.
        `present`: the Arrow array of each column that the file has.
        Raises `MalformedError` when a row differs from its folder.
        """
        for column in sorted(self.values.keys() & present.keys()):
            self._require_equal(place, rows, column, present[column])
        length = len(next(iter(present.values())))
        columns = [present[name] if name in present else _constant(self.values[name], length) for name in COLUMNS]
        return Batch(place, rows, *columns)

    def _require_equal(self, place: str, rows: int | npt.NDArray[np.int64], column: str, array: Any) -> None:
        said = self.values[column]
        if not is_text(array.type):
            raise MalformedError(
                "ledger/partition",
                f"{place}: column {column!r} stands in the file, as {array.type}, and in the name of its folder",
                hint="leave it out of the one or the other",
            )
        equal = pc.fill_null(pc.equal(binary(array), said.encode()), fill_value=False)
        if not (same := equal.to_numpy(zero_copy_only=False)).all():
            index = int(np.argmin(same))
            row = rows + index if isinstance(rows, int) else int(rows[index])
            value = binary(array)[index].as_py()
            text = "" if value is None else value[:40].decode("utf-8", "replace")
            shown = f"is {text!r}" if self.show_names or names_nobody(text) else "is another"
            shown = "is null" if value is None else shown
            folder = f"its folder is named {column}={said if self.show_names or column != 'account' else '…'}"
            raise MalformedError(
                "ledger/partition",
                f"{place} row {row}, field {column}: {shown}, while {folder}",
                hint="which of the two is right? leave the column out of the file, or move the file",
            )


NO_FOLDERS: Final = Partition()  # the file has all columns


def partition(place: str, folders: Sequence[str], *, show_names: bool = False) -> Partition:
    """The columns that the names of folders give to the rows of a file; other names than `column=value` give none.

    `place`: the name of the file in findings.
    `folders`: their names, from the outermost in; values are percent-encoded.
    `show_names`: whether errors show accounts.
    Raises `MalformedError` when a column has two values, none, or one that is not UTF-8.
    """
    values: dict[str, str] = {}
    others: dict[str, str] = {}
    for folder in folders:
        key, equals, said = folder.partition("=")
        if not (key and equals):
            continue
        if key not in COLUMNS:
            others[key] = folder
            continue
        try:
            value = unquote(said, errors="strict")
        except UnicodeDecodeError:
            shown = folder if show_names or key != "account" else "account=…"
            raise MalformedError("ledger/partition", f"{place}: the name of its folder {shown} is not UTF-8") from None
        if value in {"", _NULL}:
            raise MalformedError(
                "ledger/partition",
                f"{place}: its folder {folder} has the rows without {key}",
                hint=f"a row of a ledger has its {key}: correct those rows, or leave the folder out",
            )
        if values.setdefault(key, value) != value:
            said = f"{key}={values[key]} and {folder}" if show_names or key != "account" else f"two values of {key}"
            raise MalformedError("ledger/partition", f"{place}: its folders say {said}")
    return Partition(values, others, show_names)


def _constant(value: str, length: int) -> Any:
    codes = pa.array(np.zeros(length, np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.large_string()))
