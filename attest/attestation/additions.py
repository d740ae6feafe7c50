"""Additions to a bundle: signatures, trust roots, timestamps and auditor reports. Nothing is taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attest.attestation.arithmetic import check_arithmetic
from attest.attestation.auditor_report import Findings, parse_report
from attest.attestation.bundle import CLOCKS_DIFFER, MAX_BUNDLE_BYTES, MAX_REPORTS, Bundle, parse_bundle, stampable
from attest.attestation.statement import PAYLOAD_TYPE, Statement, parse_statement, predicate_type, statement_digest
from attest.errors import UnavailableError, VerificationError
from attest.signing.envelope import Envelope, add_signature, has_signed
from attest.signing.keys import PublicKey, Signs
from attest.signing.timestamp import (
    MAX_TIMESTAMPS,
    Authorities,
    Timestamp,
    check_answer,
    query,
    signatures_by_place,
    verify_timestamps,
)
from attest.signing.trust import MAX_ROOTS, Trust, parse_root


def statement_of(bundle: Bundle) -> Statement:
    """The statement in a bundle, once it was checked that it may be signed; no signature is verified.

    Raises `MalformedError` when it cannot be read; `VerificationError` for another payload or predicate type, and for
    figures that contradict each other.
    """
    if bundle.envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError("statement/type", f"the payload type is not {PAYLOAD_TYPE}")
    predicate_type(bundle.envelope.payload)
    statement = parse_statement(bundle.envelope.payload)
    check_arithmetic(statement)
    return statement


def with_signature(bundle: Bundle, signer: Signs, roots: Sequence[Envelope]) -> Bundle:
    """The bundle with a signature of `signer` over its statement, and with trust roots.

    `signer`: the key that signs. A key that signed already does not sign again.
    `roots`: trust roots to carry. A root that the bundle carries stays as it is, when its copy there is properly signed
    by all keys that signed the one in `roots`; else the signatures of both copies are joined.
    Raises `MalformedError` or `VerificationError` when the statement may not be signed, one of `roots` is no trust
    root, or a signature of the key is false; `UnavailableError` beyond a limit of bundles.
    """
    statement_of(bundle)
    for root in roots:
        parse_root(root)
    carried = {root.payload: root for root in reversed(bundle.trust_roots)}
    added: dict[bytes, Envelope] = {}
    for root in roots:
        there = added.get(root.payload) or carried.get(root.payload)
        if there is None or not _is_whole(there, root):
            added[root.payload] = root if there is None else _joined(there, root)
    kept = [root for root in bundle.trust_roots if root.payload not in added]
    if len(kept) + len(added) > MAX_ROOTS:
        raise _full("roots", f"{len(kept)} trust roots", f"{MAX_ROOTS} may be, and {len(added)} more were named")
    envelope = bundle.envelope
    if not has_signed(envelope, signer.public):
        envelope = add_signature(envelope, signer)
        has_signed(envelope, signer.public)  # raises when a device signed with another key
    return _changed(bundle, envelope=envelope, trust_roots=(*kept, *added.values()))


def report_there(bundle: Bundle, findings: Findings, key: PublicKey, *, now: datetime) -> datetime | None:
    """The time of issue of a report in the bundle that `key` signed with just these findings; None without one.

    `now`: the present time. A report dated more than ten minutes later is passed over, because it does not count yet.
    Raises `MalformedError` for a report of `key` that cannot be read, `VerificationError` for a false signature of
    `key` or a report of it about another statement.
    """
    statement = statement_digest(bundle.envelope.payload)
    for envelope in bundle.auditor_reports:
        if envelope.payload_type == PAYLOAD_TYPE and has_signed(envelope, key):
            report = parse_report(envelope.payload, statement=statement)
            time = report.predicate.issued_at
            if report.predicate.findings == findings and time - now <= CLOCKS_DIFFER:
                return time
    return None


def with_report(bundle: Bundle, report: Envelope) -> Bundle:
    """The bundle with one more auditor report; unchanged when all keys that signed it signed an equal one in there.

    Raises `UnavailableError` when the bundle has `MAX_REPORTS` reports, or would be too large.
    """
    equal = [item for item in bundle.auditor_reports if item.payload == report.payload]
    there = {signature.keyid for item in equal for signature in item.signatures}
    if equal and there.issuperset(signature.keyid for signature in report.signatures):
        return bundle
    if len(bundle.auditor_reports) >= MAX_REPORTS:
        raise _full("reports", f"{len(bundle.auditor_reports)} auditor reports", f"{MAX_REPORTS} may be")
    return _changed(bundle, auditor_reports=(*bundle.auditor_reports, report))


def with_timestamps(bundle: Bundle, ask: Callable[[bytes], bytes], authorities: Authorities) -> tuple[Bundle, int]:
    """The bundle with a timestamp for each key's signature that had none, and the number of timestamps added.

    `ask`: sends a request to an authority and returns its answer.
    `authorities`: certificates to which every timestamp must lead, new or in the bundle, because a verifier who names
    authorities refuses all others.
    Raises `VerificationError` for a timestamp that does not, `UnavailableError` when the authority makes none or a
    limit of bundles is exceeded, `MalformedError` for data that cannot be read, and errors of `ask`.
    """
    signatures = signatures_by_place(stampable(bundle))
    try:
        verify_timestamps(bundle.timestamps, stampable(bundle), authorities)
    except VerificationError as error:
        raise VerificationError(
            error.code,
            f"of the timestamps that are in the bundle already: {error.message}",
            hint="where they are of another authority, name its root certificate too, with one more --tsa-root; who "
            "verifies the bundle must then name both",
        ) from None
    known = {(stamp.payload, stamp.keyid) for stamp in bundle.timestamps}
    missing = {place: sigs[0] for place, sigs in signatures.items() if place not in known}
    if missing and len(bundle.timestamps) + len(missing) > MAX_TIMESTAMPS:
        has = f"{len(bundle.timestamps)} timestamps"
        raise _full("timestamps", has, f"{len(missing)} signatures have none, and {MAX_TIMESTAMPS} may be")
    added = []
    for (payload, keyid), sig in missing.items():
        asked = query(sig)
        response = ask(asked.body)
        check_answer(asked, response, authorities)
        added.append(Timestamp(payload=payload, keyid=keyid, response=response))
    return _changed(bundle, timestamps=(*bundle.timestamps, *added)), len(added)


def _is_whole(carried: Envelope, root: Envelope) -> bool:
    """Whether `carried`, a copy of `root`, reaches its own root threshold and names every key that `root` names."""
    try:
        Trust.pin(carried)
    except VerificationError:
        return False
    return {item.keyid for item in carried.signatures} >= {item.keyid for item in root.signatures}


def _joined(carried: Envelope, root: Envelope) -> Envelope:
    """The envelope of a trust root with the signatures of `root`, and those of other keys in its copy `carried`."""
    named = {item.keyid for item in root.signatures}
    others = tuple(item for item in carried.signatures if item.keyid not in named)
    return root.model_copy(update={"signatures": (*root.signatures, *others)})


def _full(part: str, has: str, limit: str) -> UnavailableError:
    return UnavailableError(f"bundle/{part}", f"the bundle has {has}; {limit}: nothing was added")


def _changed(bundle: Bundle, **parts: object) -> Bundle:
    """The bundle with some parts replaced, parsed anew so that it keeps all limits.

    Raises `UnavailableError` when it would be larger than `MAX_BUNDLE_BYTES`.
    """
    data = bundle.model_copy(update=parts).to_bytes()
    if len(data) > MAX_BUNDLE_BYTES:
        raise UnavailableError(
            "bundle/full",
            f"the bundle would have {len(data):,} bytes; {MAX_BUNDLE_BYTES:,} may be: nothing was added",
            hint="an authority that sends fewer certificates, or a shorter report, takes less room",
        )
    return parse_bundle(data)
