"""What a row of a ledger is, and how batches of rows are checked: in bulk, or one by one to say what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attest.amounts import parse_decimal
from attest.errors import MalformedError
from attest.liabilities.ledger import Accounts, AssetTotals, Columns
from attest.liabilities.tree import MAX_ACCOUNT_BYTES, normalise_account

MAX_BALANCE: Final = 2**127 - 1
_ARROW_DIGITS: Final = 38
_HALF: Final = 2**32 - 1
_NO_ACCOUNT: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|\n\s|\s\n")
_MINUS, _DOT, _SLASH, _ZERO, _NINE = b"-./09"


class Batch(NamedTuple):
    """Consecutive rows as they stand in a source: Arrow arrays of one length, not yet checked.

    `account` is text or bytes, `asset` also a dictionary of them, `balance` text, integers or decimals.
    `rows` is the number of the first row, or of each when they do not follow one another.
    `unordered` says that the numbers alone do not find a row again, as in the result of a query.
    """

    place: str
    rows: int | npt.NDArray[np.int64]
    account: Any
    asset: Any
    balance: Any
    unordered: bool = False

    def row(self, index: int) -> int:
        """The number of the row at `index`."""
        return self.rows + index if isinstance(self.rows, int) else int(self.rows[index])


class Balances(NamedTuple):
    """Checked rows of one asset: accounts (Arrow large_binary, NFC) and balances of either sign.

    A balance is `high` * 2^64 + `low` base units, `high` int64 and `low` uint64.
    """

    asset: str
    accounts: Any
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.uint64]


class Entry(NamedTuple):
    """One checked row."""

    account: str
    asset: str
    balance: int


class _IrregularError(Exception):
    """The batch holds something that only the row by row check decides."""


def check(batch: Batch, decimals: Mapping[str, int], found: Callable[[str], None]) -> list[Balances]:
    """The rows of `batch` by asset, in base units; what is wrong with the others goes to `found`."""
    try:
        return _in_bulk(batch, decimals)
    except (_IrregularError, pa.ArrowInvalid):
        return _one_by_one(batch, decimals, found)


def check_entry(account: object, asset: object, balance: object, decimals: Mapping[str, int]) -> Entry:
    """The row with these values: text as str or UTF-8 bytes, balances also as int or Decimal.

    Raises `MalformedError` naming the field.
    """
    name = _account(account)
    asset = _text("asset", asset)
    if asset not in decimals:
        raise MalformedError("ledger/asset", f"field asset: {asset[:40]!r} is not an asset of the config")
    try:
        units = parse_decimal(_text("balance", balance), decimals[asset])
    except MalformedError as error:
        message = error.message.removeprefix("field balance: ")
        raise MalformedError(error.code, f"field balance: {message}") from None
    if abs(units) > MAX_BALANCE:
        raise MalformedError("ledger/too-large", f"field balance: {str(balance)[:60]!r} does not fit in 127 bits")
    return Entry(name, asset, units)


def entries(batch: Batch) -> Iterator[tuple[int, object, object, object]]:
    """Row number, account, asset and balance of each row, as `check_entry` takes them."""
    columns = (_python(batch.account), _python(batch.asset), _python(batch.balance))
    for index, values in enumerate(zip(*columns, strict=True)):
        yield batch.row(index), *values


def locate(batch: Batch, row: int, account: object) -> str:
    """What a finding calls a row: its file and number, and where that does not find it, its account."""
    if batch.unordered and isinstance(account, bytes):
        return f"{batch.place} row {row} (account {account[:MAX_ACCOUNT_BYTES].decode(errors='replace')!r})"
    return f"{batch.place} row {row}"


def _account(value: object) -> str:
    try:
        return normalise_account(_text("account", value))
    except MalformedError as error:
        raise MalformedError(error.code, f"field account: {error.message.removeprefix('field account: ')}") from None


def _text(field: str, value: object) -> str:
    if value is None:
        raise MalformedError("ledger/null", f"field {field}: is null")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise MalformedError(
                "ledger/encoding", f"field {field}: byte 0x{value[error.start]:02x} is not UTF-8"
            ) from None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _one_by_one(batch: Batch, decimals: Mapping[str, int], found: Callable[[str], None]) -> list[Balances]:
    checked: dict[str, tuple[list[bytes], list[int]]] = {}
    for row, account, asset, balance in entries(batch):
        try:
            entry = check_entry(account, asset, balance, decimals)
        except MalformedError as error:
            found(f"{locate(batch, row, account)}, {error.message}")
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
    plain: list[Any] = (_binary(array) if _is_text(_value_type(array)) else array).to_pylist()
    return plain


def _in_bulk(batch: Batch, decimals: Mapping[str, int]) -> list[Balances]:
    if not len(batch.account):
        return []
    if batch.account.null_count or batch.asset.null_count or batch.balance.null_count:
        raise _IrregularError
    accounts, balances = _checked_accounts(_binary(batch.account)), batch.balance
    assets, codes = _checked_assets(batch.asset, decimals)
    if len(assets) == 1:
        return [Balances(assets[0], accounts, *_limbs(balances, decimals[assets[0]]))]
    order, spans = grouped(codes, len(assets))
    accounts, balances = accounts.take(order), balances.take(order)
    return [
        Balances(asset, accounts[span], *_limbs(balances[span], decimals[asset]))
        for asset, span in zip(assets, spans, strict=True)
    ]


def grouped(codes: npt.NDArray[Any], count: int) -> tuple[npt.NDArray[np.int64], list[slice]]:
    """The order that brings equal `codes` together, and where each of 0 … `count` - 1 then stands."""
    ends = np.cumsum(np.bincount(codes, minlength=count)).tolist()
    return np.argsort(codes, kind="stable"), [slice(start, end) for start, end in pairwise([0, *ends])]


def columns(balances: Balances, totals: AssetTotals) -> Columns:
    """The positive balances as a tree takes them; all are added to `totals`."""
    high, low = balances.high, balances.low
    positive = (high > 0) | ((high == 0) & (low > 0))
    count = int(np.count_nonzero(positive))
    if count == len(positive):
        owed, others = balances.accounts, balances.accounts[:0]
        totals.positive_sum += _sum(high, low)
    else:
        negative = high < 0
        totals.negative += (negatives := int(np.count_nonzero(negative)))
        totals.negative_sum -= _sum(high[negative], low[negative])
        totals.zero += len(positive) - count - negatives
        mask = pa.array(positive)
        owed, others = balances.accounts.filter(mask), balances.accounts.filter(pc.invert(mask))
        high, low = high[positive], low[positive]
        totals.positive_sum += _sum(high, low)
    totals.positive += count
    amounts = np.empty((count, 2), ">u8")
    amounts[:, 0], amounts[:, 1] = high, low
    return Columns(
        balances.asset,
        Accounts(*byte_columns(owed)),
        amounts.view(np.uint8),
        Accounts(*byte_columns(others)),
    )


def _sum(high: npt.NDArray[np.int64], low: npt.NDArray[np.uint64]) -> int:
    """The exact sum, in halves of words that cannot overflow."""
    halves = (high >> 32, high & _HALF, low >> np.uint64(32), low & np.uint64(_HALF))
    return sum(int(half.sum()) << shift for half, shift in zip(halves, (96, 64, 32, 0), strict=True))


def _checked_assets(array: Any, decimals: Mapping[str, int]) -> tuple[list[str], npt.NDArray[np.uint16]]:
    """The assets that occur, and for each row which of them it has."""
    coded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    codes = coded.indices.to_numpy()
    names = _binary(coded.dictionary).to_pylist()
    used = np.flatnonzero(np.bincount(codes, minlength=len(names))).tolist()
    try:
        assets = [bytes(names[code]).decode() for code in used]
    except (TypeError, UnicodeDecodeError):
        raise _IrregularError from None
    if not decimals.keys() >= set(assets) or len(set(assets)) < len(assets):
        raise _IrregularError
    dense = np.zeros(len(names), np.uint16)
    dense[used] = np.arange(len(used))
    return assets, dense[codes]


def _checked_accounts(array: Any) -> Any:
    """The accounts in NFC: ASCII is NFC as it stands, other text goes through Python."""
    data, offsets = byte_columns(array)
    lengths = np.diff(offsets)
    if lengths.min() < 1:
        raise _IrregularError
    if (least := data.min()) < ord(" "):
        raise _IrregularError
    if least == ord(" ") and bool(((data[offsets[:-1]] == least) | (data[offsets[1:] - 1] == least)).any()):
        raise _IrregularError
    if data.max() < 0x7F:  # noqa: PLR2004  (DEL, a control character)
        if lengths.max() > MAX_ACCOUNT_BYTES:
            raise _IrregularError
        return array
    return _normalised(array, data, offsets)


def _normalised(array: Any, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> Any:
    suspects = np.unique(np.searchsorted(offsets, np.flatnonzero(data >= 0x7F), side="right") - 1)  # noqa: PLR2004
    if np.delete(np.diff(offsets), suspects).max(initial=0) > MAX_ACCOUNT_BYTES:
        raise _IrregularError
    # A line feed composes with nothing, and no account has one: all can be normalised at once.
    before = b"\n".join(array.take(suspects).to_pylist())
    try:
        text = unicodedata.normalize("NFC", f"\n{before.decode()}\n")
    except UnicodeDecodeError:
        raise _IrregularError from None
    if _NO_ACCOUNT.search(text):
        raise _IrregularError
    after = text[1:-1].encode()
    accounts = after.split(b"\n")
    if max(map(len, accounts)) > MAX_ACCOUNT_BYTES:
        raise _IrregularError
    if before == after:
        return array
    mask = np.zeros(len(array), np.bool_)
    mask[suspects] = True
    return pc.replace_with_mask(array, pa.array(mask), pa.array(accounts, pa.large_binary()))


def _limbs(array: Any, decimals: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Balances in base units of 10^-`decimals`, exactly, as high and low 64 bits."""
    kind = array.type
    if _is_text(kind):
        array = _checked_digits(_binary(array), decimals).cast(pa.string())
    else:
        if kind.bit_width < 128:  # noqa: PLR2004
            array = array.cast(pa.decimal128(_ARROW_DIGITS, kind.scale if pa.types.is_decimal(kind) else 0))
        # Arrow's casts to a larger scale wrap around silently, so what does not fit must not reach them.
        extremes = pc.min_max(array)
        largest = max(abs(extremes["min"].as_py()), abs(extremes["max"].as_py()))
        if largest >= 10 ** (_ARROW_DIGITS - decimals):
            raise _IrregularError
    units = array.cast(pa.decimal128(_ARROW_DIGITS, decimals))
    words = np.frombuffer(units.buffers()[1], "<u8")[2 * units.offset :][: 2 * len(units)].reshape(-1, 2)
    return words[:, 1].view(np.int64), words[:, 0]


def _checked_digits(array: Any, decimals: int) -> Any:
    r"""Text that matches `-?[0-9]+(\.[0-9]+)?` and fits; Arrow's own parser takes `+5`, `.5`, `5.` and `1e3` too."""
    data, offsets = byte_columns(array)
    lengths = np.diff(offsets)
    if lengths.min() < 1:
        raise _IrregularError
    if data.min() < _MINUS or data.max() > _NINE or bool((data == _SLASH).any()):
        raise _IrregularError
    if data[offsets[1:] - 1].min() < _ZERO:
        raise _IrregularError
    first = data[offsets[:-1]]
    if first.min() < _ZERO:
        minus = first == _MINUS
        if first[~minus].min(initial=_ZERO) < _ZERO or data[offsets[:-1][minus] + 1].min() < _ZERO:
            raise _IrregularError
        if np.count_nonzero(data == _MINUS) != np.count_nonzero(minus):
            raise _IrregularError
    elif data.min() == _MINUS:
        raise _IrregularError
    if lengths.max() > _ARROW_DIGITS - decimals:
        dots = pc.find_substring(array, b".").to_numpy()
        if np.where(dots < 0, lengths, dots).max() > _ARROW_DIGITS - decimals:
            raise _IrregularError
    return array


def byte_columns(array: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a large_binary array without nulls, and the n+1 offsets into them; offsets start at 0."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return content[ends[0] : ends[-1]], ends - ends[0]


def is_text(kind: Any) -> bool:
    """Whether `kind` is an Arrow type of text or bytes, or a dictionary of such."""
    return _is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_text(kind: Any) -> bool:
    types = pa.types
    return any(
        matches(kind)
        for matches in (
            types.is_string,
            types.is_large_string,
            types.is_string_view,
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
        )
    )


def _value_type(array: Any) -> Any:
    return array.type.value_type if pa.types.is_dictionary(array.type) else array.type


def _binary(array: Any) -> Any:
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return plain.cast(pa.large_binary())
