"""The rows of a ledger: the check of one after another, which names what is wrong with each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from attest.amounts import parse_decimal
from attest.errors import AttestError, MalformedError, UnavailableError
from attest.liabilities.accounts import MAX_ACCOUNT_BYTES, new_account
from attest.liabilities.ledger.numbers import in_full
from attest.liabilities.ledger.types import Balances, Batch, Entry

MAX_BALANCE: Final = 2**127 - 1  # base units, of either sign
_AT_ONCE: Final = 1 << 13  # rows that are converted to Python
_TICKER: Final = re.compile(r"[A-Z]{1,5} {0,20}", re.ASCII)
_NUMBER: Final = re.compile(r"(?=.*[0-9])[-+]?[0-9.,]{0,60}(?:[eE][-+]?[0-9.,]{0,9}){0,3}", re.ASCII)
_DIGITS: Final = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_NO_NUMBERS: Final = frozenset({"", "-", "NaN", "nan", "inf", "Infinity", "-Infinity", "NULL", "null"})
_TEXT: Final = (
    *(pa.string(), pa.large_string(), pa.string_view()),
    *(pa.binary(), pa.large_binary(), pa.binary_view()),
)


def check_entry(
    account: object, asset: object, balance: object, decimals: Mapping[str, int], *, show: bool = False
) -> Entry:
    """The row with these values.

    `account`, `asset`: text as str or UTF-8 bytes.
    `balance`: text, int or Decimal.
    `decimals`: of each asset by its name.
    `show`: whether errors show the values; else only those that `names_nobody` allows.
    Raises `MalformedError` naming the field, and `UnavailableError` for an account that a newer Unicode may know.
    """
    field = "account"
    try:
        name = new_account(_text(account), show=show)
        field = "asset"
        coin = _asset(_text(asset), decimals, show=show)
        field = "balance"
        units = _units(_text(balance), decimals[coin], show=show)
    except MalformedError as error:
        raise MalformedError(error.code, _in_field(field, error)) from None
    except UnavailableError as error:
        raise error.within(f"field {field}") from None
    return Entry(name, coin, units)


def _in_field(field: str, error: AttestError) -> str:
    """The text of an error about a field, with its hint, because a finding has no hint of its own."""
    return f"field {field}: {error.message}" + (f": {error.hint}" if error.hint else "")


def entries(batch: Batch, chosen: npt.NDArray[np.int64] | None = None) -> Iterator[tuple[int, object, object, object]]:
    """The number, account, asset and balance of each row; the values as `check_entry` takes them.

    `chosen`: the indices of the rows wanted; None for all.
    """
    indices = np.arange(len(batch.account)) if chosen is None else chosen
    for start in range(0, len(indices), _AT_ONCE):
        some = indices[start : start + _AT_ONCE]
        taken = pa.array(some)
        columns = [_python(column.take(taken)) for column in (batch.account, batch.asset, batch.balance)]
        for index, *values in zip(some.tolist(), *columns, strict=True):
            yield batch.row(index), *values


def locate(batch: Batch, row: int, account: object) -> str:
    """The name of a row in findings: its file and number.

    The account is added when the number alone does not find the row again and `batch.show_names` allows it.
    """
    if batch.unordered and batch.show_names and isinstance(account, bytes):
        return f"{batch.place} row {row} (account {account[:MAX_ACCOUNT_BYTES].decode(errors='replace')!r})"
    return f"{batch.place} row {row}"


def _asset(text: str, decimals: Mapping[str, int], *, show: bool) -> str:
    if text not in decimals:
        shown = f"{text[:40]!r} " if show or names_nobody(text) else ""
        raise MalformedError("ledger/asset", f"{shown}is not an asset of the config")
    return text


def names_nobody(text: str) -> bool:
    """Whether a field may be shown although names are hidden, because its text looks like a coin or a number.

    A whole number may not, because it may be a customer's that was put in the wrong column.
    """
    if _NUMBER.fullmatch(text):
        return _DIGITS.fullmatch(text) is None
    return text in _NO_NUMBERS or _TICKER.fullmatch(text) is not None


def _units(text: str, decimals: int, *, show: bool) -> int:
    try:
        units = parse_decimal(in_full(text, decimals), decimals)
    except MalformedError as error:
        message = error.message if show or names_nobody(text) else error.message.removeprefix(f"{text[:60]!r} ")
        raise MalformedError(error.code, message, hint=error.hint) from None
    if abs(units) > MAX_BALANCE:
        raise MalformedError("ledger/too-large", f"{text[:60]!r} does not fit in 127 bits")
    return units


def _text(value: object) -> str:
    if value is None:
        raise MalformedError("ledger/null", "is null")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise MalformedError("ledger/encoding", f"byte 0x{value[error.start]:02x} is not UTF-8") from None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def one_by_one(batch: Batch, decimals: Mapping[str, int], found: Callable[[str], None]) -> list[Balances]:
    """The sound rows of a batch by asset, with balances in base units.

    `decimals`: of each asset by its name.
    `found`: gets a finding, a sentence, for each other row.
    Raises `UnavailableError` for an account that a newer Unicode may know.
    """
    checked: dict[str, tuple[list[bytes], list[int]]] = {}
    for row, account, asset, balance in entries(batch):
        try:
            entry = check_entry(account, asset, balance, decimals, show=batch.show_names)
        except MalformedError as error:
            found(f"{locate(batch, row, account)}, {error.message}")
        except UnavailableError as error:
            raise UnavailableError(
                error.code, f"{locate(batch, row, account)}, {error.message}", hint=error.hint
            ) from None
        else:
            accounts, units = checked.setdefault(entry.asset, ([], []))
            accounts.append(entry.account.encode())
            units.append(entry.balance)
    return [
        Balances(
            asset,
            pa.array(accounts, pa.large_binary()),
            np.array([unit >> 64 for unit in units], np.int64),
            np.array([unit & (2**64 - 1) for unit in units], np.uint64),
        )
        for asset, (accounts, units) in checked.items()
    ]


def _python(array: Any) -> list[Any]:
    plain: list[Any] = (binary(array) if is_text(array.type) else array).to_pylist()
    return plain


def byte_columns(array: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of n texts, uint8 of one dimension, and n + 1 offsets into them from 0, int64.

    `array`: Arrow large_binary without nulls.
    """
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return content[ends[0] : ends[-1]], ends - ends[0]


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text, bytes, or a dictionary of either."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return plain in _TEXT


def binary(array: Any) -> Any:
    """The Arrow array as large_binary; it is text, bytes, or a dictionary of either."""
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return plain.cast(pa.large_binary())
