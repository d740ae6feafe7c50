"""Signatures of the keys of addresses, as the family of their chain checks and spells them."""

from __future__ import annotations

from attest.chains.challenge import Challenge, Method
from attest.chains.family import signing


def check_signature(challenge: Challenge, signature: str) -> Method | None:
    return signing(challenge.chain).check(challenge, signature, None)


def published_signature(challenge: Challenge, signature: str) -> str:
    return signing(challenge.chain).published(challenge, signature, None)
