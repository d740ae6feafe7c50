"""MuHash3072: the hash of a set whose elements may come in any order, as `gettxoutsetinfo muhash` answers it.

An element stands for a number of 3072 bits: the ChaCha20 keystream (RFC 8439, nonce and counter zero) under its
SHA-256. The hash is the SHA-256 of the product of all numbers modulo 2^3072 - 1103717 (Bitcoin Core,
src/crypto/muhash.cpp; Bellare and Micciancio 1997).

`python -m attest.chains.bitcoin.utxo_set.muhash` is a worker: it multiplies the numbers under the keys on its stdin.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from attest.errors import UnavailableError

_BITS: Final = 3072
_BYTES: Final = _BITS // 8
_DIFFERENCE: Final = 1103717
_MODULUS: Final = 2**_BITS - _DIFFERENCE
_MASK: Final = 2**_BITS - 1

_KEY: Final = 32
_BLOCKS: Final = _BYTES // 64
_CONSTANTS: Final = np.frombuffer(b"expand 32-byte k", "<u4")
_DOUBLE_ROUNDS: Final = 10

# Bytes of keys worked on at once: few enough for their keystreams to stay in the cache of a core.
_BATCH: Final = _KEY << 10
# From how many elements on workers repay their start, and how many keep up with the process that reads.
_PARALLEL: Final = 200_000
_WORKERS: Final = 8


class MuHash:
    """The MuHash3072 of a set while it grows to about `expected` elements: many are hashed on several cores.

    A context; leaving it ends the workers. Raises `UnavailableError` when a worker does not start or dies.
    """

    def __init__(self, expected: int) -> None:
        self._parallel = expected >= _PARALLEL
        self._workers: list[subprocess.Popen[bytes]] = []
        self._turns = cycle(self._workers)
        self._keys = bytearray()
        self._product = 1

    def __enter__(self) -> Self:
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        try:
            for _ in range(min(cores, _WORKERS) if self._parallel and cores > 1 else 0):
                self._workers.append(_start())
        except OSError:
            self.__exit__()
            raise _failed() from None
        return self

    def __exit__(self, *_: object) -> None:
        while self._workers:
            self._workers.pop().communicate()  # which ends its input, and so the worker

    def add(self, elements: Iterable[bytes]) -> None:
        """Put `elements` into the set."""
        self._keys += b"".join([sha256(element).digest() for element in elements])
        while len(self._keys) >= _BATCH:
            self._multiply(bytes(self._keys[:_BATCH]))
            del self._keys[:_BATCH]

    def digest(self) -> bytes:
        """The hash of all that was added, 32 bytes in the order in which the node prints them; called once."""
        self._product = _times(self._product, bytes(self._keys))
        while self._workers:
            worker = self._workers.pop()
            factor, _ = worker.communicate()
            if worker.returncode != 0:
                raise _failed()
            self._product = self._product * int.from_bytes(factor, "little") % _MODULUS
        return sha256(self._product.to_bytes(_BYTES, "little")).digest()[::-1]

    def _multiply(self, keys: bytes) -> None:
        if not self._workers:
            self._product = _times(self._product, keys)
            return
        try:
            # Waits while the pipe is full, so that nothing piles up in memory.
            next(self._turns).stdin.write(keys)  # type: ignore[union-attr]  # it was started with one
        except OSError:
            raise _failed() from None


def _times(product: int, keys: bytes) -> int:
    """`product` times the numbers under `keys`, 32 bytes each, reduced."""
    numbers = _keystreams(np.frombuffer(keys, "<u4").reshape(-1, 8))
    for place in range(0, len(numbers), _BYTES):
        product *= int.from_bytes(numbers[place : place + _BYTES], "little")
        # 2^3072 is 1103717 to this modulus; a division would take twice as long as the multiplication.
        product = (product & _MASK) + (product >> _BITS) * _DIFFERENCE
        product = (product & _MASK) + (product >> _BITS) * _DIFFERENCE
    return product % _MODULUS


def _keystreams(keys: NDArray[np.uint32]) -> bytes:
    """The first 384 bytes of the keystream under each row of `keys`, one after the other."""
    begin = np.zeros((4, 4, len(keys), _BLOCKS), np.uint32)
    begin[0] = _CONSTANTS[:, None, None]
    begin[1:3] = keys.T.reshape(2, 4, -1, 1)
    begin[3, 0] = np.arange(_BLOCKS)
    state = begin.copy()
    for _ in range(_DOUBLE_ROUNDS):
        _quarter_rounds(state)
        _turn(state, 1)  # the diagonals are columns now
        _quarter_rounds(state)
        _turn(state, -1)
    state += begin
    return state.transpose(2, 3, 0, 1).astype("<u4", order="C").tobytes()


def _quarter_rounds(state: NDArray[np.uint32]) -> None:
    a, b, c, d = state
    for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        np.add(x, y, out=x)
        np.bitwise_xor(z, x, out=z)
        np.bitwise_or(z << bits, z >> 32 - bits, out=z)


def _turn(state: NDArray[np.uint32], direction: int) -> None:
    """Turn the last three rows by 1, 2 and 3 words."""
    for words in (1, 2, 3):
        state[words] = np.roll(state[words], -direction * words, axis=0)


def _start() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    return subprocess.Popen(  # noqa: S603
        # -P: nothing is imported from the folder that this happens to run in.
        [sys.executable, "-P", "-m", __name__],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C reaches only us; we end the workers.
        start_new_session=True,
    )


def _failed() -> UnavailableError:
    return UnavailableError(
        "muhash/worker", "a process that was to hash outputs failed", hint="there may be too little memory; try again"
    )


def _work() -> None:
    product = 1
    while keys := sys.stdin.buffer.read(_BATCH):
        product = _times(product, keys)
    sys.stdout.buffer.write(product.to_bytes(_BYTES, "little"))


if __name__ == "__main__":
    _work()
