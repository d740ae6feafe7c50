"""The splitting of a balance over several leaves, so that a neighbour in the tree learns a fragment, not a balance."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attest.errors import MalformedError

MAX_PARTS: Final = 256  # of one balance; each is a leaf with a path of its own in the customer's proof


@dataclass(frozen=True, slots=True)
class Splitting:
    """How every balance of an asset is split.

    `max_part`: the largest part, in base units; None where `parts` decides.
    `parts`: the number of parts; it counts only where `max_part` is None.
    """

    max_part: int | None = None
    parts: int = 1

    def split(self, amount: int, digest: bytes, key: bytes) -> Iterator[tuple[int, int]]:
        """The parts of a balance: their numbers from 0 and their amounts, which add up to `amount`.

        `amount`: in base units, above 0; parts of 0 base units are left out.
        `digest`: the account digest, 32 bytes.
        `key`: the asset's key, 32 bytes, by which the sizes are drawn.

        Sizes vary by a factor of up to two, because equal ones would tell neighbours that they see parts of one
        balance.
        Raises `MalformedError` when `max_part` asks for more than `MAX_PARTS` parts.
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
        # The heaviest part weighs at most twice what any other does, so twice as many parts keep it within `max_part`.
        count = 1 if amount <= self.max_part else 2 * amount // self.max_part + 1
        if count > MAX_PARTS:
            raise MalformedError(
                "privacy/max-part",
                f"a balance would be split into {count:,} parts of at most {self.max_part} base units",
                hint=f"a proof must stay small: choose a max_part that gives at most {MAX_PARTS} parts",
            )
        return count


WHOLE: Final = Splitting()  # every balance is one leaf


def _draw(key: bytes, digest: bytes, part: int) -> int:
    """A number of 31 bits that `key` determines for one part of an account's balance."""
    return int.from_bytes(hmac.digest(key, b"split" + digest + part.to_bytes(4), "sha256")[:4]) // 2
