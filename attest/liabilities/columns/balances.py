"""Balances of one asset as columns, from which leaves are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """Accounts one after another: NFC UTF-8 `data` (uint8), the i-th from `offsets[i]` to `offsets[i + 1]` (int64)."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def text(self, index: int) -> str:
        """The account at `index`."""
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Balances of one asset in one batch.

    `accounts` have what `amounts` says: (n, 16) uint8, big-endian base units, 0 < amount < 2^127.
    `others` have zero or negative balances: no leaf, yet a second row of one of them is a duplicate too.
    """

    asset: str
    accounts: Accounts
    amounts: npt.NDArray[np.uint8]
    others: Accounts
