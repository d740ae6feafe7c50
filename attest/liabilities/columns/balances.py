"""The balances of one asset as columns, from which leaves are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """n accounts in NFC UTF-8, one after another; the i-th is `data[offsets[i]:offsets[i + 1]]`.

    `data`: the bytes of all, uint8 of one dimension.
    `offsets`: n + 1 ascending places in `data`, int64.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def text(self, index: int) -> str:
        """The account at `index`, from 0."""
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The balances of one asset in one batch.

    `asset`: its name.
    `accounts`: the n accounts with a positive balance.
    `amounts`: their balances in base units, 0 < amount < 2^127; big-endian, uint8 of shape (n, 16).
    `others`: the accounts with a zero or negative balance. They get no leaf and are kept because a second row of one of
    them is a duplicate too.
    """

    asset: str
    accounts: Accounts
    amounts: npt.NDArray[np.uint8]
    others: Accounts
