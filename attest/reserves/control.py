"""A signature that comes back for a challenge: whose keys made it, and how (protocol.md, section 8)."""

from __future__ import annotations

import re
from typing import Any, Final

from attest.errors import MalformedError, VerificationError
from attest.reserves.challenge import Challenge, Method

MAX_SIGNATURE: Final = 2**18
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)


def check_signature(challenge: Challenge, signature: str) -> Method:
    """How the keys of the challenge's address made `signature`, over exactly this challenge.

    `signature` is as a wallet shows it: on an EVM chain 0x and hex, of EIP-191 over the text or of EIP-712 over its
    fields; on Bitcoin base64, with or without the prefix of BIP-322.
    Raises `VerificationError` when they did not make it, `MalformedError` for what is no signature.
    """
    if challenge.chain.startswith("bip122:"):
        from attest.reserves.control_bitcoin import verify_message

        return verify_message(challenge.chain, challenge.address, challenge.text, signature).kind
    return _check_evm(challenge, signature)


def typed_challenge(challenge: Challenge) -> dict[str, Any]:
    """The challenge of an EVM address as the EIP-712 document that a wallet shows. Raises `MalformedError`."""
    from attest.reserves.control_ethereum import typed_data

    return typed_data(
        entity=challenge.entity,
        period=challenge.period,
        chain=challenge.chain,
        address=challenge.address,
        height=challenge.height,
        block_hash=challenge.block_hash,
        nonce=challenge.nonce,
    )


def signature_bytes(signature: str) -> bytes:
    """The bytes of a signature as a wallet of an EVM chain shows it, 0x and hex. Raises `MalformedError`."""
    if len(signature) > MAX_SIGNATURE or _HEX.fullmatch(signature) is None or len(signature) % 2:
        raise MalformedError(
            "control/malformed",
            "this is not a signature: 0x and pairs of hex digits belong here",
            hint="copy the whole signature as the wallet shows it",
        )
    return bytes.fromhex(signature[2:])


def _check_evm(challenge: Challenge, signature: str) -> Method:
    from attest.reserves.control_ethereum import verify_eip191, verify_eip712

    data = signature_bytes(signature)
    try:
        verify_eip191(challenge.address, challenge.text, data)
    except VerificationError as error:
        try:
            verify_eip712(challenge.address, typed_challenge(challenge), data)
        except VerificationError:
            raise error from None
        return "eip712"
    return "eip191"
