"""Timestamps: what an outside clock says about one signature (RFC 3161).

Nothing here speaks to a network. Whose clock counts is the caller's decision and never the bundle's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, NamedTuple

from cryptography import x509
from pydantic import Field
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from attest.attestation.envelope import Envelope
from attest.documents import Base64, Digest, Document
from attest.errors import AttestError, MalformedError, VerificationError

MAX_RESPONSE_BYTES: Final = 16 * 1024
MAX_TIMESTAMPS: Final = 32
MAX_ROOTS_BYTES: Final = 256 * 1024
MAX_ACCURACY: Final = timedelta(minutes=1)
_CERTIFICATES: Final = 0xA0  # their tag in a SignedData (RFC 5652, section 5.1)

Authorities = Sequence[x509.Certificate]


class Timestamp(Document):
    """Names one signature, of the key `keyid` over the payload with the digest `payload`, and says when it was there.

    `response` is the DER TimeStampResp of RFC 3161 over the bytes of that signature.
    """

    payload: Digest
    keyid: Annotated[str, Field(max_length=128)]
    response: Annotated[Base64, Field(min_length=1, max_length=MAX_RESPONSE_BYTES)]


class Query(NamedTuple):
    """What is sent to an authority, and what its answer must repeat."""

    body: bytes
    signature: bytes
    nonce: int


def query(signature: bytes) -> Query:
    """Ask for a timestamp over `signature`, with a random nonce and the authority's certificates."""
    request = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256).build()
    nonce = request.nonce
    if nonce is None:
        raise AssertionError("the library draws a nonce unless told not to")
    return Query(request.as_bytes(), signature, nonce)


def check_answer(asked: Query, response: bytes, authorities: Authorities) -> datetime:
    """By when the signature that was asked about was there. Raises `MalformedError`, `VerificationError`."""
    return _verified(response, asked.signature, authorities, asked.nonce)


def verify_timestamp(response: bytes, signature: bytes, authorities: Authorities) -> datetime:
    """By when `signature` was there, said by an authority whose root certificate is among `authorities`.

    The certificates must have been valid then, not now. Raises `MalformedError`, `VerificationError`.
    """
    return _verified(response, signature, authorities, None)


def verify_timestamps(
    timestamps: Iterable[Timestamp], envelopes: Iterable[Envelope], authorities: Authorities
) -> Mapping[tuple[bytes, str], datetime]:
    """The earliest proven time of each signature that has one, by payload digest and key id.

    One timestamp that does not hold, or whose signature is in none of `envelopes`, fails all. Raises
    `MalformedError`, `VerificationError`.
    """
    signatures: dict[tuple[bytes, str], list[bytes]] = {}
    for envelope in envelopes:
        for signature in envelope.signatures:
            signatures.setdefault((sha256(envelope.payload).digest(), signature.keyid), []).append(signature.sig)
    times: dict[tuple[bytes, str], datetime] = {}
    for timestamp in timestamps:
        place = (timestamp.payload, timestamp.keyid)
        named = signatures.get(place, [])
        if len(named) != 1:
            raise VerificationError(
                "timestamp/unbound",
                f"a timestamp is of a signature under {timestamp.keyid[:16]}… that the bundle does not have once",
            )
        time = verify_timestamp(timestamp.response, named[0], authorities)
        times[place] = min(time, times.get(place, time))
    return times


def claimed_time(response: bytes) -> datetime:
    """The time in a response that nobody has verified. Raises `MalformedError`."""
    decoded = _decoded(response)
    try:
        return decoded.tst_info.gen_time
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        _refuse_other(error)
        raise MalformedError("timestamp/malformed", f"not a timestamp (RFC 3161): {error}") from None


def parse_authorities(pem: bytes, *, what: str) -> tuple[x509.Certificate, ...]:
    """The root certificates of timestamp authorities, from PEM. Raises `MalformedError`."""
    try:
        found = x509.load_pem_x509_certificates(pem[:MAX_ROOTS_BYTES])
    except (ValueError, x509.InvalidVersion):
        found = []
    if not found:
        raise MalformedError(
            "timestamp/authority", f"{what} is not a PEM certificate", hint="it starts with -----BEGIN CERTIFICATE-----"
        )
    return tuple(found)


def _verified(response: bytes, signature: bytes, authorities: Authorities, nonce: int | None) -> datetime:
    decoded = _decoded(response)
    said = "no authority was named whose clock counts"
    for root in authorities:  # one at a time, for OpenSSL looks for a root by its name, which two may share
        try:
            return _time(decoded, VerifierBuilder(roots=[root], nonce=nonce).build(), signature)
        except AttestError:
            raise
        except BaseException as error:  # noqa: BLE001 (the library's own error, and whatever DER raises deep down)
            _refuse_other(error)
            said = str(error)
            if "verifying certificates" in said:
                said = "no authority whose root certificate you named signed it, with a certificate valid at its time"
    raise VerificationError("timestamp/invalid", f"a timestamp does not hold: {said}")


def _refuse_other(error: BaseException) -> None:
    """Raise `error` again unless the library raised it: its Rust panics on some DER, which is no `Exception`."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _time(decoded: TimeStampResponse, verifier: Verifier, signature: bytes) -> datetime:
    verifier.verify_message(decoded, signature)
    accuracy, time = decoded.tst_info.accuracy, decoded.tst_info.gen_time
    off = timedelta(0)
    if accuracy is not None:
        off = timedelta(
            seconds=accuracy.seconds or 0, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
        )
    if off > MAX_ACCURACY:
        raise VerificationError("timestamp/accuracy", f"a timestamp is only exact to {off}")
    return time.replace(tzinfo=time.tzinfo or UTC) + off


def _decoded(response: bytes) -> TimeStampResponse:
    if len(response) > MAX_RESPONSE_BYTES:
        raise MalformedError(
            "timestamp/too-large", f"a timestamp has {len(response):,} bytes; the limit is {MAX_RESPONSE_BYTES:,}"
        )
    try:
        return decode_timestamp_response(_ordered(response))
    except BaseException as error:  # noqa: BLE001 (as above)
        _refuse_other(error)
        raise MalformedError("timestamp/malformed", f"not a timestamp response (RFC 3161): {error}") from None


class _Part(NamedTuple):
    """One value in DER: where its tag, its content and what follows it begin."""

    start: int
    inner: int
    end: int


def _ordered(response: bytes) -> bytes:
    """The response with its certificates in the order of DER, which is not the one in which `openssl ts` sends them.

    The library reads them in no other. They are outside of what is signed, and only change places; a response of
    another form is returned as it is. Either way the library reads it, as strictly as ever.
    """
    ordered = bytearray(response)
    try:
        (whole,) = _parts(response, _Part(0, 0, len(response)))
        _, token = _parts(response, whole)
        _, content = _parts(response, token)
        (signed_data,) = _parts(response, content)
        for part in _parts(response, signed_data):
            if response[part.start] == _CERTIFICATES:
                members = sorted(response[member.start : member.end] for member in _parts(response, part))
                ordered[part.inner : part.end] = b"".join(members)
    except (IndexError, ValueError):
        return response
    return bytes(ordered)


def _parts(data: bytes, whole: _Part) -> list[_Part]:
    """The values that fill the content of `whole`. Raises `IndexError`, `ValueError` when none do."""
    parts = []
    at = whole.inner
    while at < whole.end:
        inner, length = at + 2, data[at + 1]
        if length & 0x80:
            inner += length & 0x7F
            length = int.from_bytes(data[at + 2 : inner])
        part = _Part(at, inner, inner + length)
        if part.end > whole.end:
            raise ValueError
        parts.append(part)
        at = part.end
    return parts
