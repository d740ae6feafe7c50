"""Certificate chains from a timestamp authority's own certificate up to a root that the verifier named (RFC 5280).

Links may come from the authority's answer or from the verifier's files, because a link counts only by the root that it
leads to. Only a root ends a chain, and only a root that the verifier named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from attest.errors import refuse_machine

Certificate = x509.Certificate


def refuse_other(error: BaseException) -> None:
    """Return for an error that a library may raise because of bad data, and raise for any other.

    A panic of the library's Rust counts as bad data, because some DER causes it, although it is no `Exception`.
    Raises `error` itself for interrupts and lack of memory, `UnavailableError` as `refuse_machine` does.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    refuse_machine(error)


def is_readable(certificate: Certificate) -> bool:
    """Whether the names, dates and extensions of a certificate can be parsed; the library parses them only on use."""
    try:
        _ = certificate.subject, certificate.issuer, certificate.serial_number
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = is_root(certificate), _may_issue(certificate)
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        refuse_other(error)
        return False
    return True


def is_root(certificate: Certificate) -> bool:
    """Whether a certificate is a root: its own key signed it.

    A certificate that names itself as its issuer and was signed by another key is a link. A signature of an algorithm
    that is unknown here counts as its own, because OpenSSL checks it later.
    """
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):  # an algorithm that is unknown here: OpenSSL decides later
        return True
    return True


def find_chain(
    leaf: Certificate,
    root: Certificate,
    time: datetime | None,
    *,
    named: Collection[Certificate],
    sent: Collection[Certificate],
) -> tuple[Certificate, ...] | None:
    """The shortest list of links from `leaf` up to `root`, both excluded; None when no links lead there.

    `time`: the time at which every certificate, `leaf` and `root` too, must be valid; None to leave dates unchecked.
    `named`: certificates that the verifier named.
    `sent`: certificates from the authority's answer.
    Every link may issue certificates by its basic constraints. A signature of an algorithm that is unknown here is left
    to OpenSSL, except on a link from `sent`, because OpenSSL is told to trust the links that are found here.
    """
    if time is not None and not (valid_at(leaf, time) and valid_at(root, time)):
        return None
    links = [item for item in (*named, *sent) if _may_issue(item) and (time is None or valid_at(item, time))]
    # The search goes from the root down and visits each certificate once, so that it ends for a ring of certificates.
    reached: dict[Certificate, tuple[Certificate, ...]] = {root: ()}
    waiting = [root]
    for issuer in waiting:
        above = reached[issuer] if issuer == root else (issuer, *reached[issuer])
        if leaf == root or _issued(issuer, leaf, unknown=True):
            return above
        for item in links:
            if item not in reached and _issued(issuer, item, unknown=item in named):
                reached[item] = above
                waiting.append(item)
    return None


def highest(leaf: Certificate, known: Collection[Certificate]) -> Certificate:
    """The last certificate on the way from `leaf` up through its issuers in `known`; `leaf` when none issued it."""
    seen = {leaf}
    while above := next((item for item in known if item not in seen and _issued(item, leaf, unknown=True)), None):
        seen.add(leaf := above)
    return leaf


def valid_at(certificate: Certificate, time: datetime) -> bool:
    """Whether `time` lies within a certificate's period of validity."""
    return certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc


def name_of(certificate: Certificate, *, issuer: bool = False) -> str:
    """The name of a certificate for messages, in quotes and cut to 80 characters: the common name, else all of it.

    `issuer`: whether to name the issuer instead of the subject.
    """
    name = certificate.issuer if issuer else certificate.subject
    common: Sequence[x509.NameAttribute[str | bytes]] = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return repr((str(common[0].value) if common else name.rfc4514_string())[:80])


def _may_issue(certificate: Certificate) -> bool:
    """Whether the basic constraints make a certificate a CA's (RFC 5280, section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _issued(issuer: Certificate, certificate: Certificate, *, unknown: bool) -> bool:
    """Whether `issuer` has the name that `certificate` gives its issuer, and the key that signed it.

    `unknown`: the answer where the names fit and the signature is of an algorithm that is unknown here.
    """
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return unknown
    return True
