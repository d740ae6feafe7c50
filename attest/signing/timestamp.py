"""Timestamps: the word of an authority that a signature existed at a time (RFC 3161; protocol.md, section 7).

The caller, never the bundle, decides which authorities count. Nothing here speaks to a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384, sha512
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

from attest.documents import Base64, Digest, Document, format_time
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.formats import foreign
from attest.signing.certificate_chain import (
    find_chain,
    highest,
    is_readable,
    is_root,
    name_of,
    refuse_other,
    valid_at,
)
from attest.signing.der import Part, parts
from attest.signing.envelope import Envelope

MAX_RESPONSE_BYTES: Final = 16 * 1024
MAX_TIMESTAMPS: Final = 32
MAX_ROOTS_BYTES: Final = 256 * 1024
MAX_ACCURACY: Final = timedelta(minutes=1)
MAX_WORDS: Final = 200  # characters of an authority's text that a message repeats
_CERTIFICATES: Final = 0xA0  # the tag of the certificates in a SignedData (RFC 5652, section 5.1)
_BIT_STRING: Final = 0x03
_GRANTED: Final = 0
_STATUSES: Final = {
    1: "it granted another timestamp than was asked for",
    2: "it refused to make a timestamp",
    3: "it asks to wait",
    4: "it warns that a revocation is near",
    5: "it tells of a revocation",
}
_FAILURES: Final = {  # bits of PKIFailureInfo (RFC 3161, section 2.4.2)
    0: "it does not know the algorithm (badAlg)",
    2: "it does not allow or support the request (badRequest)",
    5: "it finds the request in the wrong format (badDataFormat)",
    14: "its source of time is not available (timeNotAvailable)",
    15: "it does not support the policy (unacceptedPolicy)",
    16: "it does not support the extension (unacceptedExtension)",
    17: "what more was asked for is not available (addInfoNotAvailable)",
    25: "its system failed (systemFailure)",
}

Authorities = Sequence[x509.Certificate]
"""Certificates that a verifier named: roots, which end a chain, and links between an authority's own and a root."""


class Timestamp(Document):
    """A timestamp over one signature in a bundle.

    `payload`: the SHA-256 of the payload that was signed.
    `keyid`: the key id of the signature.
    `response`: the authority's TimeStampResp in DER (RFC 3161) over the bytes of the signature.
    """

    payload: Digest
    keyid: Annotated[str, Field(max_length=128)]
    response: Annotated[Base64, Field(min_length=1, max_length=MAX_RESPONSE_BYTES)]


class Query(NamedTuple):
    """A request for one timestamp.

    `body`: the TimeStampReq in DER, to be sent to an authority.
    `signature`: the bytes that are to be stamped.
    `nonce`: the random number that the answer must repeat.
    """

    body: bytes
    signature: bytes
    nonce: int


def query(signature: bytes) -> Query:
    """A new request for a timestamp over the SHA-256 of `signature`, with a random nonce.

    It asks the authority to send its certificates along.
    """
    request = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256).build()
    nonce = request.nonce
    if nonce is None:
        raise AssertionError("the library draws a nonce unless told not to")
    return Query(request.as_bytes(), signature, nonce)


def check_answer(asked: Query, response: bytes, authorities: Authorities) -> datetime:
    """The time by which the signature existed, once the answer to a request was verified.

    `asked`: the request.
    `response`: the TimeStampResp in DER.
    `authorities`: as of `verify_timestamp`.
    Raises `UnavailableError` when the authority refused, `MalformedError` when the answer cannot be read, and
    `VerificationError` as `verify_timestamp` does or for another nonce.
    """
    if (refused := refusal(response)) is not None:
        raise UnavailableError("timestamp/refused", f"the timestamp authority made no timestamp: {refused}")
    return _verified(response, asked.signature, authorities, asked.nonce)


def refusal(response: bytes) -> str | None:
    """The reasons why an authority made no timestamp, joined by `; `; None when its status is granted.

    They are the status, the failure bits and the text of the response (RFC 3161, section 2.4.2).
    Raises `MalformedError` when `response` is no TimeStampResp in DER.
    """
    decoded = _decoded(response)
    if decoded.status == _GRANTED:
        return None
    said = [_STATUSES.get(decoded.status, f"it answered with the status {decoded.status}"), *_failures(response)]
    if words := " ".join(" ".join(decoded.status_string).split()):
        said.append(f"it says {words[:MAX_WORDS]!r}")
    return "; ".join(said)


def _failures(response: bytes) -> list[str]:
    """The meanings of the bits of the PKIFailureInfo; none where the response has no PKIFailureInfo."""
    try:
        (whole,) = parts(response, Part(0, 0, len(response)))
        info = [part for part in parts(response, parts(response, whole)[0]) if response[part.start] == _BIT_STRING]
    except (IndexError, ValueError):
        return []
    bits = b"".join(response[part.inner + 1 : part.end] for part in info)
    return [text for bit, text in _FAILURES.items() if bit // 8 < len(bits) and bits[bit // 8] << bit % 8 & 0x80]


def verify_timestamp(response: bytes, signature: bytes, authorities: Authorities) -> datetime:
    """The time by which `signature` existed: genTime plus the accuracy.

    `response`: the TimeStampResp in DER.
    `authorities`: the certificates that the verifier named. The authority's own certificate must lead to a root among
    them, through links among them or in the response. All were valid at genTime; now they may have expired.
    Raises `MalformedError` when `response` cannot be read; `VerificationError` when its status is not granted, it is
    over other bytes, its accuracy exceeds `MAX_ACCURACY`, its signature is false, or no links lead to a named root.
    """
    return _verified(response, signature, authorities, None)


def verify_timestamps(
    timestamps: Iterable[Timestamp], envelopes: Iterable[Envelope], authorities: Authorities
) -> Mapping[tuple[bytes, str], datetime]:
    """The earliest proven time of each signature with a timestamp, by payload digest (SHA-256) and key id.

    `envelopes`: those whose signatures the timestamps may name.
    `authorities`: as of `verify_timestamp`.
    When one key signed one payload several times, a timestamp over any of these signatures counts for the key.
    Raises `MalformedError` or `VerificationError` for the first timestamp that does not hold or whose signature is in
    none of `envelopes`.
    """
    signatures = signatures_by_place(envelopes)
    times: dict[tuple[bytes, str], datetime] = {}
    for timestamp in timestamps:
        place = (timestamp.payload, timestamp.keyid)
        time = verify_timestamp(timestamp.response, stamped(timestamp, signatures), authorities)
        times[place] = min(time, times.get(place, time))
    return times


def signatures_by_place(envelopes: Iterable[Envelope]) -> Mapping[tuple[bytes, str], Sequence[bytes]]:
    """The different signatures in `envelopes`, by payload digest (SHA-256) and key id, in the order of `envelopes`.

    One key may have several over one payload, because ECDSA makes another signature each time.
    """
    found: dict[tuple[bytes, str], dict[bytes, None]] = {}
    for envelope in envelopes:
        digest = sha256(envelope.payload).digest()
        for signature in envelope.signatures:
            found.setdefault((digest, signature.keyid), {})[signature.sig] = None
    return {place: tuple(named) for place, named in found.items()}


def stamped(timestamp: Timestamp, signatures: Mapping[tuple[bytes, str], Sequence[bytes]]) -> bytes:
    """The signature that a timestamp names; the timestamp is not verified.

    `signatures`: as `signatures_by_place` returns them.
    Among several signatures of the key over the payload it is the one whose digest the response has, else the first.
    Raises `VerificationError` when the key has no signature over the payload; `MalformedError` when there are several
    and the response cannot be read.
    """
    named = signatures.get((timestamp.payload, timestamp.keyid), ())
    if not named:
        raise VerificationError(
            "timestamp/unbound",
            f"a timestamp is of a signature under {timestamp.keyid[:16]}… that the bundle does not have",
        )
    if len(named) == 1:
        return named[0]
    return next((one for one in named if _is_over(timestamp.response, one)), named[0])


def unproven_time(timestamp: Timestamp, signatures: Mapping[tuple[bytes, str], Sequence[bytes]]) -> datetime:
    """The genTime of a timestamp over one of `signatures`; nobody has verified who made the timestamp.

    `signatures`: as `signatures_by_place` returns them.
    Raises `VerificationError` when the timestamp is over none of them or the authority refused; `MalformedError` when
    the response cannot be read.
    """
    if not _is_over(timestamp.response, stamped(timestamp, signatures)):
        raise VerificationError("timestamp/invalid", "a timestamp does not hold: it is of another signature")
    if (refused := refusal(timestamp.response)) is not None:
        raise VerificationError("timestamp/invalid", f"a timestamp does not hold: the authority made none; {refused}")
    return _time(_decoded(timestamp.response))


def _is_over(response: bytes, signature: bytes) -> bool:
    """Whether a response is over the SHA-256, SHA-384 or SHA-512 of `signature`. Raises `MalformedError`."""
    decoded = _decoded(response)
    try:
        digest = decoded.tst_info.message_imprint.message
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        refuse_other(error)
        return False
    return any(made(signature).digest() == digest for made in (sha256, sha384, sha512))


def claimed_time(response: bytes) -> datetime:
    """The genTime of a response; nobody has verified the response. Raises `MalformedError` when it cannot be read."""
    decoded = _decoded(response)
    try:
        return decoded.tst_info.gen_time
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        refuse_other(error)
        raise MalformedError("timestamp/malformed", f"not a timestamp (RFC 3161): {error}") from None


def parse_authorities(pem: bytes, *, what: str) -> tuple[x509.Certificate, ...]:
    """The certificates of timestamp authorities in a PEM file: roots, and links to them.

    `pem`: the bytes of the file; those beyond `MAX_ROOTS_BYTES` are not read.
    `what`: the name of the file in errors.
    Raises `MalformedError` when there is no certificate, or one that cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(pem[:MAX_ROOTS_BYTES])
    except (ValueError, x509.InvalidVersion):
        found = []
    if found and not all(map(is_readable, found)):
        raise MalformedError("timestamp/authority", f"{what} has a certificate that cannot be read")
    if not found:
        form = foreign(pem, wanted="a certificate")
        said, hint = "", "it starts with -----BEGIN CERTIFICATE-----"
        if form is not None:
            said, hint = f" but {form.said}", form.hint or hint
        raise MalformedError("timestamp/authority", f"{what} is not a PEM certificate{said}", hint=hint)
    return tuple(found)


def require_root(authorities: Authorities, *, what: str) -> None:
    """Raise `MalformedError` when no certificate in `authorities` is a root, because then none could end a chain.

    `what`: the name of their file in errors.
    """
    if not any(is_root(item) for item in authorities):
        names = ", ".join(f"{name_of(item)}, issued by {name_of(item, issuer=True)}" for item in authorities[:3])
        raise MalformedError(
            "timestamp/authority",
            f"{what} has no root certificate, which is one that its own key signed, but only {names}",
            hint="put the authority's root certificate beside it: an intermediate one alone vouches for nothing",
        )


def _verified(response: bytes, signature: bytes, authorities: Authorities, nonce: int | None) -> datetime:
    """The result of `verify_timestamp`; `nonce` must be in the response, unless it is None."""
    decoded = _decoded(response)
    if (refused := refusal(response)) is not None:
        raise VerificationError("timestamp/invalid", f"a timestamp does not hold: the authority made none; {refused}")
    roots = [item for item in authorities if is_root(item)]
    links = [item for item in authorities if item not in roots]
    own, sent = _certificates(decoded)
    said = None if authorities else "no authority was named whose clock counts"
    for root in roots:  # one at a time, because OpenSSL looks for a root by its name, which two may share
        chain = None if own is None else find_chain(own, root, _time(decoded), named=links, sent=sent)
        verifier = VerifierBuilder(roots=[root], intermediates=list(chain or ()), nonce=nonce).build()
        try:
            return _checked(decoded, verifier, signature)
        except AttestError:
            raise
        except BaseException as error:  # noqa: BLE001 (the library's own error, and whatever DER raises deep down)
            refuse_other(error)
            if chain is not None or own is None:
                said = _reason(error)
    if said is None:
        said = "its certificate cannot be read" if own is None else _unlinked(own, authorities, sent, _time(decoded))
    raise VerificationError("timestamp/invalid", f"a timestamp does not hold: {said}")


def _certificates(decoded: TimeStampResponse) -> tuple[x509.Certificate | None, list[x509.Certificate]]:
    """The certificate of the key that signed a response, and all certificates in the response that can be read.

    The first is None when it is not among them; the second is empty when the response itself cannot be read.
    """
    try:
        sent = [x509.load_der_x509_certificate(item) for item in sorted(decoded.signed_data.certificates)]
        sent = [item for item in sent if is_readable(item)]
        (signer,) = decoded.signed_data.signer_infos
        own = (item for item in sent if (item.issuer, item.serial_number) == (signer.issuer, signer.serial_number))
        _time(decoded)
        return next(own, None), sent
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        refuse_other(error)
        return None, []


def _reason(error: BaseException) -> str:
    """The library's reason for refusing a response, without references to its code."""
    if "verifying certificates" not in (text := str(error)):
        return text
    if (why := re.search(r'Verify error: ([^"]+)', text)) is not None:
        return f"its certificates do not hold: {why[1]}"
    return "its signature is not of the key in its certificate, or not over what it says"


def _unlinked(own: x509.Certificate, named: Authorities, sent: Sequence[x509.Certificate], time: datetime) -> str:
    """The reason why no certificates lead from the authority's `own` to a root that the verifier named.

    `named`: the certificates that the verifier named.
    `sent`: the certificates in the response.
    `time`: the genTime of the response.
    """
    known = [*named, *sent]
    found = [(root, find_chain(own, root, None, named=named, sent=sent)) for root in named if is_root(root)]
    chains = [(own, *chain, root) for root, chain in found if chain is not None]
    if late := next((item for chain in chains for item in chain if not valid_at(item, time)), None):
        period = f"from {format_time(late.not_valid_before_utc)} to {format_time(late.not_valid_after_utc)}"
        return f"its certificate {name_of(late)} was valid {period}, not at its time, {format_time(time)}"
    top = highest(own, known)
    begins = f"its certificate {name_of(own)}" + ("" if top == own else f" leads to {name_of(top)}, which")
    if is_root(top):
        return f"{begins} is none that you named"
    issuer = name_of(top, issuer=True)
    if any(item.subject == top.issuer for item in known):
        return f"{begins} was issued by {issuer}, and by another key than is in the certificate of that name"
    return f"{begins} was issued by {issuer}, whose certificate is neither in it nor among those that you named"


def _time(decoded: TimeStampResponse) -> datetime:
    time = decoded.tst_info.gen_time
    return time.replace(tzinfo=time.tzinfo or UTC)


def _checked(decoded: TimeStampResponse, verifier: Verifier, signature: bytes) -> datetime:
    """The genTime plus the accuracy of a response over `signature`, once `verifier` has verified it."""
    verifier.verify_message(decoded, signature)
    accuracy = decoded.tst_info.accuracy
    off = timedelta(0)
    if accuracy is not None:
        off = timedelta(
            seconds=accuracy.seconds or 0, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
        )
    if off > MAX_ACCURACY:
        raise VerificationError("timestamp/accuracy", f"a timestamp is only exact to {off}")
    return _time(decoded) + off


def _decoded(response: bytes) -> TimeStampResponse:
    if len(response) > MAX_RESPONSE_BYTES:
        raise MalformedError(
            "timestamp/too-large", f"a timestamp has {len(response):,} bytes; the limit is {MAX_RESPONSE_BYTES:,}"
        )
    try:
        return decode_timestamp_response(_ordered(response))
    except BaseException as error:  # noqa: BLE001 (as above)
        refuse_other(error)
        raise MalformedError("timestamp/malformed", f"not a timestamp response (RFC 3161): {error}") from None


def _ordered(response: bytes) -> bytes:
    """The response with its certificates in the order of DER.

    The library reads no other order, and `openssl ts` sends another. Nothing is weakened by it, because the signature
    does not cover the certificates. A response that cannot be taken apart is returned unchanged.
    """
    ordered = bytearray(response)
    try:
        (whole,) = parts(response, Part(0, 0, len(response)))
        _, token = parts(response, whole)
        _, content = parts(response, token)
        (signed_data,) = parts(response, content)
        for part in parts(response, signed_data):
            if response[part.start] == _CERTIFICATES:
                members = sorted(response[member.start : member.end] for member in parts(response, part))
                ordered[part.inner : part.end] = b"".join(members)
    except (IndexError, ValueError):
        return response
    return bytes(ordered)
