"""The digest of what is read: a reading that was kept is gone on with only where it is of the same register."""

from __future__ import annotations

from hashlib import sha256

from attest.canonical import dumps
from attest.chains.challenge import nonce_text
from attest.exchange.config import Config


def register_digest(config: Config, period: str, nonce: bytes | None) -> bytes:
    """A digest of what is read, whichever nodes it is read from."""
    chains = []
    for chain in config.chains:
        apart = {"nodes", "agree", "grace", "reason"} | ({"window"} if chain.window is None else set())
        chains.append({**chain.model_dump(mode="json", exclude=apart), "several": chain.needed > 1})
    wallets = [wallet.to_value() for wallet in config.wallets]
    read = {asset for chain in config.chains for asset in (chain.native, *(token.asset for token in chain.tokens))}
    decimals = {asset: config.decimals[asset] for asset in read}
    read_there = {"period": period, "chains": chains, "wallets": wallets, "decimals": decimals}
    return sha256(dumps(read_there if nonce is None else {**read_there, "nonce": nonce.hex()})).digest()


def register_parts(config: Config, period: str, nonce: bytes | None) -> dict[str, bytes]:
    """Digests of what the register is made of, by the name that people know it by."""
    whole = config.model_copy(
        update={"chains": tuple(chain.model_copy(update={"window": None}) for chain in config.chains), "wallets": ()}
    )
    windows = [chain.window and chain.window.to_value() for chain in config.chains]
    return {
        "period": sha256(period.encode()).digest(),
        "chains, their tokens and decimals": register_digest(whole, "-", None),
        "window": sha256(dumps(windows)).digest(),
        "wallets": sha256(dumps([wallet.to_value() for wallet in config.wallets])).digest(),
        "nonce": sha256(nonce_text(nonce).encode()).digest(),
    }
