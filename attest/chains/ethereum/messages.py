"""Control of an Ethereum address, shown by a signature of its key over a challenge (protocol.md, section 8).

A challenge has one signature of a key here, although ECDSA has several spellings of it and eth-account takes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from attest.chains.challenge import MAX_SIGNATURE, Challenge, Method
from attest.chains.ethereum.proof import checksum_address, keccak
from attest.errors import MalformedError, VerificationError, refuse_machine

SIGNATURE_BYTES: Final = 65  # r and s of 32 bytes each, then v
_BLOCK_HASH_BYTES: Final = 32
_DIGEST_BYTES: Final = 32
_WORD: Final = 32
_V: Final = 27  # of an even y of the ephemeral point; 28 is of an odd one
_MAX_HEIGHT: Final = 2**64
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_CHAIN: Final = re.compile(r"eip155:([1-9][0-9]{0,31})", re.ASCII)
_TYPES: Final = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
    ],
    "ProofOfControl": [
        {"name": "entity", "type": "string"},
        {"name": "period", "type": "string"},
        {"name": "chain", "type": "string"},
        {"name": "address", "type": "address"},
        {"name": "blockHeight", "type": "uint256"},
        {"name": "blockHash", "type": "bytes32"},
        {"name": "nonce", "type": "string"},
    ],
}


def verify_eip191(address: str, message: str, signature: bytes) -> None:
    """Check that the key of `address` made `signature` over the text of a challenge, as `personal_sign` does (EIP-191).

    Raises `VerificationError` when it did not, `MalformedError` for what is no signature; see `recover_signer`.
    """
    _verify(address, eip191_digest(message), signature)


def verify_eip712(address: str, document: Mapping[str, Any], signature: bytes) -> None:
    """Check that the key of `address` made `signature` over a challenge as `typed_data` shows it to a wallet (EIP-712).

    `document` is made anew by `typed_data` of what the verifier knows, never taken from who signed.
    Raises `VerificationError` when the key did not, `MalformedError` for what is no signature; see `recover_signer`.
    """
    _verify(address, eip712_digest(document), signature)


def typed_data(
    *, entity: str, period: str, chain: str, address: str, height: int, block_hash: bytes, nonce: str
) -> dict[str, Any]:
    """The lines of a challenge as the EIP-712 document, plain JSON, that `eth_signTypedData_v4` takes.

    `block_hash` has 32 bytes, `nonce` is the hex or the `-` of the challenge. Raises `MalformedError`.
    """
    if len(block_hash) != _BLOCK_HASH_BYTES or not 0 <= height < _MAX_HEIGHT:
        raise MalformedError("control/challenge", "a challenge names a block by its height and a hash of 32 bytes")
    return {
        "types": deepcopy(_TYPES),
        "primaryType": "ProofOfControl",
        "domain": {"name": "attest", "version": "1", "chainId": chain_id(chain)},
        "message": {
            "entity": entity,
            "period": period,
            "chain": chain,
            "address": checksum_address(address),
            "blockHeight": height,
            "blockHash": "0x" + block_hash.hex(),
            "nonce": nonce,
        },
    }


def typed_challenge(challenge: Challenge) -> dict[str, Any]:
    """The challenge of an EVM address as the EIP-712 document that a wallet shows. Raises `MalformedError`."""
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


def check_key(challenge: Challenge, signature: str) -> Method:
    """How the key of the challenge's address made `signature`: over its text, or over its fields.

    Raises `VerificationError` when it did not, `MalformedError` for what is no signature.
    """
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


def chain_id(chain: str) -> int:
    """The EIP-155 number in a CAIP-2 name. Raises `MalformedError`."""
    if (match := _CHAIN.fullmatch(chain)) is None:
        raise MalformedError("control/chain", f"{chain[:60]!r} is not an EVM chain like eip155:1")
    return int(match[1])


def eip191_digest(message: str) -> bytes:
    """The 32 bytes that are signed for a text (EIP-191, version 0x45). Raises `MalformedError`."""
    from eth_account.messages import encode_defunct

    try:
        signable = encode_defunct(text=message)
    except UnicodeEncodeError:
        raise MalformedError("control/message", "the challenge is not text that UTF-8 can write") from None
    return keccak(b"\x19" + b"".join(signable))


def eip712_digest(document: Mapping[str, Any]) -> bytes:
    """The 32 bytes that are signed for a document of typed data (EIP-712). Raises `MalformedError`."""
    from eth_account.messages import encode_typed_data

    try:
        signable = encode_typed_data(full_message=dict(document))
    except Exception as error:  # noqa: BLE001 (values that do not fit surface as many types of eth-account and eth-abi)
        refuse_machine(error)
        raise MalformedError("control/typed-data", f"not a document of typed data ({type(error).__name__})") from None
    return keccak(b"\x19" + b"".join(signable))


def recover_signer(digest: bytes, signature: bytes) -> str:
    """The EIP-55 address whose key made `signature`, r, s and v in 65 bytes, over the 32 bytes of `digest`.

    Raises `MalformedError` for another length (64 bytes of EIP-2098 among them), for v other than 27 and 28, and for r
    or s that is 0 or not below the order of secp256k1; `VerificationError` for s in the upper half of that order, which
    anyone can make of the signature of another (EIP-2), and where no key fits.
    """
    from eth_keys.constants import SECPK1_N
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature

    if len(digest) != _DIGEST_BYTES:
        raise MalformedError("control/digest", f"a digest of {len(digest)} bytes instead of {_DIGEST_BYTES}")
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedError(
            "control/signature",
            f"a signature of {len(signature)} bytes instead of {SIGNATURE_BYTES}: r, s and v",
            hint="copy the whole signature as the wallet shows it: 130 hex digits, with or without 0x before them",
        )
    r, s, v = int.from_bytes(signature[:_WORD]), int.from_bytes(signature[_WORD:-1]), signature[-1]
    if v not in {_V, _V + 1}:
        raise MalformedError(
            "control/signature",
            f"a signature ends in v, 27 or 28, and this one in {v}",
            hint="attest control add also takes what wallets write for v: 0 or 1, or none (EIP-2098)",
        )
    if not (0 < r < SECPK1_N and 0 < s < SECPK1_N):
        raise MalformedError("control/signature", "a signature with an r or s that secp256k1 does not have")
    if s > SECPK1_N // 2:
        raise VerificationError(
            "control/malleable",
            "the signature has its s in the upper half of the order, and only the one in the lower half counts (EIP-2)",
            hint="attest control add writes the other s of the same signature",
        )
    try:
        return Signature(vrs=(v - _V, r, s)).recover_public_key_from_msg_hash(digest).to_checksum_address()
    except BadSignature:
        raise VerificationError(
            "control/no-signer",
            "the signature is not one that any key could make",
            hint="copy the whole signature again, as the wallet shows it",
        ) from None


def _verify(address: str, digest: bytes, signature: bytes) -> None:
    address = checksum_address(address)
    if recover_signer(digest, signature) != address:
        raise VerificationError(
            "control/other-signer",
            f"the signature is not by the key of {address} over this challenge",
            hint="sign exactly this challenge, to the last line, with the key of exactly this address",
        )
