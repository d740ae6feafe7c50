"""SHA-256 (FIPS 180-4) of many independent messages at once, one in each lane of the vector registers.

Every message begins with a `Midstate`, a constant prefix of whole blocks that is absorbed once for all messages: that
of the tagged hash SHA256(SHA256(tag) || SHA256(tag) || m), or of either half of HMAC-SHA256.

The kernels are LLVM vector IR, compiled for this CPU when they are first worth it, and run on every core this process
may use. Work that is too small to repay compiling goes through hashlib, which gives equal digests.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attest.liabilities.columns.kernel import BLOCK, Kernels, compile_kernels

Bytes = NDArray[np.uint8]

DIGEST: Final = 32  # bytes
_TABLE: Final = 2  # dimensions of an array of rows

# Compiling takes as long as hashing about this many rows through hashlib.
_COMPILE_ROWS: Final = 300_000
# For fewer rows hashlib is faster, because they leave lanes idle and do not repay the call.
_KERNEL_ROWS: Final = 24
# Rows per kernel call: enough to hide the call, few enough to stay in cache and balance cores.
_CHUNK: Final = 1 << 14
_IDENTITY: Final = np.arange(_CHUNK, dtype=np.int64)
# Longer messages, in bytes, go through hashlib, because staging a chunk of them would take too much memory.
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class Midstate:
    """The state of SHA-256 after a constant beginning of each message.

    `prefix`: that beginning, a multiple of 64 bytes; empty for plain SHA-256. It stands for the state, because both
    hashlib and the kernels can start from it; `repr` leaves it out, because for HMAC it is as secret as the key.
    Raises `ValueError` for another length of `prefix`.
    """

    prefix: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if len(self.prefix) % BLOCK:
            raise ValueError(f"prefix of {len(self.prefix)} bytes is not a multiple of {BLOCK}")

    @property
    def length(self) -> int:
        """The bytes already absorbed."""
        return len(self.prefix)

    @classmethod
    def tagged(cls, tag: str) -> Midstate:
        """The state of the tagged hash SHA256(SHA256(tag) || SHA256(tag) || m) before m (BIP-340).

        `tag`: encoded as UTF-8.
        """
        return cls(hashlib.sha256(tag.encode()).digest() * 2)

    @classmethod
    def hmac(cls, key: bytes) -> tuple[Midstate, Midstate]:
        """The states of the inner and the outer hash of HMAC-SHA256 (RFC 2104) before the message and the inner digest.

        `key`: of any length.
        """
        key = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        return cls(bytes(b ^ 0x36 for b in key)), cls(bytes(b ^ 0x5C for b in key))


_lock = threading.Lock()
_compiled: Kernels | None = None
_rows_seen = 0


def warm_up() -> None:
    """Compile the kernels now, instead of when enough rows were hashed to repay it."""
    _kernels(_COMPILE_ROWS)


def _kernels(rows: int) -> Kernels | None:
    """The kernels for hashing `rows` more rows; None where hashlib is faster."""
    global _compiled, _rows_seen  # noqa: PLW0603 (compiled once for the process)
    if rows < _KERNEL_ROWS or sys.byteorder == "big":
        return None
    if _compiled is None:
        with _lock:
            _rows_seen += rows
            # Another thread may have compiled them while this one waited for the lock.
            if _rows_seen >= _COMPILE_ROWS and _compiled is None:
                _compiled = compile_kernels()
    return _compiled


def _spread(n: int, work: Callable[[int, int], None]) -> None:
    """Call work(start, stop) for chunks of range(n), on every core this process may use."""
    starts = range(0, n, _CHUNK)
    stops = [min(start + _CHUNK, n) for start in starts]
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if min(usable, len(starts)) <= 1:
        for start, stop in zip(starts, stops, strict=True):
            work(start, stop)
    else:
        with ThreadPoolExecutor(min(usable, len(starts))) as pool:
            list(pool.map(work, starts, stops))


def _output(out: Bytes | None, n: int, inputs: Sequence[Bytes]) -> Bytes:
    if out is None:
        return np.empty((n, DIGEST), np.uint8)
    if out.dtype != np.uint8 or out.shape != (n, DIGEST) or (n and out.strides[1] != 1):
        raise ValueError(f"out must be uint8 of shape ({n}, {DIGEST}) with contiguous rows")
    if not out.flags.writeable or any(np.shares_memory(out, array) for array in inputs):
        raise ValueError("out must be writeable and must not overlap the input")
    return out


def _by_hashlib(midstate: Midstate, data: memoryview, bounds: Sequence[int], out: Bytes) -> None:
    start = hashlib.sha256(midstate.prefix)
    digests = bytearray()
    for begin, end in pairwise(bounds):
        message = start.copy()
        message.update(data[begin:end])
        digests += message.digest()
    out[:] = np.frombuffer(digests, np.uint8).reshape(-1, DIGEST)


def _by_kernel(
    kernels: Kernels,
    midstate: Midstate,
    columns: Sequence[Bytes],
    out: Bytes,
    places: NDArray[np.int64] = _IDENTITY,
    *,
    padded: bool = False,
) -> None:
    rows, width = len(columns[0]), sum(column.shape[1] for column in columns)
    blocks = width // BLOCK if padded else (width + 8) // BLOCK + 1
    message = np.zeros((blocks * 16, kernels.lanes), np.uint32)
    if not padded:
        message[width // 4] = 0x80000000
        message[-2:] = np.array(divmod(8 * (midstate.length + width), 1 << 32))[:, None]
    table = np.array([(c.ctypes.data, c.strides[0], c.shape[1] // 4) for c in columns], np.int64)
    kernels.hash_columns(
        *(rows, midstate.prefix, midstate.length // BLOCK, table.ctypes.data, len(columns)),
        *(message.ctypes.data, blocks, out.ctypes.data, out.strides[0], places.ctypes.data),
    )


def hash_columns(midstate: Midstate, columns: Sequence[Bytes], out: Bytes | None = None) -> Bytes:
    """The digests of n messages, uint8 of shape (n, 32); message i is row i of every column, concatenated.

    `midstate`: absorbed before each message.
    `columns`: each uint8 of shape (n, k), k a multiple of 4. Rows must be contiguous, and may lie any stride apart, as
    in hashes[0::2].
    `out`: the array for the digests, with contiguous rows at any stride; None for a new one.
    Raises `ValueError` for another shape or type, and for an `out` that overlaps a column.
    """
    if not columns:
        raise ValueError("no columns")
    n = len(columns[0])
    for column in columns:
        if column.dtype != np.uint8 or column.ndim != _TABLE or len(column) != n:
            raise ValueError(f"columns must be uint8 of shape ({n}, k)")
        if column.shape[1] % 4 or (column.size and column.strides[1] != 1):
            raise ValueError("columns must have contiguous rows of a multiple of 4 bytes")
    digests = _output(out, n, columns)
    width = sum(column.shape[1] for column in columns)
    kernels = _kernels(n) if width <= _LONGEST else None

    def work(start: int, stop: int) -> None:
        parts = [column[start:stop] for column in columns]
        if kernels:
            _by_kernel(kernels, midstate, parts, digests[start:stop])
        else:
            rows = memoryview(np.concatenate(parts, axis=1).tobytes())
            bounds = [i * width for i in range(stop - start + 1)]
            _by_hashlib(midstate, rows, bounds, digests[start:stop])

    _spread(n, work)
    return digests


def hash_rows(midstate: Midstate, rows: Bytes, out: Bytes | None = None) -> Bytes:
    """The digests of n messages of one length, uint8 of shape (n, 32); message i is row i.

    `midstate`, `out`: as of `hash_columns`.
    `rows`: uint8 of shape (n, width). A width that is no multiple of 4 is slower, and takes 8 bytes of memory a row.
    Raises `ValueError` as `hash_columns` does.
    """
    if rows.dtype != np.uint8 or rows.ndim != _TABLE:
        raise ValueError("rows must be uint8 of shape (n, width)")
    n, width = rows.shape
    if width % 4 == 0:
        return hash_columns(midstate, [rows], out)
    flat = np.ascontiguousarray(rows).reshape(-1)
    return hash_variable(midstate, flat, np.arange(n + 1) * width, out)


def hash_variable(
    midstate: Midstate, data: Bytes, offsets: NDArray[np.integer[Any]], out: Bytes | None = None
) -> Bytes:
    """The digests of n messages of any lengths, uint8 of shape (n, 32); message i is data[offsets[i] : offsets[i + 1]].

    `midstate`, `out`: as of `hash_columns`.
    `data`: contiguous uint8 of one dimension.
    `offsets`: n + 1 integers, as in an Arrow binary column.
    Raises `ValueError` for another shape or type, and for offsets that decrease or leave the data.
    """
    if data.dtype != np.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
        raise ValueError("data must be contiguous uint8 of one dimension")
    if offsets.dtype.kind not in "iu" or offsets.ndim != 1 or not len(offsets):
        raise ValueError("offsets must be a non-empty integer array of one dimension")
    n = len(offsets) - 1
    digests = _output(out, n, [data])
    kernels = _kernels(n)

    def work(start: int, stop: int) -> None:
        bounds = offsets[start : stop + 1].astype(np.int64)
        lengths = np.diff(bounds)
        if bounds.min() < 0 or bounds.max() > len(data) or lengths.min() < 0:
            raise ValueError(f"offsets {start} to {stop} decrease or leave the data")
        if kernels is None or lengths.max() > _LONGEST:
            _by_hashlib(midstate, data.data, bounds.tolist(), digests[start:stop])
            return
        # Messages are ordered by their number of blocks, so that no lane waits for a longer message.
        blocks = ((lengths + 8 >> 6) + 1).astype(np.uint8)
        order = np.argsort(blocks, kind="stable")
        many = np.bincount(blocks).tolist()
        staged = np.zeros((sum(i * m for i, m in enumerate(many)), BLOCK), np.uint8)
        kernels.stage(
            *(stop - start, data.ctypes.data, bounds.ctypes.data, order.ctypes.data),
            *(midstate.length, staged.ctypes.data),
        )
        for i, m in enumerate(many):
            if m:
                rows, staged = staged[: m * i].reshape(m, -1), staged[m * i :]
                _by_kernel(kernels, midstate, [rows], digests[start:stop], order[:m], padded=True)
                order = order[m:]

    _spread(n, work)
    return digests
