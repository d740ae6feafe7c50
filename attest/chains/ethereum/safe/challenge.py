"""Control of a Safe: what its owners sign for a challenge, and whether enough of them did (protocol.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from attest.chains.challenge import Challenge
from attest.chains.contract_account import MAX_OWNERS
from attest.chains.ethereum.messages import (
    SIGNATURE_BYTES,
    eip191_digest,
    eip712_digest,
    recover_signer,
    signature_bytes,
)
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.safe.storage import (
    ETH_SIGN,
    Signers,
    combined_signature,
    eth_sign_digest,
    safe_signers,
    safe_typed_data,
)
from attest.chains.signature_forms import evm_forms
from attest.errors import AttestError, VerificationError

_NO_KEY: Final = {0, 1}  # what stands in the place of v of an owner for whom only the contract can speak


def safe_challenge(challenge: Challenge) -> dict[str, Any]:
    """What each owner of the Safe at the challenge's address signs, as `eth_signTypedData_v4` takes it (EIP-712).

    Its message is the EIP-191 digest of the challenge's text, as the Safe is asked about it under EIP-1271.
    Raises `MalformedError`.
    """
    return safe_typed_data(challenge.chain, challenge.address, eip191_digest(challenge.text))


def combine_owners(challenge: Challenge, signatures: Sequence[str]) -> str:
    """The signatures of different owners, each in hex, as the one that the Safe takes. Raises `AttestError`."""
    parts = [signature_bytes(signature) for signature in signatures]
    return "0x" + combined_signature(eip712_digest(safe_challenge(challenge)), parts).hex()


def safe_form(challenge: Challenge, signature: bytes, owners: Sequence[str]) -> bytes:
    """The signatures of owners of the Safe as the Safe takes them, whatever form wallets gave to those of keys.

    A part stays as it is when it names an owner with 0 or 1 in the place of v, which to the Safe means that a contract
    signed or that a hash was approved, and when no key of an owner made it in any form.
    """
    digest = eip712_digest(safe_challenge(challenge))
    if len(signature) < SIGNATURE_BYTES:
        return _owner_form(digest, signature, owners)
    whole, start, end = b"", 0, min(len(signature), MAX_OWNERS * SIGNATURE_BYTES)
    while start + SIGNATURE_BYTES <= end:
        part = signature[start : start + SIGNATURE_BYTES]
        if part[-1] in _NO_KEY and checksum_address(f"0x{part[12:32].hex()}") in owners:
            end = end if part[-1] else min(end, int.from_bytes(part[32:64]))
        else:
            part = _owner_form(digest, part, owners)
        whole, start = whole + part, start + SIGNATURE_BYTES
    return whole + signature[start:]


def _owner_form(digest: bytes, part: bytes, owners: Sequence[str]) -> bytes:
    """The form of one owner's part that is by the key of an owner, over the digest or over it as `eth_sign` has it."""
    for form in evm_forms(part):
        for signed, added in ((digest, 0), (eth_sign_digest(digest), ETH_SIGN)):
            with suppress(AttestError):
                if recover_signer(signed, form) in owners:
                    return form[:-1] + bytes([form[-1] + added])
    return part


def safe_challenge_signers(challenge: Challenge, signature: str, owners: Sequence[str], threshold: int) -> Signers:
    """Which `owners` of the Safe at the challenge's address signed it: at least `threshold`, as `safe_signers` says."""
    return safe_signers(owners, threshold, eip712_digest(safe_challenge(challenge)), signature_bytes(signature))


def check_safe(challenge: Challenge, signature: str, owners: Sequence[str], threshold: int) -> None:
    """Check that the keys of at least `threshold` different `owners` made `signature` over the challenge.

    An owner for whom only the contract can speak does not count. Raises `VerificationError`, `MalformedError`.
    """
    signers = safe_challenge_signers(challenge, signature, owners, threshold)
    if len(signers.recovered) < threshold:
        raise VerificationError(
            "control/unchecked",
            f"the keys of {len(signers.recovered)} owners of the Safe signed, {threshold} must; only the contract can "
            f"speak for {', '.join(signers.unchecked)}",
        )
