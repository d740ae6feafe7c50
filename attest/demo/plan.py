"""The plan of the demo exchange: what it owns and how its chains are made, as `fixtures/demo/funding.toml` says."""

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
    """One output of a wallet.

    `amount`: satoshi.
    `index`: of the address, in the wallet's descriptor.
    """

    amount: Amount
    index: int = 0


class BitcoinWallet(_Fixture):
    """A Bitcoin wallet; amounts are satoshi.

    `id`, `purpose`, `storage`, `asset`: as the config has them.
    `amount`: the sum of `coins`, which the wallet holds at the pinned block.
    `address`: of a wallet without a descriptor.
    `descriptor`: of a wallet with several addresses.
    `last_index`: the last address of the descriptor that counts.
    `keys`: its private keys, WIF or extended, with which the demo spends its coins.
    `coins`: its outputs at the pinned block.
    `spent`: an output that is paid and spent again before the pinned block.
    `late`: an output that is paid after the pinned block.
    `spends_late`: whether the first of the coins is spent after the pinned block.
    `unconfirmed`: a payment that stays outside any block.
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
    """The regtest chain.

    `pinned_height`, `pinned_time`: height and timestamp of the pinned block.
    `block_seconds`: between two blocks.
    `faucet_address`, `faucet_key`: of the faucet that pays all wallets.
    `wallets`: those it pays, in order.
    """

    pinned_height: int
    pinned_time: datetime
    block_seconds: int
    faucet_address: str
    faucet_key: str
    wallets: list[BitcoinWallet]


class Token(_Fixture):
    """The ERC-20 contract of the demo.

    `symbol`, `decimals`: of the token.
    `address`: at which it comes to lie.
    `supply`: base units, all of them its deployer's at first.
    """

    symbol: str
    address: str
    decimals: int
    supply: Amount


class EthereumWallet(_Fixture):
    """An Ethereum wallet of one address.

    `id`, `purpose`, `storage`: as the config has them.
    `eth`: wei at the pinned block.
    `dusd`: base units of the token at the pinned block.
    `late`: wei that arrive after the pinned block.
    """

    id: str
    purpose: str
    storage: str
    address: str
    eth: Amount = Field(alias="ETH")
    dusd: Amount = Field(alias="DUSD")
    late: Amount | None = Field(default=None, alias="late_ETH")


class EthereumPlan(_Fixture):
    """The anvil chain.

    `chain_id`: that of EIP-155.
    `pinned_height`, `pinned_time`: height and timestamp of the pinned block.
    `block_seconds`: between two blocks.
    `mnemonic`: the words from which the wallets' keys are derived.
    `token`: the ERC-20 contract.
    `wallets`: those that are paid, in order.
    """

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
    """The plan in `fixtures/demo/funding.toml`."""
    return Plan.model_validate(tomllib.loads(fixture_path("demo/funding.toml").read_text(encoding="utf-8")))
