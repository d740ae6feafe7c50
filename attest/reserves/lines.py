"""The lines of the statement that balances and documents add up to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from attest.chains.namespaces import ChainId
from attest.chains.wallets import Level
from attest.documents import Amount, AssetName, Count, Digest, Document, Text
from attest.purposes import Purpose, Storage

Control = Literal["signature", "custodian", "none"]


class ReserveLine(Document):
    """The balances of `wallets` wallets that share every other field but the amount, in base units.

    `denied` is how much of the amount cannot move, since its token denies the holders transfers; absent when none is.
    """

    asset: AssetName
    chain: ChainId
    purpose: Purpose
    storage: Storage
    evidence: Level
    control: Control
    amount: Amount
    wallets: Annotated[Count, Field(ge=1)]
    denied: Annotated[Amount, Field(ge=1)] = 0

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two lines the same line."""
        return (*self.without_control, self.control)

    @property
    def without_control(self) -> tuple[str, ...]:
        """What readings say of the line: asset, chain, purpose, storage and level of evidence."""
        return (self.asset, self.chain, self.purpose, self.storage, self.evidence)


class MoneyLine(Document):
    """Fiat money in minor units; `evidence_leaf` is the digest of the record of the bank's document."""

    currency: AssetName
    purpose: Literal["customer", "compensation"]
    amount: Amount
    evidence_leaf: Digest


class HeldLine(Document):
    """What only a custodian or bank says that it holds of a coin, in base units; it counts in no coverage.

    `chain` is None where the document names none. `evidence_leaf` is the digest of the record of the document.
    """

    asset: AssetName
    chain: ChainId | None
    purpose: Purpose
    custodian: Text
    amount: Amount
    evidence_leaf: Digest

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two lines the same line, and what lines ascend by."""
        return (self.asset, self.chain or "", self.purpose, self.custodian)
