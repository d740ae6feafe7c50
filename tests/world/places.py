"""Where wallets of a register are, as the readers of their chains take it."""

from __future__ import annotations

from collections.abc import Sequence

from attest.chains.wallets import Wallet
from attest.reserves.register import register


def addresses_of(wallets: Sequence[Wallet]) -> dict[str, str]:
    """The address of each wallet of EVM chains, by its id."""
    return {wallet: place for wallet, (place,) in register(wallets).places.items() if isinstance(place, str)}
