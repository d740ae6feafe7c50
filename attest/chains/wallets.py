"""The register of wallets, the pinned blocks, and the statement's lines that balances add up to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from attest.chains.descriptor_text import one_spelling
from attest.chains.namespaces import ChainId
from attest.documents import AssetName, Count, Digest, Document, LongText, Text, Time
from attest.purposes import Purpose, Storage

WalletId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RegisterPurpose = Literal[Purpose, "own"]  # own coins are in no line: the register holds them so that none counts twice
Level = Literal["proven", "agreed", "single"]  # of what was read from a chain (protocol.md, section 6)


class Pin(Document):
    """The one block of a chain at which every balance is read; `block_hash` as explorers show it, without 0x."""

    chain: ChainId
    height: Count
    block_hash: Digest
    time: Time


def _one_spelling(value: object) -> object:
    return one_spelling(value) if isinstance(value, str) else value


class Wallet(Document):
    """One wallet of the register: an address, or a Bitcoin descriptor with the range of its `*`.

    A wallet serves one purpose; that of the exchange's `own` coins is not read. `custodian` is who holds the keys when
    the exchange does not. `public = false` keeps its record in the auditor's edition of the evidence.
    """

    id: WalletId
    chain: ChainId
    address: Text | None = None
    descriptor: Annotated[LongText, BeforeValidator(_one_spelling)] | None = None
    range: tuple[Count, Count] | None = None
    assets: Annotated[tuple[AssetName, ...], Field(min_length=1)]
    purpose: RegisterPurpose
    storage: Storage
    custodian: Text | None = None
    public: bool = True

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.address is None) == (self.descriptor is None):
            raise ValueError(f"wallet {self.id} needs either an address or a descriptor")
        if (self.range is not None) != ("*" in (self.descriptor or "")):
            raise ValueError(f"wallet {self.id} needs a range exactly when its descriptor has a *")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"wallet {self.id}: the range ends before it starts")
        return self


class Unlisted(Document):
    """An amount, in base units, that lies at a wallet and does not count.

    `asset` is one that the wallet does not list, or the contract of a token that the config does not name.
    """

    wallet: WalletId
    asset: Text
    amount: Annotated[str, StringConstraints(pattern=r"^(?:0|[1-9][0-9]{0,77})$")]


class Unproven(Document):
    """Why a token of the config is not proven; where `wallet` is there, only what that wallet has of it is not."""

    chain: ChainId
    asset: AssetName
    wallet: WalletId | None = None
    reason: LongText
