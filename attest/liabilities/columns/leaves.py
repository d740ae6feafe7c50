"""From one asset's balances to the leaves of its tree, over whole columns at once (protocol.md, section 2).

Functions of arrays alone: a partition of the ledger in, its leaves out, in any order.
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

AMOUNT: Final = 16
PART: Final = 4
_ACCOUNT: Final = Midstate.tagged("attest/v1/account")
_LEAF: Final = Midstate.tagged("attest/v1/leaf")


@dataclass(frozen=True, slots=True)
class Leaves:
    """Leaves of one asset, in any order.

    `hashes` (n, 32) and `amounts` (n, 16) are what the tree is made of; `digests` (n, 32), the account digests,
    and `parts` (n, 4), big-endian, are what a customer's leaf is found by. All uint8.
    """

    hashes: Bytes
    amounts: Bytes
    digests: Bytes
    parts: Bytes


def leaf_hashes(salts: Bytes, digests: Bytes, amounts: Bytes) -> Bytes:
    """The hashes of leaves from their salts (n, 32), account digests (n, 32) and amounts (n, 16)."""
    return hash_columns(_LEAF, [salts, digests, amounts])


def account_digests(accounts: Accounts) -> Bytes:
    """The digests of n accounts: uint8 of shape (n, 32)."""
    return hash_variable(_ACCOUNT, accounts.data, accounts.offsets)


class LeafMaker:
    """Makes the leaves of one asset, under the key of its salts."""

    def __init__(self, key: bytes, splitting: Splitting = WHOLE) -> None:
        self._key = key
        self._inner, self._outer = Midstate.hmac(key)
        self._splitting = splitting

    def leaves(self, balances: Columns) -> Leaves:
        """The leaves of `balances`: one each, or one per part where it is split."""
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
        """`count` leaves of amount 0 that nobody can tell from a customer's."""
        numbers = np.zeros((count, AMOUNT), np.uint8)
        numbers[:, -PREFIX:] = np.arange(count, dtype=">u8").view(np.uint8).reshape(-1, PREFIX)
        tag = np.broadcast_to(np.frombuffer(b"decoy", np.uint8), (count, 5))
        message = np.ascontiguousarray(np.concatenate([tag, numbers], axis=1))
        digests = self._mac_rows(message)
        return self._leaves(digests, np.zeros((count, PART), np.uint8), np.zeros((count, AMOUNT), np.uint8))

    def salts(self, digests: Bytes, parts: Bytes) -> Bytes:
        """The salts of account digests (n, 32) and parts (n, 4): uint8 of shape (n, 32)."""
        return hash_columns(self._outer, [hash_columns(self._inner, [digests, parts])])

    def _leaves(self, digests: Bytes, parts: Bytes, amounts: Bytes) -> Leaves:
        return Leaves(leaf_hashes(self.salts(digests, parts), digests, amounts), amounts, digests, parts)

    def _mac_rows(self, rows: Bytes) -> Bytes:
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
        return hash_columns(self._outer, [hash_variable(self._inner, rows.reshape(-1), offsets)])
