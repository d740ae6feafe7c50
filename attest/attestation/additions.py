"""Adding to a bundle: signatures, trust roots, timestamps and an auditor's report. What is there is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from attest.attestation.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle
from attest.attestation.envelope import Envelope, add_signature, verify_signatures
from attest.attestation.keys import PublicKey, Signs
from attest.attestation.signatories import Signatories, root_of
from attest.attestation.statement import PAYLOAD_TYPE, Statement, check_arithmetic, parse_statement, predicate_type
from attest.attestation.timestamp import Authorities, Timestamp, check_answer, query
from attest.attestation.trust import RoleName, Trust, parse_root
from attest.documents import format_time
from attest.errors import VerificationError

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
    """The bundle with one signature more over the same statement, and with `roots` that it does not carry yet.

    Raises `MalformedError`, `VerificationError`, also when one of `roots` is no trust root.
    """
    statement_of(bundle)
    for root in roots:
        parse_root(root)
    carried = {root.payload: root for root in (*bundle.trust_roots, *roots)}
    return _changed(
        bundle,
        envelope=add_signature(bundle.envelope, signer),
        trust_roots=tuple(carried.values()),
    )


def with_report(bundle: Bundle, report: Envelope) -> Bundle:
    """The bundle with one auditor report more."""
    return _changed(bundle, auditor_reports=(*bundle.auditor_reports, report))


def with_timestamps(bundle: Bundle, ask: Callable[[bytes], bytes], authorities: Authorities) -> tuple[Bundle, int]:
    """The bundle with a timestamp for each signature that has none, and how many those are.

    `ask` sends a request to an authority; its answer must lead to one of `authorities`. Raises `AttestError`.
    """
    known = {(stamp.payload, stamp.keyid) for stamp in bundle.timestamps}
    added = []
    for envelope in (bundle.envelope, *bundle.auditor_reports):
        payload = sha256(envelope.payload).digest()
        for signature in envelope.signatures:
            if (payload, signature.keyid) not in known:
                asked = query(signature.sig)
                response = ask(asked.body)
                check_answer(asked, response, authorities)
                added.append(Timestamp(payload=payload, keyid=signature.keyid, response=response))
    return _changed(bundle, timestamps=(*bundle.timestamps, *added)), len(added)


def _changed(bundle: Bundle, **parts: object) -> Bundle:
    """Within all limits, for it is parsed again as any reader will."""
    data = bundle.model_copy(update=parts).to_bytes()
    if len(data) > MAX_BUNDLE_BYTES:
        raise VerificationError(
            "bundle/full", f"the bundle would have {len(data):,} bytes; {MAX_BUNDLE_BYTES:,} may be"
        )
    return parse_bundle(data)
