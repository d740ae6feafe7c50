"""Several rows of one account and asset added up, because sub-accounts may have rows of their own.

Rows lie in buckets by the first byte of the account digest. Those that do not fit in memory are added up and go to a
file without a name, so that any number of rows of one account takes little room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attest.errors import UnavailableError
from attest.liabilities.columns.balances import Accounts
from attest.liabilities.columns.leaves import account_digests
from attest.liabilities.columns.spill import BUCKETS, NamelessFile, by_bucket
from attest.liabilities.ledger.bulk import grouped
from attest.liabilities.ledger.rows import byte_columns
from attest.liabilities.ledger.types import Balances

_MEMORY: Final = 256 << 20  # bytes of rows
_BATCH_ROWS: Final = 1 << 17  # of a batch of sums
_PIECE_ROWS: Final = 1 << 15  # that are put into buckets at once
_FOLD_ROWS: Final = 1 << 18  # that wait before they are added up
_MAX_BUCKET_BYTES: Final = 128 << 20  # beyond which a bucket is split by the next byte
_DEEPEST: Final = 8  # the last byte by which a bucket is split
_MAX_TOO_LARGE: Final = 1000  # accounts whose sum is out of range that are told
_HALF: Final = 2**32 - 1
_SCHEMA: Final = pa.schema(
    [
        *(("asset", pa.uint16()), ("account", pa.large_binary())),
        *(("top", pa.int64()), ("high", pa.uint64()), ("low", pa.uint64())),  # a sum of 192 bits, signed
    ]
)


def by_account(parts: Iterable[Balances], too_large: list[tuple[str, bytes]]) -> Iterator[Balances]:
    """The sums of balances, one for each account and asset.

    `parts`: balances of any accounts and assets.
    `too_large`: gets the asset and account of sums beyond 127 bits, which are left out.
    Rows that do not fit in memory go to TMPDIR. Raises what `parts` raises, before anything is yielded, and
    `UnavailableError` when the disk is full.
    """
    names: dict[str, int] = {}
    try:
        buckets = _Buckets(0)
        for part in parts:
            code = pa.repeat(pa.scalar(names.setdefault(part.asset, len(names)), pa.uint16()), len(part.accounts))
            words = part.high >> 63, part.high.view(np.uint64), part.low
            buckets.add(pa.record_batch([code, part.accounts, *map(pa.array, words)], schema=_SCHEMA))
        for batch in buckets.sums():
            for start in range(0, len(batch), _BATCH_ROWS):
                yield from _by_asset(batch[start : start + _BATCH_ROWS], list(names), too_large)
    except OSError as error:
        message = error.strerror or str(error)
        raise UnavailableError(
            "ledger/sum",
            f"cannot add up the rows of accounts: {message}",
            hint="make room on the disk where temporary files lie, or name another in TMPDIR",
        ) from None


class _Buckets:
    """Rows in buckets by the byte `depth` of the digest of their account."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._fresh: list[Any] = []
        self._fresh_rows = 0
        self._pending: list[tuple[Any, list[int]]] = []
        self._pending_bytes = 0
        self._file: NamelessFile | None = None
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._bytes = [0] * BUCKETS

    def add(self, batch: Any) -> None:
        """Take a record batch of `_SCHEMA`."""
        if not len(batch):
            return
        self._fresh.append(batch)
        self._fresh_rows += len(batch)
        if self._fresh_rows >= _PIECE_ROWS:
            self._sort()
            if self._pending_bytes > _MEMORY:
                self._flush()

    def sums(self) -> Iterator[Any]:
        """Record batches of sums; each account and asset stands in one of them, once."""
        self._sort()
        for bucket in range(BUCKETS):
            pieces = self._pieces(bucket)
            if self._bytes[bucket] > _MAX_BUCKET_BYTES and self._depth < _DEEPEST:
                # A bucket this full means that somebody chose accounts whose digests begin alike.
                deeper = _Buckets(self._depth + 1)
                for piece in pieces:
                    deeper.add(piece)
                yield from deeper.sums()
            elif held := list(pieces):
                yield _added_up(held)

    def _sort(self) -> None:
        if self._fresh:
            batch = self._fresh[0] if len(self._fresh) == 1 else pa.concat_batches(self._fresh)
            digests = account_digests(Accounts(*byte_columns(batch.column("account"))))
            order, bounds = by_bucket(digests, self._depth)
            batch = batch.take(pa.array(order))
            self._pending.append((batch, bounds))
            self._pending_bytes += batch.nbytes
            each = batch.nbytes // len(batch) + 1
            self._bytes = [
                held + each * (end - start) for held, start, end in zip(self._bytes, bounds, bounds[1:], strict=False)
            ]
            self._fresh, self._fresh_rows = [], 0

    def _pieces(self, bucket: int) -> Iterator[Any]:
        for batch, bounds in self._pending:
            if bounds[bucket] < bounds[bucket + 1]:
                yield batch[bounds[bucket] : bounds[bucket + 1]]
        if self._file is not None:
            for start, size in self._places[bucket]:
                yield pa.ipc.read_record_batch(pa.py_buffer(self._file.read(start, size)), _SCHEMA)

    def _flush(self) -> None:
        """Write the rows in memory to the file, each bucket's rows added up once more."""
        if self._file is None:
            self._file = NamelessFile(None)
        for bucket, places in enumerate(self._places):
            held = [batch[b[bucket] : b[bucket + 1]] for batch, b in self._pending if b[bucket] < b[bucket + 1]]
            if held:
                places.append(self._file.append(_added_up(held).serialize()))
        self._pending, self._pending_bytes = [], 0


def _added_up(batches: list[Any]) -> Any:
    """One record batch in which each account and asset stands once."""
    waiting: list[Any] = []
    rows, limit = 0, _FOLD_ROWS
    for batch in batches:
        waiting.append(batch)
        rows += len(batch)
        if rows >= limit:  # so that many rows of few accounts are not copied all at once
            waiting = [_once(waiting)]
            rows = len(waiting[0])
            limit = max(_FOLD_ROWS, 2 * rows)
    return _once(waiting)


def _once(batches: list[Any]) -> Any:
    batch = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
    accounts = pc.dictionary_encode(batch.column("account"))
    if len(accounts.dictionary) == len(batch):
        return batch
    codes = accounts.indices.to_numpy().astype(np.int64) << 16 | batch.column("asset").to_numpy()
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    if len(starts) == len(batch):
        return batch
    chosen = batch.take(pa.array(order[starts]))
    sums = _sums([batch.column(name).to_numpy()[order] for name in ("low", "high", "top")], starts)
    return pa.record_batch([chosen[0], chosen[1], *map(pa.array, reversed(sums))], schema=_SCHEMA)


def _sums(words: list[npt.NDArray[Any]], starts: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
    """The exact sums of runs of rows, as three words: low, high, and top with the sign.

    `words`: the low, high and top words of the rows.
    `starts`: the index of the first row of each run.
    """
    low, high, top = words
    carry: npt.NDArray[np.int64] = np.zeros(len(starts), np.int64)
    halves = []
    for half in (low & _HALF, low >> np.uint64(32), high & _HALF, high >> np.uint64(32)):
        total = np.add.reduceat(half.astype(np.int64), starts) + carry
        halves.append((total & _HALF).astype(np.uint64))
        carry = total >> 32
    joined = [halves[place] | halves[place + 1] << np.uint64(32) for place in (0, 2)]
    return [*joined, np.add.reduceat(top, starts) + carry]


def _by_asset(batch: Any, names: list[str], too_large: list[tuple[str, bytes]]) -> Iterator[Balances]:
    fits = batch.column("top").to_numpy() == batch.column("high").to_numpy().view(np.int64) >> 63
    if not fits.all():
        beyond = batch.filter(pa.array(~fits))[: max(0, _MAX_TOO_LARGE - len(too_large))].to_pylist()
        too_large += [(names[row["asset"]], row["account"]) for row in beyond]
        batch = batch.filter(pa.array(fits))
    order, spans = grouped(batch.column("asset").to_numpy(), len(names))
    batch = batch.take(pa.array(order))
    accounts, low = batch.column("account"), batch.column("low").to_numpy()
    high = batch.column("high").to_numpy().view(np.int64)
    for asset, span in zip(names, spans, strict=True):
        if span.start < span.stop:
            yield Balances(asset, accounts[span], high[span], low[span])
