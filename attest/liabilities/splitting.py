"""Balances split into parts, so that a neighbour in the tree learns the size of a fragment, not of a balance."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attest.errors import MalformedError

MAX_PARTS: Final = 256


@dataclass(frozen=True, slots=True)
class Splitting:
    """How an asset's balances are split: into parts of at most `max_part` base units, or into `parts` parts."""

    max_part: int | None = None
    parts: int = 1

    def split(self, amount: int, digest: bytes, key: bytes) -> Iterator[tuple[int, int]]:
        """Parts and their amounts, which add up to `amount`.

        Their sizes differ by a factor of at most two, drawn by `key`, the asset's, and the account's `digest`:
        equal sizes would tell neighbours that they see parts of one balance. Raises `MalformedError` beyond
        `MAX_PARTS`.
        """
        count = self._count(amount)
        if count == 1:
            yield 0, amount
            return
        weights = [2**31 + _draw(key, digest, part) for part in range(count)]
        total = sum(weights)
        shares = [amount * weight // total for weight in weights]
        rest = amount - sum(shares)
        number = 0
        for position, share in enumerate(shares):
            if fragment := share + (position < rest):
                yield number, fragment
                number += 1

    def _count(self, amount: int) -> int:
        if self.max_part is None:
            return self.parts
        # A part weighs at most twice what another does, so twice as many keep the heaviest within the bound.
        count = 1 if amount <= self.max_part else 2 * amount // self.max_part + 1
        if count > MAX_PARTS:
            raise MalformedError(
                "privacy/max-part",
                f"a balance would be split into {count:,} parts of at most {self.max_part} base units",
                hint=f"a proof must stay small: choose a max_part that gives at most {MAX_PARTS} parts",
            )
        return count


WHOLE: Final = Splitting()


def _draw(key: bytes, digest: bytes, part: int) -> int:
    """31 bits."""
    return int.from_bytes(hmac.digest(key, b"split" + digest + part.to_bytes(4), "sha256")[:4]) // 2
