"""`attest.toml`: the exchange's own description of itself, its ledger, chains, wallets and key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from attest.attestation.statement import Asset, Entity, Scope
from attest.chains.family import family
from attest.chains.pins import Before, PinRule
from attest.chains.settings import ChainSettings, PinAt, each_once
from attest.chains.wallets import Wallet
from attest.documents import Settings, field_path
from attest.exchange.settings import (
    ControlSettings,
    CoverContract,
    Custodian,
    DeclarationForm,
    HeldCoins,
    Keys,
    Ledger,
    Money,
    Policies,
    Privacy,
    Publication,
)
from attest.files import read_bounded
from attest.toml import loads_toml

MAX_CONFIG_BYTES: Final = 24 * 1024 * 1024  # a wallet takes some 170, and of a hundred thousand nobody has more
_NAMES: Final = ("id", "asset", "name", "institution")  # of the tables that there may be many of
_SHOWN: Final = 64


class Chain(ChainSettings):
    """A chain to read, which says nothing that its family does not know."""

    def pin_rule(self, period_end: datetime) -> PinRule:
        """How the block of a period that ends at `period_end` is chosen."""
        match self.pin:
            case "period-end":
                return Before(period_end)
            case PinAt():
                return self.pin.rule
            case None:
                return family(self.id).default_rule
        return self.pin

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        family(self.id).check_settings(self)
        return self


class Config(Settings):
    """All of `attest.toml`. Paths are relative to its folder; `{period}` in a source or document is the period."""

    entity: Entity
    scope: Scope
    ledger: Ledger
    keys: Keys
    publication: Publication = Publication()
    privacy: Privacy = Privacy()
    control: ControlSettings = ControlSettings()
    assets: Annotated[tuple[Asset, ...], Field(min_length=1)]
    chains: tuple[Chain, ...] = ()
    wallets: tuple[Wallet, ...] = ()
    custodians: tuple[Custodian, ...] = ()
    money: tuple[Money, ...] = ()
    held: tuple[HeldCoins, ...] = ()
    cover: tuple[CoverContract, ...] = ()
    declarations: tuple[DeclarationForm, ...] = ()
    policies: Policies = Policies()

    def showing_names(self) -> Config:
        """The config with errors of the ledger that show what stands in it."""
        return self.model_copy(update={"ledger": self.ledger.showing_names()})

    @property
    def decimals(self) -> dict[str, int]:
        """The decimals of each asset."""
        return {item.asset: item.decimals for item in self.assets}

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Self:
        each_once("asset", [item.asset for item in self.assets])
        each_once("chain", [chain.id for chain in self.chains])
        each_once("wallet", [wallet.id for wallet in self.wallets])
        each_once("custodian", [custodian.name for custodian in self.custodians])
        for name in {item.name for item in self.custodians} - {wallet.custodian for wallet in self.wallets}:
            raise ValueError(f"no wallet names the custodian {name}; is one of the two misspelt?")
        offered = {chain.id: self._offered(chain) for chain in self.chains}
        for wallet in self.wallets:
            _check_wallet(wallet, offered)
        for name in (*self.privacy.max_part, *self.privacy.decoys):
            self._known(name, "privacy")
        for money in self.money:
            self._known(money.currency, f"money at {money.institution}")
        for item in self.held:
            self._known(item.asset, f"held by {item.custodian}")
        for contract in self.cover:
            self._known(contract.currency, f"cover of {contract.institution}")
        for form in self.declarations:
            if form.unit is not None:
                self._known(form.unit, f"declaration {form.kind} {form.name}")
        return self

    def _offered(self, chain: Chain) -> set[str]:
        """The assets of a chain."""
        decimals = family(chain.id).decimals(chain.id)
        if self.decimals.get(chain.native) not in {None, decimals}:
            raise ValueError(f"{chain.native} needs {decimals} decimals, being the coin of {chain.id}")
        names = [chain.native, *(token.asset for token in chain.tokens)]
        each_once(f"asset on {chain.id}", names)
        each_once(f"contract on {chain.id}", [token.contract.lower() for token in chain.tokens])
        for name in names:
            self._known(name, f"chain {chain.id}")
        coins = {other.native: other.id for other in self.chains}
        for token in chain.tokens:
            if token.asset in coins and not token.wrapped:
                raise ValueError(
                    f"chain {chain.id}: a token counts as {token.asset}, the coin of {coins[token.asset]}; "
                    "give it an asset of its own, or say wrapped = true"
                )
        return set(names)

    def _known(self, asset: str, where: str) -> None:
        if asset not in self.decimals:
            raise ValueError(f"{where} names {asset}, which has no [[assets]] table")


def _check_wallet(wallet: Wallet, offered: Mapping[str, set[str]]) -> None:
    each_once(f"asset of wallet {wallet.id}", list(wallet.assets))
    if wallet.chain not in offered:
        raise ValueError(f"wallet {wallet.id} is on {wallet.chain}, which has no [[chains]] table")
    if wallet.descriptor is not None and not family(wallet.chain).takes_descriptors:
        raise ValueError(f"wallet {wallet.id}: a descriptor is for Bitcoin; {wallet.chain} has addresses")
    for name in wallet.assets:
        if name not in offered[wallet.chain]:
            raise ValueError(f"wallet {wallet.id} holds {name}, which {wallet.chain} does not list")


def read_config(path: Path) -> Config:
    """Read and check `attest.toml`. Raises `MalformedError` naming the field, `UnavailableError`."""
    data = read_bounded(path, MAX_CONFIG_BYTES)
    value = loads_toml(data, what=path.name, max_bytes=MAX_CONFIG_BYTES, area="config")
    return Config.from_value(value, what=path.name, place=lambda item: _place(value, item["loc"]))


def _place(value: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    """Where a field is; a table of many also by its name, since nobody counts wallets from 0."""
    path = field_path(location)
    if len(location) > 1 and isinstance(location[1], int):
        table = value[str(location[0])][location[1]]
        named = [(key, table[key]) for key in _NAMES if isinstance(table, dict) and isinstance(table.get(key), str)]
        if named:
            key, name = named[0]
            return f"{path} ({key} = {name[:_SHOWN]!r})"
    return path
