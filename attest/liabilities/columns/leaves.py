"""The leaves of one asset's tree, made of its balances over whole columns at once (protocol.md, section 2).

A part of the ledger is enough to make its leaves, because no leaf depends on another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attest.liabilities.columns.balances import Accounts, Columns
from attest.liabilities.columns.sha256 import Midstate, hash_columns, hash_variable
from attest.liabilities.splitting import WHOLE, Splitting
from attest.liabilities.tree import PREFIX

Bytes = NDArray[np.uint8]

AMOUNT: Final = 16  # bytes of an amount, big-endian
PART: Final = 4  # bytes of the number of a part, big-endian
_ACCOUNT: Final = Midstate.tagged("attest/v1/account")
_LEAF: Final = Midstate.tagged("attest/v1/leaf")


@dataclass(frozen=True, slots=True)
class Leaves:
    """n leaves of one asset, in any order. All arrays are uint8.

    `hashes`: of shape (n, 32).
    `amounts`: in base units, big-endian, of shape (n, 16).
    `digests`: of the accounts, of shape (n, 32).
    `parts`: the numbers of the parts of balances, big-endian, of shape (n, 4).
    """

    hashes: Bytes
    amounts: Bytes
    digests: Bytes
    parts: Bytes


def leaf_hashes(salts: Bytes, digests: Bytes, amounts: Bytes) -> Bytes:
    """The hashes of n leaves, uint8 of shape (n, 32).

    `salts`: uint8 of shape (n, 32).
    `digests`: of the accounts, uint8 of shape (n, 32).
    `amounts`: in base units, big-endian, uint8 of shape (n, 16).
    """
    return hash_columns(_LEAF, [salts, digests, amounts])


def account_digests(accounts: Accounts) -> Bytes:
    """The digests of n accounts, uint8 of shape (n, 32)."""
    return hash_variable(_ACCOUNT, accounts.data, accounts.offsets)


class LeafMaker:
    """The maker of one asset's leaves.

    `key`: of the asset, as `attest.liabilities.tree.asset_key` makes it.
    `splitting`: how each balance is split.
    """

    def __init__(self, key: bytes, splitting: Splitting = WHOLE) -> None:
        self._key = key
        self._inner, self._outer = Midstate.hmac(key)
        self._splitting = splitting

    def leaves(self, balances: Columns) -> Leaves:
        """The leaves of the positive `balances`, one for each part of each balance.

        Raises `MalformedError` for a balance that would be split into too many parts.
        """
        digests = account_digests(balances.accounts)
        if self._splitting == WHOLE:
            return self._leaves(digests, np.zeros((len(balances.amounts), PART), np.uint8), balances.amounts)
        rows, parts, amounts = [], [], bytearray()
        for row, amount in enumerate(balances.amounts):
            for part, fragment in self._splitting.split(
                int.from_bytes(amount.tobytes()), digests[row].tobytes(), self._key
            ):
                rows.append(row)
                parts.append(part)
                amounts += fragment.to_bytes(AMOUNT)
        return self._leaves(
            digests[rows],
            np.array(parts, ">u4").view(np.uint8).reshape(-1, PART),
            np.frombuffer(bytes(amounts), np.uint8).reshape(-1, AMOUNT),
        )

    def decoys(self, count: int) -> Leaves:
        """The decoys 0 to `count` - 1: leaves of amount 0 without an account, which hide how many accounts exist."""
        numbers = np.zeros((count, AMOUNT), np.uint8)
        numbers[:, -PREFIX:] = np.arange(count, dtype=">u8").view(np.uint8).reshape(-1, PREFIX)
        tag = np.broadcast_to(np.frombuffer(b"decoy", np.uint8), (count, 5))
        message = np.ascontiguousarray(np.concatenate([tag, numbers], axis=1))
        digests = self._mac_rows(message)
        return self._leaves(digests, np.zeros((count, PART), np.uint8), np.zeros((count, AMOUNT), np.uint8))

    def salts(self, digests: Bytes, parts: Bytes) -> Bytes:
        """The salts of n leaves, uint8 of shape (n, 32).

        `digests`: of the accounts, uint8 of shape (n, 32).
        `parts`: the numbers of the parts, big-endian, uint8 of shape (n, 4).
        """
        return hash_columns(self._outer, [hash_columns(self._inner, [digests, parts])])

    def _leaves(self, digests: Bytes, parts: Bytes, amounts: Bytes) -> Leaves:
        return Leaves(leaf_hashes(self.salts(digests, parts), digests, amounts), amounts, digests, parts)

    def _mac_rows(self, rows: Bytes) -> Bytes:
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
        return hash_columns(self._outer, [hash_variable(self._inner, rows.reshape(-1), offsets)])
