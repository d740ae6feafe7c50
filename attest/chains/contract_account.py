"""Who signs for an address that no single key controls, as a challenge is told."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from attest.documents import Count, Document

MAX_OWNERS: Final = 256
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Owners = Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_OWNERS)]


class ContractAccount(Document):
    """A contract at a challenge's address: of a known Safe the owners, of whom `threshold` must sign, else nothing."""

    owners: Owners | None = None
    threshold: Annotated[Count, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.owners is None) != (self.threshold is None):
            raise ValueError("a Safe has owners and a threshold")
        return self
