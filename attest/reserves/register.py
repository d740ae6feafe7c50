"""The whole register at once: where every wallet stands, and that no two of them count the same coins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attest.errors import MalformedError
from attest.reserves.bitcoin_scripts import scripts
from attest.reserves.ethereum_proof import checksum_address
from attest.reserves.wallets import Wallet


@dataclass(frozen=True, slots=True)
class Register:
    """Where wallets stand, by wallet id; no coin is in two of them.

    `scripts` has the scriptPubKeys of each wallet of a bip122 chain, `addresses` the EIP-55 address of each of an
    eip155 chain.
    """

    scripts: Mapping[str, tuple[bytes, ...]]
    addresses: Mapping[str, str]


def register(wallets: Sequence[Wallet]) -> Register:
    """Find where `wallets`, whose ids differ, stand. Nothing is asked of a network.

    Raises `MalformedError` naming both wallets when two would count the same coins, in whatever spelling
    (`config/double-count`), or when two share an address but not its purpose and storage (`config/two-purposes`):
    one key moves everything at an address, so that it cannot hold coins for two. Raises it also for an address or
    descriptor that is none.
    """
    scripts_of: dict[str, tuple[bytes, ...]] = {}
    address_of: dict[str, str] = {}
    owners: dict[tuple[str, ...] | tuple[str, bytes], Wallet] = {}
    tenants: dict[tuple[str, str], Wallet] = {}
    for wallet in wallets:
        if wallet.chain.startswith("bip122:"):
            scripts_of[wallet.id] = scripts(wallet)
            for script in scripts_of[wallet.id]:
                if (other := owners.setdefault((wallet.chain, script), wallet)) is not wallet:
                    raise _double(other, wallet, f"the script {script.hex()}")
            continue
        address_of[wallet.id] = address = _address(wallet)
        for asset in wallet.assets:
            if (other := owners.setdefault((wallet.chain, address, asset), wallet)) is not wallet:
                raise _double(other, wallet, f"{asset} at the address {address}")
        other = tenants.setdefault((wallet.chain, address), wallet)
        if (other.purpose, other.storage) != (wallet.purpose, wallet.storage):
            raise MalformedError(
                "config/two-purposes",
                f"wallets {other.id} and {wallet.id} are one address, {address}, with two purposes or kinds of storage",
                hint="an address holds everything for one purpose; move what belongs to the other",
            )
    return Register(scripts_of, address_of)


def _address(wallet: Wallet) -> str:
    try:
        return checksum_address(wallet.address or "")
    except MalformedError as error:
        raise error.within(f"wallet {wallet.id}") from None


def _double(one: Wallet, other: Wallet, what: str) -> MalformedError:
    return MalformedError(
        "config/double-count",
        f"wallets {one.id} and {other.id} share {what}",
        hint="list every address and every range of a descriptor in one wallet only",
    )
