"""What readings count: no coins twice, and the own coin of a chain as one asset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from attest.errors import VerificationError
from attest.reserves.ethereum_proof import checksum_address
from attest.reserves.records import (
    BitcoinUtxos,
    EthereumBalance,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    OwnWallet,
    Reading,
)

ASKED: Final = "balanceOf"  # the end of a `source` that is no slot
_SHORT_SLOT: Final = 2**32

Place = tuple[str, str | bytes]
"""A chain, and an EIP-55 address or a scriptPubKey there."""

ContractPlace = tuple[str, str]
"""A chain, and the address of a token contract there, in lower case."""

Contracts = Mapping[str, Collection[ContractPlace]]
"""The token contracts that count as an asset, by its name."""


def refuse_double_counting(readings: Iterable[Reading]) -> None:
    """Raises `VerificationError` naming both wallets when two of `readings` count the same coins."""
    owner: dict[tuple[object, ...], Reading] = {}
    for reading in readings:
        for place in _places(reading):
            if place in owner:
                raise VerificationError(
                    "recheck/double-count",
                    f"wallets {owner[place].wallet} and {reading.wallet} count the same {reading.asset}",
                )
            owner[place] = reading


def _places(reading: Reading) -> Iterable[tuple[object, ...]]:
    """What a reading counts, in a spelling that two readings of the same coins share."""
    match reading:
        case EthereumBalance():
            yield (reading.chain, reading.address.lower())
        case EthereumTokenBalance() | EthereumTokenAnswer():
            yield (reading.chain, reading.address.lower(), reading.contract.lower())
        case BitcoinUtxos():
            for utxo in reading.utxos:
                yield (utxo.txid, utxo.vout)  # on whatever chain: no transaction is on two of them


def refuse_two_assets(readings: Iterable[Reading], listed: Contracts) -> None:
    """Raises `VerificationError` when one token contract counts as two assets, or as one that does not list it.

    `listed` has the contracts of each asset of which the statement lists any.
    """
    asset_of = {place: asset for asset, places in listed.items() for place in places}
    for reading in readings:
        if not isinstance(reading, EthereumTokenBalance | EthereumTokenAnswer):
            continue
        place = contract_place(reading.chain, reading.contract)
        named = f"the token contract {reading.contract} on {reading.chain}"
        if (other := asset_of.setdefault(place, reading.asset)) != reading.asset:
            raise VerificationError(
                "recheck/token", f"{named} counts as {reading.asset} in wallet {reading.wallet}, and as {other} too"
            )
        if place not in listed.get(reading.asset, {place}):
            raise VerificationError(
                "recheck/token",
                f"{named} counts as {reading.asset} in wallet {reading.wallet}, and the statement does not list it",
            )


def contract_place(chain: str, contract: str) -> ContractPlace:
    """A token contract in the spelling by which two are compared."""
    return chain, contract.lower()


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
        yield wallet.chain, checksum_address(wallet.address)
    for script in wallet.scripts or ():
        yield wallet.chain, script


def places_of(reading: Reading) -> set[Place]:
    """Where a balance lies; nowhere when a Bitcoin wallet has no output. Raises `MalformedError` for no address."""
    return set(amounts_of(reading))


def amounts_of(reading: Reading) -> dict[Place, int]:
    """How much of a balance lies at each place, in base units. Raises `MalformedError` for no address."""
    match reading:
        case BitcoinUtxos():
            amounts: dict[Place, int] = {}
            for utxo in reading.utxos:
                place = (reading.chain, utxo.script)
                amounts[place] = amounts.get(place, 0) + utxo.amount
            return amounts
        case EthereumBalance() | EthereumTokenBalance() | EthereumTokenAnswer():
            return {(reading.chain, checksum_address(reading.address)): reading.amount}
    raise TypeError(type(reading))


def coins(readings: Iterable[Reading]) -> dict[str, str]:
    """As which asset the own coin of each chain counts.

    Raises `VerificationError` when it counts as two, or when a token of that chain counts as the same.
    """
    found: dict[str, Reading] = {}
    tokens: dict[tuple[str, str], Reading] = {}
    for reading in readings:
        if not isinstance(reading, EthereumBalance | BitcoinUtxos):
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


def denied_amount(reading: Reading) -> int:
    """How much of a balance cannot move, since its token denies the holder transfers: all of it, or nothing."""
    return reading.amount if isinstance(reading, EthereumTokenBalance) and reading.denied else 0


def denied_amounts(readings: Iterable[Reading]) -> dict[tuple[str, ...], int]:
    """What of the balances cannot move, by line without its control; lines of which everything can are left out."""
    found: dict[tuple[str, ...], int] = {}
    for reading in readings:
        if amount := denied_amount(reading):
            found[reading.line] = found.get(reading.line, 0) + amount
    return found


def source(reading: EthereumTokenBalance | EthereumTokenAnswer) -> str:
    """The contract of a token's balance, and where in it the balance was found."""
    if isinstance(reading, EthereumTokenAnswer):
        return f"{reading.contract} {ASKED}"
    slot = int.from_bytes(reading.slot)
    return f"{reading.contract} slot {slot if slot < _SHORT_SLOT else hex(slot)}" + (
        "" if reading.layout == "solidity" else f" ({reading.layout})"
    )
