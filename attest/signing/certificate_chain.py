"""Certificates between a clock's own and a root that the verifier named (RFC 5280), each the issuer of the one before.

They come from the authority's answer and from the verifier's files alike: a link is worth what leads on from it, so it
does not matter who handed it in. Only a root ends a chain, and only one that the verifier named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from attest.errors import refuse_machine

Certificate = x509.Certificate


def refuse_other(error: BaseException) -> None:
    """Raise `error` again unless a library raised it: its Rust panics on some DER, which is no `Exception`."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    refuse_machine(error)


def is_readable(certificate: Certificate) -> bool:
    """Whether its names and dates can be read, which the library only tries when it is asked for them."""
    try:
        _ = certificate.subject, certificate.issuer, certificate.serial_number
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = is_root(certificate), _may_issue(certificate)
    except BaseException as error:  # noqa: BLE001 (whatever DER raises deep down)
        refuse_other(error)
        return False
    return True


def is_root(certificate: Certificate) -> bool:
    """Whether its own key signed it. One that another key signed is a link, whatever name it gives its issuer."""
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):  # what cannot be computed here is left to OpenSSL
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
    """The fewest of `named` and `sent` that lead from `leaf` to `root`, neither of which is among them; None without.

    Every link must be one that may issue certificates. Unless `time` is None, all must be valid then, `leaf` and `root`
    too. A signature by an algorithm that is unknown here is left to OpenSSL. That trusts what is found here, so nothing
    that an authority `sent` is among it unless its signature was verified. The search goes from the root down and
    visits each certificate once, so a ring of them is no trap.
    """
    if time is not None and not (valid_at(leaf, time) and valid_at(root, time)):
        return None
    links = [item for item in (*named, *sent) if _may_issue(item) and (time is None or valid_at(item, time))]
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
    """The last certificate that `known` lead to from `leaf`, upwards: `leaf` itself where none of them issued it."""
    seen = {leaf}
    while above := next((item for item in known if item not in seen and _issued(item, leaf, unknown=True)), None):
        seen.add(leaf := above)
    return leaf


def valid_at(certificate: Certificate, time: datetime) -> bool:
    """Whether `time` lies within its period of validity."""
    return certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc


def name_of(certificate: Certificate, *, issuer: bool = False) -> str:
    """The common name of its subject or issuer, else the whole name, in quotes and cut to 80 characters."""
    name = certificate.issuer if issuer else certificate.subject
    common: Sequence[x509.NameAttribute[str | bytes]] = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return repr((str(common[0].value) if common else name.rfc4514_string())[:80])


def _may_issue(certificate: Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


def _issued(issuer: Certificate, certificate: Certificate, *, unknown: bool) -> bool:
    """Whether the key in `issuer` signed `certificate`; `unknown` where that cannot be computed, but for the names."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return unknown
    return True
