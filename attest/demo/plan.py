"""What the demo exchange owns and how its chains are made: the content of `fixtures/demo/funding.toml`."""

from __future__ import annotations

import tomllib
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from attest.demo import fixture_path


def _base_units(value: object) -> int:
    if not isinstance(value, str):
        # pydantic reports a ValueError with the field's place, and lets a TypeError through.
        raise ValueError("an amount is a string of base units")  # noqa: TRY004
    return int(value)


Amount = Annotated[int, BeforeValidator(_base_units)]


class _Fixture(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Coin(_Fixture):
    """One output of `amount` satoshi, at `index` of the wallet's descriptor."""

    amount: Amount
    index: int = 0


class BitcoinWallet(_Fixture):
    """A wallet and its coins; `amount` is their sum in satoshi, without `spent`, `late` and `unconfirmed`.

    `spends_late` says that the first of the coins is spent again after the pinned block.
    """

    id: str
    purpose: str
    storage: str
    asset: str
    amount: Amount
    address: str | None = None
    descriptor: str | None = None
    last_index: int | None = None
    keys: list[str]
    coins: list[Coin]
    spent: Amount | None = None
    late: Amount | None = None
    spends_late: bool = False
    unconfirmed: Amount | None = None


class BitcoinPlan(_Fixture):
    """The regtest chain: block `pinned_height` has the timestamp `pinned_time`."""

    pinned_height: int
    pinned_time: datetime
    block_seconds: int
    faucet_address: str
    faucet_key: str
    wallets: list[BitcoinWallet]


class Token(_Fixture):
    """The ERC-20 contract of the demo."""

    symbol: str
    address: str
    decimals: int
    supply: Amount


class EthereumWallet(_Fixture):
    """An address with its wei and token units at the finalized block; `late` wei arrive after it."""

    id: str
    purpose: str
    storage: str
    address: str
    eth: Amount = Field(alias="ETH")
    dusd: Amount = Field(alias="DUSD")
    late: Amount | None = Field(default=None, alias="late_ETH")


class EthereumPlan(_Fixture):
    """The anvil chain: block `pinned_height` has the timestamp `pinned_time`."""

    chain_id: int
    pinned_height: int
    pinned_time: datetime
    block_seconds: int
    mnemonic: str
    token: Token
    wallets: list[EthereumWallet]

    def time_of(self, height: int) -> int:
        """The timestamp of block `height`, in seconds since 1970."""
        return int(self.pinned_time.timestamp()) + (height - self.pinned_height) * self.block_seconds


class Plan(_Fixture):
    """The content of `funding.toml`."""

    bitcoin: BitcoinPlan
    ethereum: EthereumPlan


def load_plan() -> Plan:
    """What the demo exchange owns, from `funding.toml`."""
    return Plan.model_validate(tomllib.loads(fixture_path("demo/funding.toml").read_text(encoding="utf-8")))
