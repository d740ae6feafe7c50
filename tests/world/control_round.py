"""A round of control on real nodes: who is asked, and with which keys they sign."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_account import Account

from attest.demo.plan import load_plan

DEVICE = Path(__file__).parent / "cold_storage.py"
PLAN = load_plan()
CHALLENGED = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 2, 3, 10, tzinfo=UTC)
NONCE = "5a" * 16


def keys() -> dict[str, Any]:
    """The demo's keys: one for each single address, and a descriptor for each of two signers of the cold wallet."""
    Account.enable_unaudited_hdwallet_features()
    known = {wallet.address: wallet.keys[0] for wallet in PLAN.bitcoin.wallets if wallet.address is not None}
    for number, wallet in enumerate(PLAN.ethereum.wallets):
        account = Account.from_mnemonic(PLAN.ethereum.mnemonic, account_path=f"m/44'/60'/0'/0/{number}")
        known[wallet.address] = account.key.hex()
    cold = PLAN.bitcoin.wallets[0]
    public = [part.split(")")[0] for part in (cold.descriptor or "").split("#")[0].split(",")[1:]]
    private = [f"{key}/48h/1h/0h/2h/0/*" for key in cold.keys]
    signers = [
        f"wsh(sortedmulti(2,{','.join(private[i] if i == signer else public[i] for i in range(3))}))"
        for signer in range(2)
    ]
    return {"keys": known, "signers": signers}
