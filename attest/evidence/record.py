"""One record of the evidence, its leaf, and its name in an error (protocol.md, section 4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from attest.documents import Document, Hex
from attest.errors import AttestError, VerificationError
from attest.merkle import tagged_hash

Salt = Annotated[Hex, Field(min_length=16, max_length=16)]


def new_salt() -> bytes:
    """16 random bytes for one record."""
    return secrets.token_bytes(16)


def record_leaf(record: bytes) -> bytes:
    """The leaf of a record's RFC 8785 bytes in the evidence tree."""
    return tagged_hash("attest/v1/evidence", record)


class Record(Document):
    """One record. `salt` keeps a record that stays private from being guessed from its leaf."""

    salt: Salt

    @property
    def leaf(self) -> bytes:
        """The record's leaf in the evidence tree."""
        return record_leaf(self.to_bytes())

    @property
    def type_name(self) -> str:
        """The type by which the record is told from others."""
        return str(getattr(self, "type", "record"))

    @property
    def block(self) -> int | None:
        """The height of the block of a window that the record belongs to; None for the pin, and for no block."""
        height: int | None = getattr(self, "window", None)
        return height

    @property
    def at_pin(self) -> bool:
        """Whether the record belongs to no block of a window."""
        return self.block is None

    @property
    def subject(self) -> str:
        """What the record is of, in an error about it."""
        return self.type_name if self.at_pin else f"{self.type_name} at block {self.block}"

    @property
    def rests_on(self) -> str:
        """What the record says or rests on, in a few words of a table."""
        return str(getattr(self, "address", ""))


@contextmanager
def naming(index: int, record: Record) -> Iterator[None]:
    """Name the record in an error about it: whatever is wrong with evidence, it does not hold."""
    try:
        yield
    except AttestError as error:
        message = f"record {index} ({record.subject}): {error.message}"
        raise VerificationError(error.code, message, hint=error.hint) from None
