"""The records of a toy chain."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Literal

from attest.chains.namespaces import ChainId
from attest.chains.records import HeaderRecord, Place, Reading
from attest.documents import Count, Hex, Text


class ToyHeader(HeaderRecord):
    """The bytes of a header; their SHA-256 is the block hash."""

    type: Literal["toy-header"]
    chain: ChainId
    window: Count | None = None
    header: Hex


class ToyBalance(Reading):
    """What the nodes said of an account."""

    type: Literal["toy-balance"]
    level: Literal["agreed", "single"]
    address: Text

    def amounts(self) -> dict[Place, int]:
        """All of it at the address."""
        return {(self.chain, self.address.lower()): self.amount}

    def counts(self) -> Iterator[tuple[Hashable, ...]]:
        """The account."""
        yield (self.chain, self.address.lower())

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """The wallet's balance at the address."""
        return (*super().identity, self.address.lower())
