"""Wallets of a register."""

from __future__ import annotations

from typing import Any

from attest.chains.wallets import Wallet

MAINNET = "bip122:000000000019d6689c085ae165831e93"
ETHEREUM, POLYGON = "eip155:1", "eip155:137"
HOLDER = "0x9022460B384C599738D8558330EbDCdD583d7d02"
FIRST = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def bitcoin(name: str, **fields: Any) -> Wallet:
    return Wallet(
        **{"id": name, "chain": MAINNET, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )


def ethereum(name: str, *assets: str, **fields: Any) -> Wallet:
    return Wallet(
        **{
            "id": name,
            "chain": ETHEREUM,
            "address": HOLDER,
            "assets": assets,
            "purpose": "customer",
            "storage": "hot",
            **fields,
        }
    )
