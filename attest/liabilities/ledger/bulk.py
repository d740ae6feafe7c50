"""The check of a ledger's rows in bulk, over whole columns; a batch that it cannot decide is checked row by row."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attest.errors import MalformedError
from attest.liabilities.accounts import MAX_ACCOUNT_BYTES, are_sound
from attest.liabilities.columns.balances import Accounts, Columns
from attest.liabilities.columns.leaves import account_digests
from attest.liabilities.ledger.numbers import in_full
from attest.liabilities.ledger.rows import binary, byte_columns, is_text, one_by_one
from attest.liabilities.ledger.types import AssetTotals, Balances, Batch
from attest.liabilities.tree import PREFIX

_ARROW_DIGITS: Final = 38  # of Arrow's decimal128
_SMALL: Final = 1 << 12  # rows, below which balances of an asset are joined
_PIECES: Final = 256  # that are joined at most
_HALF: Final = 2**32 - 1
_MINUS, _DOT, _SLASH, _ZERO, _NINE = b"-./09"
_EXPONENT, _LOWER = ord("e"), 0x20


class _IrregularError(Exception):
    """The batch has something that only the check row by row can decide."""


def check(batch: Batch, decimals: Mapping[str, int], found: Callable[[str], None]) -> list[Balances]:
    """The sound rows of a batch by asset, with balances in base units.

    `decimals`: of each asset by its name.
    `found`: gets a finding, a sentence, for each other row.
    Raises `UnavailableError` as `rows.one_by_one` does.
    """
    try:
        return _in_bulk(batch, decimals)
    except (_IrregularError, pa.ArrowInvalid):
        return one_by_one(batch, decimals, found)


def _in_bulk(batch: Batch, decimals: Mapping[str, int]) -> list[Balances]:
    if not len(batch.account):
        return []
    if batch.account.null_count or batch.asset.null_count or batch.balance.null_count:
        raise _IrregularError
    accounts, balances = _checked_accounts(binary(batch.account)), batch.balance
    assets, codes = _checked_assets(batch.asset, decimals)
    if len(assets) == 1:
        return [Balances(assets[0], accounts, *_limbs(balances, decimals[assets[0]]))]
    order, spans = grouped(codes, len(assets))
    accounts, balances = accounts.take(order), balances.take(order)
    return [
        Balances(asset, accounts[span], *_limbs(balances[span], decimals[asset]))
        for asset, span in zip(assets, spans, strict=True)
    ]


def rows_of(batch: Batch, prefixes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The indices of the rows whose account digest may begin with one of `prefixes`, ascending; int64 of one dimension.

    `prefixes`: the first 8 bytes of account digests as ascending numbers.
    All rows are returned for a batch that can only be decided row by row.
    """
    everyone = np.arange(len(batch.account))
    if batch.account.null_count or not len(batch.account):
        return everyone
    try:
        accounts = Accounts(*byte_columns(_checked_accounts(binary(batch.account))))
    except (_IrregularError, pa.ArrowInvalid):
        return everyone
    digests = account_digests(accounts)
    found = np.isin(np.ascontiguousarray(digests[:, :PREFIX]).view(">u8")[:, 0].astype(np.uint64), prefixes)
    return np.flatnonzero(found)


def grouped(codes: npt.NDArray[Any], count: int) -> tuple[npt.NDArray[np.int64], list[slice]]:
    """The order that brings equal codes together, and for each code its place in that order.

    `codes`: n integers from 0 to `count` - 1.
    The order is int64 of shape (n,); there are `count` slices.
    """
    ends = np.cumsum(np.bincount(codes, minlength=count)).tolist()
    return np.argsort(codes, kind="stable"), [slice(start, end) for start, end in pairwise([0, *ends])]


def together(parts: Iterable[Balances]) -> Iterator[Balances]:
    """The balances of `parts`, with small ones of an asset joined.

    Each would else be a batch of its own, which is slow for a ledger of a hundred thousand files of one row.
    """
    waiting: dict[str, list[Balances]] = {}
    for part in parts:
        held = waiting.setdefault(part.asset, [])
        held.append(part)
        if len(part.accounts) >= _SMALL or len(held) >= _PIECES:
            yield _joined(waiting.pop(part.asset))
    for held in waiting.values():
        yield _joined(held)


def _joined(parts: list[Balances]) -> Balances:
    if len(parts) == 1:
        return parts[0]
    return Balances(
        parts[0].asset,
        pa.concat_arrays([part.accounts for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.low for part in parts]),
    )


def columns(balances: Balances, totals: AssetTotals) -> Columns:
    """The balances of a batch as columns for a tree: the positive ones with amounts, the accounts of the others.

    `totals`: of the asset; all balances are added to them, but not `rows`.
    """
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
    """The exact sum of the numbers `high` * 2^64 + `low`, over halves of words, whose sums cannot overflow."""
    halves = (high >> 32, high & _HALF, low >> np.uint64(32), low & np.uint64(_HALF))
    return sum(int(half.sum()) << shift for half, shift in zip(halves, (96, 64, 32, 0), strict=True))


def _checked_assets(array: Any, decimals: Mapping[str, int]) -> tuple[list[str], npt.NDArray[np.uint16]]:
    """The assets that occur in a column, and for each row the index of its asset among them."""
    coded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    codes = coded.indices.to_numpy()
    names = binary(coded.dictionary).to_pylist()
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
    """The accounts in NFC. ASCII is NFC already; other text goes through Python."""
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
    rows = np.searchsorted(offsets, np.flatnonzero(data >= 0x7F), side="right") - 1  # noqa: PLR2004
    suspects = rows[np.diff(rows, prepend=-1) > 0]
    if np.delete(np.diff(offsets), suspects).max(initial=0) > MAX_ACCOUNT_BYTES:
        raise _IrregularError
    # All can be normalised at once, because a line feed composes with nothing and no account has one.
    before = b"\n".join(array.take(suspects).to_pylist())
    try:
        text = unicodedata.normalize("NFC", f"\n{before.decode()}\n")
    except UnicodeDecodeError:
        raise _IrregularError from None
    if not are_sound(text):
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
    """The balances in base units of 10^-`decimals`, exact, as their high and low 64 bits."""
    kind = array.type
    if is_text(kind):
        array = _checked_digits(_in_full(binary(array), decimals), decimals).cast(pa.string())
    else:
        if kind.bit_width < 128:  # noqa: PLR2004
            array = array.cast(pa.decimal128(_ARROW_DIGITS, kind.scale if pa.types.is_decimal(kind) else 0))
        # Balances that do not fit must not reach Arrow's casts to a larger scale, because these wrap around silently.
        extremes = pc.min_max(array)
        largest = max(abs(extremes["min"].as_py()), abs(extremes["max"].as_py()))
        if largest >= 10 ** (_ARROW_DIGITS - decimals):
            raise _IrregularError
    units = array.cast(pa.decimal128(_ARROW_DIGITS, decimals))
    words = np.frombuffer(units.buffers()[1], "<u8")[2 * units.offset :][: 2 * len(units)].reshape(-1, 2)
    return words[:, 1].view(np.int64), words[:, 0]


def _in_full(array: Any, decimals: int) -> Any:
    """The texts with exponents written out; each distinct one is read once, because many are zeros like `0E-18`."""
    data, offsets = byte_columns(array)
    if data.max(initial=0) <= _NINE:
        return array
    marks = np.flatnonzero((data | _LOWER) == _EXPONENT)
    rows = np.unique(np.searchsorted(offsets, marks, side="right") - 1)
    coded = pc.dictionary_encode(array.take(rows))
    try:
        full = [in_full(text.decode(), decimals).encode() for text in coded.dictionary.to_pylist()]
    except (UnicodeDecodeError, MalformedError):
        raise _IrregularError from None
    mask = np.zeros(len(array), np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(array, pa.array(mask), pa.array(full, pa.large_binary()).take(coded.indices))


def _checked_digits(array: Any, decimals: int) -> Any:
    r"""The texts, which all match `-?[0-9]+(\.[0-9]+)?` and fit in 38 digits.

    Arrow's own parser is not enough, because it accepts `+5`, `.5`, `5.` and `1e3` too.
    """
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
