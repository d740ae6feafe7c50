"""The DSSE envelope: exact bytes, their type, and 1 to 16 signatures (DSSE v1; protocol.md, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import Field
from securesystemslib.dsse import Envelope as LibraryEnvelope

from attest.documents import Base64, Document, Text
from attest.errors import VerificationError
from attest.signing.keys import PublicKey, Signs

MAX_SIGNATURES: Final = 16


class EnvelopeSignature(Document):
    """One signature in an envelope.

    `keyid`: the fingerprint of the key. It only helps to find the key; who signed is decided by verification.
    `sig`: the signature over the pre-authentication encoding, 64 bytes for either scheme.
    """

    keyid: Annotated[str, Field(max_length=128)]
    sig: Annotated[Base64, Field(min_length=1, max_length=1024)]


class Envelope(Document):
    """A payload with its signatures. Read `payload` only after `verify_signatures`.

    `payload_type`: the media type of the payload.
    `payload`: the exact bytes that were signed.
    `signatures`: 1 to 16 signatures over `payload_type` and `payload`.
    """

    payload_type: Text
    payload: Base64
    signatures: Annotated[tuple[EnvelopeSignature, ...], Field(min_length=1, max_length=MAX_SIGNATURES)]


class SignatureCount(NamedTuple):
    """The result of verifying an envelope against trusted keys.

    `signed`: the fingerprints of the trusted keys that signed.
    `unknown`: the number of signatures under key ids of no trusted key.
    """

    signed: frozenset[str]
    unknown: int


def pre_auth_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: PAE of DSSE v1 over the type and the payload.

    The type is signed too, because a payload could else be passed off as one of another type.
    """
    return LibraryEnvelope(payload, payload_type, {}).pae()


def sign(payload: bytes, payload_type: str, signers: Iterable[Signs]) -> Envelope:
    """The envelope of `payload` with one signature of each of `signers`, in their order."""
    message = pre_auth_encoding(payload_type, payload)
    signatures = tuple(
        EnvelopeSignature(keyid=signer.public.fingerprint, sig=signer.sign(message)) for signer in signers
    )
    return Envelope(payload_type=payload_type, payload=payload, signatures=signatures)


def add_signature(envelope: Envelope, signer: Signs) -> Envelope:
    """A copy of `envelope` with one more signature, by `signer`.

    Raises `VerificationError` when the key signed already, or when there are `MAX_SIGNATURES`.
    """
    if len(envelope.signatures) >= MAX_SIGNATURES:
        raise VerificationError("signature/too-many", f"{MAX_SIGNATURES} have signed already; more may not")
    if any(signature.keyid == signer.public.fingerprint for signature in envelope.signatures):
        raise VerificationError("signature/twice", f"key {signer.public.fingerprint[:16]}… signed already")
    (added,) = sign(envelope.payload, envelope.payload_type, [signer]).signatures
    return Envelope(
        payload_type=envelope.payload_type, payload=envelope.payload, signatures=(*envelope.signatures, added)
    )


def has_signed(envelope: Envelope, key: PublicKey) -> bool:
    """Whether the envelope has a signature of `key` over its payload.

    Raises `VerificationError` when any signature names the key and is not that key's.
    """
    message = pre_auth_encoding(envelope.payload_type, envelope.payload)
    named = [signature.sig for signature in envelope.signatures if signature.keyid == key.fingerprint]
    for sig in named:
        key.verify(sig, message)
    return bool(named)


def verify_signatures(envelope: Envelope, keys: Sequence[PublicKey]) -> SignatureCount:
    """The count of the trusted `keys` that signed the envelope's payload.

    A signature that names no trusted key is counted as unknown. Raises `VerificationError` when a signature names a
    trusted key and is not that key's, and when two signatures name one trusted key.
    """
    message = pre_auth_encoding(envelope.payload_type, envelope.payload)
    trusted = {key.fingerprint: key for key in keys}
    signed: set[str] = set()
    unknown = 0
    for signature in envelope.signatures:
        key = trusted.get(signature.keyid)
        if key is None:
            unknown += 1
            continue
        key.verify(signature.sig, message)
        if key.fingerprint in signed:
            raise VerificationError("signature/twice", f"key {key.fingerprint[:16]}… signed twice")
        signed.add(key.fingerprint)
    return SignatureCount(frozenset(signed), unknown)
