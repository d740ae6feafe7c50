"""MuHash as plainly as it can be written."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

MODULUS = 2**3072 - 1103717


def number(element: bytes) -> int:
    keystream = Cipher(ChaCha20(sha256(element).digest(), bytes(16)), mode=None).encryptor().update(bytes(384))
    return int.from_bytes(keystream, "little")


def finish(product: int) -> bytes:
    return sha256(product.to_bytes(384, "little")).digest()[::-1]


def naive(elements: list[bytes]) -> bytes:
    product = 1
    for element in elements:
        product = product * number(element) % MODULUS
    return finish(product)
