"""The DSSE envelope: exact bytes, their type, and any number of signatures (protocol.md, section 7)."""

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
    """`keyid` is a hint for finding the key; nothing is decided by it."""

    keyid: Annotated[str, Field(max_length=128)]
    sig: Annotated[Base64, Field(min_length=1, max_length=1024)]


class Envelope(Document):
    """Signed bytes. Read `payload` only after `verify_signatures`."""

    payload_type: Text
    payload: Base64
    signatures: Annotated[tuple[EnvelopeSignature, ...], Field(min_length=1, max_length=MAX_SIGNATURES)]


class SignatureCount(NamedTuple):
    """How many distinct trusted keys signed, and how many signatures are of keys that nobody named."""

    signed: frozenset[str]
    unknown: int


def pre_auth_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE of DSSE v1: what is signed, so that a payload cannot be taken for one of another type."""
    return LibraryEnvelope(payload, payload_type, {}).pae()


def sign(payload: bytes, payload_type: str, signers: Iterable[Signs]) -> Envelope:
    """An envelope signed by each of `signers`."""
    message = pre_auth_encoding(payload_type, payload)
    signatures = tuple(
        EnvelopeSignature(keyid=signer.public.fingerprint, sig=signer.sign(message)) for signer in signers
    )
    return Envelope(payload_type=payload_type, payload=payload, signatures=signatures)


def add_signature(envelope: Envelope, signer: Signs) -> Envelope:
    """The envelope with one signature more over the same bytes.

    Raises `VerificationError` when this key signed already, or as many as may.
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
    """Whether `key` signed what is in the envelope; ECDSA makes another signature each time, and any of them will do.

    Raises `VerificationError` when a signature names the key and is not the key's.
    """
    message = pre_auth_encoding(envelope.payload_type, envelope.payload)
    named = [signature.sig for signature in envelope.signatures if signature.keyid == key.fingerprint]
    for sig in named:
        key.verify(sig, message)
    return bool(named)


def verify_signatures(envelope: Envelope, keys: Sequence[PublicKey]) -> SignatureCount:
    """Which of the trusted `keys` signed the envelope's payload.

    A signature that names a trusted key and is not that key's fails the whole envelope; one that names no
    trusted key is counted as unknown. Raises `VerificationError`, also for two signatures of one key.
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
