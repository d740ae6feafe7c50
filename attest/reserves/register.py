"""The whole register at once: where every wallet stands, and that no two of them count the same coins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attest.chains.family import family
from attest.chains.records import Place
from attest.chains.wallets import Wallet
from attest.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Register:
    """Where wallets stand: the places of each by its id, as its chain's family spells them. No coin is in two."""

    places: Mapping[str, tuple[str | bytes, ...]]


def register(wallets: Sequence[Wallet]) -> Register:
    """Find where `wallets`, whose ids differ, stand. Nothing is asked of a network.

    Raises `MalformedError` naming both wallets when two would count the same coins, in whatever spelling
    (`config/double-count`), or when two share an address but not its purpose and storage (`config/two-purposes`):
    one key moves everything at an address, so that it cannot hold coins for two. Raises it also for an address or
    descriptor that is none.
    """
    places_of: dict[str, tuple[str | bytes, ...]] = {}
    owners: dict[tuple[Place, str], Wallet] = {}
    tenants: dict[Place, Wallet] = {}
    for wallet in wallets:
        found = family(wallet.chain)
        places_of[wallet.id] = found.places(wallet)
        for where in places_of[wallet.id]:
            place = (wallet.chain, where)
            for asset in wallet.assets:
                if (other := owners.setdefault((place, asset), wallet)) is not wallet:
                    raise _double(other, wallet, found.place_name(where, asset))
            other = tenants.setdefault(place, wallet)
            if (other.purpose, other.storage) != (wallet.purpose, wallet.storage):
                raise MalformedError(
                    "config/two-purposes",
                    f"wallets {other.id} and {wallet.id} are one address, {_shown(where)}, with two purposes or kinds "
                    "of storage",
                    hint="an address holds everything for one purpose; move what belongs to the other",
                )
    return Register(places_of)


def _shown(place: str | bytes) -> str:
    return place if isinstance(place, str) else place.hex()


def _double(one: Wallet, other: Wallet, what: str) -> MalformedError:
    return MalformedError(
        "config/double-count",
        f"wallets {one.id} and {other.id} share {what}",
        hint="list every address and every range of a descriptor in one wallet only",
    )
