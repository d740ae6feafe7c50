"""What a statement says of what was read: its assets with their contracts, the pinned blocks, the lines of reserves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attest.attestation.pin_times import StatedPin, refuse_far_pins, state_pins
from attest.attestation.statement import Asset, AssetToken, StatedAsset
from attest.chains.family import family
from attest.chains.records import Reading, contract_place
from attest.chains.wallets import Pin
from attest.control.shown import NOBODY, Shown
from attest.evidence.record import Record
from attest.exchange.config import Config
from attest.reserves.lines import ReserveLine


def stated_assets(config: Config, pins: Sequence[Pin]) -> tuple[StatedAsset, ...]:
    """The assets as a statement has them: those that are tokens on a pinned chain list their contracts there."""
    pinned = {pin.chain for pin in pins}
    contracts: dict[str, list[tuple[str, str]]] = {}
    for chain in config.chains:
        for token in chain.tokens if chain.id in pinned else ():
            contracts.setdefault(token.asset, []).append(contract_place(chain.id, token.contract))
    return tuple(
        _stated_asset(item, sorted(contracts.get(item.asset, ())))
        for item in sorted(config.assets, key=lambda item: item.asset)
    )


def _stated_asset(item: Asset, contracts: Sequence[tuple[str, str]]) -> StatedAsset:
    if not contracts:
        return StatedAsset(asset=item.asset, decimals=item.decimals)
    tokens = tuple(
        AssetToken(chain=chain, contract=family(chain).token_contract(contract)) for chain, contract in contracts
    )
    return StatedAsset(asset=item.asset, decimals=item.decimals, tokens=tokens)


def chains_read(config: Config, period: str, pins: Iterable[Pin]) -> tuple[StatedPin, ...]:
    """The pins of `period`, those far from its end with the reasons of the config, where it gives any."""
    return state_pins(pins, config.ledger.period_end(period), {chain.id: chain.reason for chain in config.chains})


def refuse_far(config: Config, period: str, pins: Iterable[Pin]) -> None:
    """Raises `MalformedError` for a pin far from the end of `period`, for which the config gives no reason."""
    refuse_far_pins(chains_read(config, period, pins), config.ledger.period_end(period))


def reserve_lines(records: Sequence[Record], shown: Shown = NOBODY) -> tuple[ReserveLine, ...]:
    """The statement's lines that the readings among `records` add up to, with the control that is `shown`."""
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for record in records:
        if isinstance(record, Reading) and record.at_pin:
            groups.setdefault((*record.line, shown.control_of(record)), []).append(record)
    lines = [
        ReserveLine(
            asset=readings[0].asset,
            chain=readings[0].chain,
            purpose=readings[0].purpose,
            storage=readings[0].storage,
            evidence=readings[0].level,
            control=shown.control_of(readings[0]),
            amount=sum(reading.amount for reading in readings),
            wallets=len(readings),
            **_denied(readings),
        )
        for readings in groups.values()
    ]
    return tuple(sorted(lines, key=lambda line: line.key))


def _denied(readings: Sequence[Reading]) -> dict[str, int]:
    """The field of a line that says how much of its amount cannot move, where some of it cannot."""
    denied = sum(reading.denied_amount for reading in readings)
    return {"denied": denied} if denied else {}
