"""What readings count: no coins twice, and the own coin of a chain as one asset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attest.chains.family import family
from attest.chains.records import ContractPlace, Place, Reading, contract_place, places_of
from attest.errors import VerificationError
from attest.reserves.records import OwnWallet

Contracts = Mapping[str, Collection[ContractPlace]]
"""The token contracts that count as an asset, by its name."""


def refuse_double_counting(readings: Iterable[Reading]) -> None:
    """Raises `VerificationError` naming both wallets when two of `readings` count the same coins."""
    owner: dict[tuple[object, ...], Reading] = {}
    for reading in readings:
        for place in reading.counts():
            if place in owner:
                raise VerificationError(
                    "recheck/double-count",
                    f"wallets {owner[place].wallet} and {reading.wallet} count the same {reading.asset}",
                )
            owner[place] = reading


def refuse_two_assets(readings: Iterable[Reading], listed: Contracts) -> None:
    """Raises `VerificationError` when one token contract counts as two assets, or as one that does not list it.

    `listed` has the contracts of each asset of which the statement lists any.
    """
    asset_of = {place: asset for asset, places in listed.items() for place in places}
    for reading in readings:
        if reading.token is None:
            continue
        place = contract_place(reading.chain, reading.token)
        named = f"the token contract {reading.token} on {reading.chain}"
        if (other := asset_of.setdefault(place, reading.asset)) != reading.asset:
            raise VerificationError(
                "recheck/token", f"{named} counts as {reading.asset} in wallet {reading.wallet}, and as {other} too"
            )
        if place not in listed.get(reading.asset, {place}):
            raise VerificationError(
                "recheck/token",
                f"{named} counts as {reading.asset} in wallet {reading.wallet}, and the statement does not list it",
            )


def refuse_two_purposes(readings: Iterable[Reading]) -> None:
    """Raises `VerificationError` when what lies at one place serves two purposes or kinds of storage.

    One key moves everything at an address: it cannot hold coins for two. Raises `MalformedError` for no address.
    """
    tenant: dict[Place, Reading] = {}
    for reading in readings:
        for place in places_of(reading):
            other = tenant.setdefault(place, reading)
            if (other.purpose, other.storage) != (reading.purpose, reading.storage):
                raise VerificationError(
                    "recheck/two-purposes",
                    f"wallets {other.wallet} and {reading.wallet} hold coins at one place for two purposes",
                )


def refuse_own(readings: Iterable[Reading], wallets: Iterable[OwnWallet]) -> None:
    """Raises `VerificationError` when one of `readings` counts what lies in one of the exchange's own `wallets`."""
    owner = {place: wallet for wallet in wallets for place in _own_places(wallet)}
    for reading in readings:
        for place in places_of(reading) & owner.keys():
            raise VerificationError(
                "recheck/own",
                f"wallet {reading.wallet} counts coins of the exchange's own wallet {owner[place].wallet}",
            )


def _own_places(wallet: OwnWallet) -> Iterable[Place]:
    if wallet.address is not None:
        yield wallet.chain, family(wallet.chain).place(wallet.chain, wallet.address)
    for script in wallet.scripts or ():
        yield wallet.chain, script


def coins(readings: Iterable[Reading]) -> dict[str, str]:
    """As which asset the own coin of each chain counts.

    Raises `VerificationError` when it counts as two, or when a token of that chain counts as the same.
    """
    found: dict[str, Reading] = {}
    tokens: dict[tuple[str, str], Reading] = {}
    for reading in readings:
        if not reading.native:
            tokens.setdefault((reading.chain, reading.asset), reading)
        elif (other := found.setdefault(reading.chain, reading)).asset != reading.asset:
            raise VerificationError(
                "recheck/coin",
                f"the coin of {reading.chain} counts as {other.asset} in wallet {other.wallet}, "
                f"as {reading.asset} in wallet {reading.wallet}",
            )
    for chain, coin in found.items():
        if (token := tokens.get((chain, coin.asset))) is not None:
            raise VerificationError(
                "recheck/coin", f"wallet {token.wallet} counts a token of {chain} as its coin, {coin.asset}"
            )
    return {chain: coin.asset for chain, coin in found.items()}


def denied_amounts(readings: Iterable[Reading]) -> dict[tuple[str, ...], int]:
    """What of the balances cannot move, by line without its control; lines of which everything can are left out."""
    found: dict[tuple[str, ...], int] = {}
    for reading in readings:
        if amount := reading.denied_amount:
            found[reading.line] = found.get(reading.line, 0) + amount
    return found
