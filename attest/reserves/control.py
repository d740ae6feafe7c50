"""A signature that comes back for a challenge: whose keys made it, and how (protocol.md, section 8)."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from attest.errors import AttestError, MalformedError, VerificationError
from attest.reserves.challenge import Challenge, Method
from attest.reserves.signature_forms import bitcoin_form, evm_forms, hex_bytes, nested_form

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


def published_signature(challenge: Challenge, signature: str) -> str:
    """The one form of `signature` that is published, whatever form a wallet gave it; see `signature_forms`.

    `signature` is without white space. It comes back as it is when no form of it is by the keys of the challenge's
    address: `check_signature` says why. A PSBT of Bitcoin stays one. Raises `MalformedError`.
    """
    if challenge.chain.startswith("bip122:"):
        from attest.reserves.bitcoin_scripts import address_script
        from attest.reserves.control_bitcoin import message_bytes

        form = bitcoin_form(signature)
        script = address_script(challenge.chain, challenge.address)
        return nested_form(script, message_bytes(challenge.text), form)
    data = hex_bytes(signature)
    forms = ["0x" + form.hex() for form in evm_forms(data or b"")]
    for form in forms:
        with suppress(AttestError):
            check_signature(challenge, form)
            return form
    return next(iter(forms), signature if data is None else "0x" + data.hex())


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
            "this is not a signature of an EVM chain: 0x and pairs of hex digits belong here",
            hint="copy the whole signature as the wallet shows it, 130 digits of most keys",
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
