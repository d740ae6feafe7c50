"""Signatures as BIP-137 has them."""

from __future__ import annotations

import base64
from hashlib import sha256

import wallycore

BITCOIN = "bip122:000000000019d6689c085ae165831e93"
CHALLENGE = f"""\
attest/v1 proof of control
entity: demo.example
period: 2026-10
chain: {BITCOIN}
address: bc1qexample
block: 915000 000000000000000000008e2e1f1ab6f1ac6dc79a86a3b4a4a7c3cfd2b8b5d8c1
nonce: -
"""


def bip137(
    key: int, message: str = CHALLENGE, *, compressed: bool = True, header: int | None = None, coin: str = "Bitcoin"
) -> str:
    """The signature of BIP-137 by libsecp256k1, whatever its first byte should be."""
    parts = f"{coin} Signed Message:\n".encode(), message.encode()
    signed = b"".join(bytes(wallycore.varint_to_bytes(len(part))) + part for part in parts)
    digest = sha256(sha256(signed).digest()).digest()
    flags = wallycore.EC_FLAG_ECDSA | wallycore.EC_FLAG_RECOVERABLE
    signature = bytes(wallycore.ec_sig_from_bytes(key.to_bytes(32), digest, flags))
    first = signature[0] - (0 if compressed else 4) if header is None else header
    return base64.b64encode(bytes((first,)) + signature[1:]).decode()
