"""Adding to a bundle: signatures, trust roots, timestamps and an auditor's report. What is there is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Literal

from attest.attestation.auditor import Findings, parse_report
from attest.attestation.bundle import MAX_BUNDLE_BYTES, MAX_REPORTS, Bundle, parse_bundle
from attest.attestation.signatories import CLOCKS_DIFFER, Signatories, root_of, stampable
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    Statement,
    check_arithmetic,
    parse_statement,
    predicate_type,
    statement_digest,
)
from attest.documents import format_time
from attest.errors import UnavailableError, VerificationError
from attest.signing.envelope import Envelope, add_signature, has_signed, verify_signatures
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
from attest.signing.trust import MAX_ROOTS, RoleName, Trust, parse_root

_COMMANDS: Final = {"exchange": "sign", "auditor": "countersign"}


def statement_of(bundle: Bundle) -> Statement:
    """The statement, if it is one that may be signed: of our type, strictly parsed, in agreement with itself.

    Raises `MalformedError`, `VerificationError`.
    """
    if bundle.envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError("statement/type", f"the payload type is not {PAYLOAD_TYPE}")
    predicate_type(bundle.envelope.payload)
    statement = parse_statement(bundle.envelope.payload)
    check_arithmetic(statement)
    return statement


def check_counts(trust: Trust, role: Literal["exchange", "auditor"], key: PublicKey, *, issued_at: datetime) -> None:
    """Whether a signature of `key` counts as one of `role` under what is issued at `issued_at`.

    Raises `VerificationError`.
    """
    try:
        trust.standing(role, {key.fingerprint: None}, issued_at=issued_at, threshold=1)
    except VerificationError as error:
        other: RoleName = "auditor" if role == "exchange" else "exchange"
        raise VerificationError(
            "sign/role",
            f"your signature would not count: your key is not one of the {role}'s in the trust root that was in force "
            f"at {format_time(issued_at)} and in all after it ({error.message})",
            hint=f"it is a key of the {other}: attest {_COMMANDS[other]}"
            if key.fingerprint in {item.fingerprint for item in trust.keys(other)}
            else f"the exchange adds it: attest trust rotate --{role} PUB",
        ) from None


def signatories_so_far(bundle: Bundle, trust: Trust) -> Signatories:
    """Whose signatures count now, and be they too few; timestamps and reports are not looked at.

    Raises `MalformedError`, `VerificationError`, also when `trust` is that of another exchange.
    """
    predicate = statement_of(bundle).predicate
    root = root_of(predicate, trust)
    signed = verify_signatures(bundle.envelope, trust.keys("exchange", "auditor")).signed
    counted: dict[RoleName, frozenset[str]] = {}
    for role in root.roles.keys() - {"root"}:
        try:
            found = trust.standing(role, dict.fromkeys(signed), issued_at=predicate.issued_at, threshold=1)
        except VerificationError:
            found = frozenset()
        counted[role] = found
    return Signatories(root, counted, {}, (), (), None)


def with_signature(bundle: Bundle, signer: Signs, roots: Sequence[Envelope]) -> Bundle:
    """The bundle with the signature of one key more over the same statement, and with `roots`.

    A key that signed already signs no second time, and a root that is carried already stays as it is. Raises
    `MalformedError`, `VerificationError`, also when one of `roots` is no trust root, `UnavailableError` beyond a limit.
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
        has_signed(envelope, signer.public)  # a device may have signed with another key
    return _changed(bundle, envelope=envelope, trust_roots=(*kept, *added.values()))


def report_there(bundle: Bundle, findings: Findings, key: PublicKey, *, now: datetime) -> datetime | None:
    """The time at which `key` reported just these findings about the statement, by a report in the bundle, if any does.

    A report dated after `now` does not count yet. Raises `MalformedError`, `VerificationError`.
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
    """The bundle with one auditor report more, unless the keys that signed it signed an equal one that is there.

    Raises `UnavailableError` when the bundle has as many reports as may be.
    """
    equal = [item for item in bundle.auditor_reports if item.payload == report.payload]
    there = {signature.keyid for item in equal for signature in item.signatures}
    if equal and there.issuperset(signature.keyid for signature in report.signatures):
        return bundle
    if len(bundle.auditor_reports) >= MAX_REPORTS:
        raise _full("reports", f"{len(bundle.auditor_reports)} auditor reports", f"{MAX_REPORTS} may be")
    return _changed(bundle, auditor_reports=(*bundle.auditor_reports, report))


def with_timestamps(bundle: Bundle, ask: Callable[[bytes], bytes], authorities: Authorities) -> tuple[Bundle, int]:
    """The bundle with a timestamp for each key's signature that has none, and how many those are.

    `ask` sends a request to an authority; its answer must lead to one of `authorities`, and so must the timestamps that
    are there already, because whoever names an authority fails all others. Raises `AttestError`.
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
    """Whether the copy of `root` that is carried is signed as it must be, and by every key that signed `root`."""
    try:
        Trust.pin(carried)
    except VerificationError:
        return False
    return {item.keyid for item in carried.signatures} >= {item.keyid for item in root.signatures}


def _joined(carried: Envelope, root: Envelope) -> Envelope:
    """The root with its own signatures and those of other keys that its carried copy has."""
    named = {item.keyid for item in root.signatures}
    others = tuple(item for item in carried.signatures if item.keyid not in named)
    return root.model_copy(update={"signatures": (*root.signatures, *others)})


def _full(part: str, has: str, limit: str) -> UnavailableError:
    return UnavailableError(f"bundle/{part}", f"the bundle has {has}; {limit}: nothing was added")


def _changed(bundle: Bundle, **parts: object) -> Bundle:
    """Within all limits, for it is parsed again as any reader will."""
    data = bundle.model_copy(update=parts).to_bytes()
    if len(data) > MAX_BUNDLE_BYTES:
        raise UnavailableError(
            "bundle/full",
            f"the bundle would have {len(data):,} bytes; {MAX_BUNDLE_BYTES:,} may be: nothing was added",
            hint="an authority that sends fewer certificates, or a shorter report, takes less room",
        )
    return parse_bundle(data)
