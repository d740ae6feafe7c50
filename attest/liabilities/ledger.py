"""The exchange's ledger: every row checked, every finding with its file, row and field."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from attest.amounts import parse_decimal
from attest.errors import MalformedError, UnavailableError
from attest.liabilities.tree import Row, normalise_account

COLUMNS: Final = ("account", "asset", "balance")
MAX_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Liabilities:
    """What is owed in one asset: a row per positive balance, and the negative balances beside them."""

    asset: str
    rows: list[Row] = field(default_factory=list)
    negative: list[int] = field(default_factory=list)

    @property
    def negative_total(self) -> int:
        """The sum of the magnitudes of the negative balances, in base units."""
        return -sum(self.negative)


class _Entry(NamedTuple):
    account: str
    asset: str
    balance: int


def read_ledger(path: Path, decimals: Mapping[str, int]) -> tuple[Liabilities, ...]:
    """Read a UTF-8 CSV with the columns `account`, `asset`, `balance`: one row per account and asset.

    `decimals` lists the assets; a balance is a decimal number, exact to the asset's base unit.
    Returns the liabilities of each asset in ascending order of its name. Zero balances make no row.
    Raises `MalformedError` with the first findings, `UnavailableError` when the file cannot be read.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    liabilities = {asset: Liabilities(asset) for asset in sorted(decimals)}
    first_row: dict[tuple[str, str], int] = {}
    findings: list[str] = []
    try:
        positions = _positions(path, next(reader, []))
        for values in reader:
            if not values:
                continue
            try:
                entry = _parse(values, positions, decimals)
                _once(entry, first_row, reader.line_num)
            except MalformedError as error:
                findings.append(f"{path.name} row {reader.line_num}, {error.message}")
            else:
                _add(liabilities[entry.asset], entry)
    except csv.Error as error:
        findings.append(f"{path.name} row {reader.line_num}: {error}")
    if findings:
        raise MalformedError(
            "ledger/invalid",
            findings[0] if len(findings) == 1 else f"{findings[0]} (the first of {len(findings)} findings)",
            hint="nothing was written; correct the ledger and run again",
            details=tuple(findings[1:MAX_SHOWN]),
        )
    if not first_row:
        raise MalformedError("ledger/empty", f"{path.name} has no rows", hint="is this the right file?")
    return tuple(liabilities.values())


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnavailableError("ledger/unreadable", f"cannot read the ledger {path}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row_start = data.rfind(b"\n", 0, error.start) + 1
        header = data.split(b"\n", 1)[0].decode("ascii", "replace").strip().split(",")
        position = data.count(b",", row_start, error.start)
        name = header[position] if position < len(header) else str(position + 1)
        row = data.count(b"\n", 0, error.start) + 1
        raise MalformedError(
            "ledger/encoding",
            f"{path.name} row {row}, field {name}: byte 0x{data[error.start]:02x} is not UTF-8",
            hint="export the ledger as UTF-8 (not Shift_JIS or UTF-16)",
        ) from None


def _positions(path: Path, header: list[str]) -> tuple[int, ...]:
    for column in COLUMNS:
        if header.count(column) != 1:
            problem = "is missing" if column not in header else "stands there twice"
            raise MalformedError(
                "ledger/column",
                f"{path.name} row 1: column {column!r} {problem}",
                hint=f"the first row names the columns {', '.join(COLUMNS)}",
            )
    return tuple(header.index(column) for column in COLUMNS)


def _parse(values: list[str], positions: tuple[int, ...], decimals: Mapping[str, int]) -> _Entry:
    if len(values) <= max(positions):
        missing = COLUMNS[next(i for i, position in enumerate(positions) if position >= len(values))]
        raise MalformedError("ledger/field", f"field {missing}: missing")
    account, asset, balance = (values[position] for position in positions)
    try:
        account = normalise_account(account)
    except MalformedError as error:
        raise MalformedError(error.code, f"field account: {error.message}") from None
    if asset not in decimals:
        raise MalformedError("ledger/asset", f"field asset: {asset[:40]!r} is not an asset of the config")
    try:
        return _Entry(account, asset, parse_decimal(balance, decimals[asset]))
    except MalformedError as error:
        raise MalformedError(error.code, f"field balance: {error.message}") from None


def _once(entry: _Entry, first_row: dict[tuple[str, str], int], row: int) -> None:
    if (before := first_row.setdefault((entry.account, entry.asset), row)) != row:
        raise MalformedError(
            "ledger/duplicate-row", f"field account: {entry.account!r} has {entry.asset} already in row {before}"
        )


def _add(liabilities: Liabilities, entry: _Entry) -> None:
    if entry.balance > 0:
        liabilities.rows.append(Row(entry.account, 0, entry.balance))
    elif entry.balance < 0:
        liabilities.negative.append(entry.balance)
