"""Extended keys and descriptors of wallets."""

from __future__ import annotations

from typing import Any

import wallycore

from attest.chains.wallets import Wallet

BITCOIN = "bip122:000000000019d6689c085ae165831e93"


def wallet(**fields: Any) -> Wallet:
    return Wallet(
        **{"id": "w", "chain": BITCOIN, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )


def respelled(key: str, version: str) -> str:
    """The extended key under other version bytes."""
    payload = bytes(wallycore.base58check_to_bytes(key))
    return str(wallycore.base58check_from_bytes(bytes.fromhex(version) + payload[4:]))


# The account keys and first addresses of SLIP-132's test vectors.
XPUB = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
XPRV = "xprv9xpXFhFpqdQK3TmytPBqXtGSwS3DLjojFhTGht8gwAAii8py5X6pxeBnQ6ehJiyJ6nDjWGJfZ95WxByFXVkDxHXrqu53WCRGypk2ttuqncb"
PUBLIC = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
VERSIONS = {
    "xpub": "0488b21e",
    "ypub": "049d7cb2",
    "zpub": "04b24746",
    "Ypub": "0295b43f",
    "Zpub": "02aa7ed3",
    "tpub": "043587cf",
    "upub": "044a5262",
    "vpub": "045f1cf6",
    "Upub": "024289ef",
    "Vpub": "02575483",
    "Ltub": "019da462",
    "Mtub": "01b26ef6",
    "ttub": "0436f6e1",
}
KEYS = {name: respelled(XPUB, version) for name, version in VERSIONS.items()}
