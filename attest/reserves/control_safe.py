"""Control of a Safe: what its owners sign for a challenge, and whether enough of them did (protocol.md, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attest.errors import VerificationError
from attest.reserves.challenge import Challenge
from attest.reserves.control import signature_bytes
from attest.reserves.control_ethereum import eip191_digest, eip712_digest
from attest.reserves.safe import Signers, combined_signature, safe_signers, safe_typed_data


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
