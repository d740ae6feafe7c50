"""What a bundle must be before it is written: nothing is put into it that a verifier would fail."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from attest.attestation.additions import statement_of
from attest.attestation.auditor_report import parse_report, reports_of
from attest.attestation.bundle import CLOCKS_DIFFER, Bundle, stampable
from attest.attestation.statement import PAYLOAD_TYPE, Predicate, statement_digest
from attest.documents import format_time
from attest.errors import AttestError, VerificationError
from attest.signing.envelope import verify_signatures
from attest.signing.timestamp import (
    Authorities,
    signatures_by_place,
    unproven_time,
    verify_timestamps,
)
from attest.signing.trust import Trust, parse_root
from attest.verification.anchors import Anchors
from attest.verification.signatories import find_signatories


def check_writable(bundle: Bundle, anchors: Anchors | None, *, authorities: Authorities, now: datetime) -> None:
    """Raises `AttestError` for what a verifier would fail in steps 1 to 6, as far as the one who writes can know.

    By `anchors`, signatures and reports are verified at `now`, as far as they are there; without anchors they are only
    read. Timestamps are verified by `authorities` where some are named, and by their form otherwise.
    """
    try:
        _check_roots(bundle)
        predicate = statement_of(bundle).predicate
        _check_each_key_once(bundle)
        anchors = None if anchors is None else anchors.following(bundle.trust_roots)
        if anchors is None or anchors.trust is None:
            _check_reports(bundle, predicate)
        else:
            anchors.trust.current(now)
            count = verify_signatures(bundle.envelope, anchors.trust.keys("exchange", "auditor"))
            find_signatories(bundle, predicate, count, replace(anchors, unfinished=True), now)
        _check_timestamps(bundle, predicate, authorities)
    except AttestError as error:
        raise error.within("nothing was written, because the bundle would fail for those who verify it") from None


def _check_roots(bundle: Bundle) -> None:
    """The roots that the bundle carries follow one another, whichever of them a verifier pins."""
    if not bundle.trust_roots:
        return
    versions = [parse_root(root).version for root in bundle.trust_roots]
    first = [root for root, version in zip(bundle.trust_roots, versions, strict=True) if version == min(versions)]
    for copy in first[1:]:
        with suppress(VerificationError):
            Trust.pin(copy)
            first = [copy]
    Trust.pin(first[0]).followed_by(bundle.trust_roots)


def _check_each_key_once(bundle: Bundle) -> None:
    for envelope in (bundle.envelope, *bundle.auditor_reports):
        named = [signature.keyid for signature in envelope.signatures]
        if twice := next((keyid for keyid in named if named.count(keyid) > 1), None):
            raise VerificationError("signature/twice", f"key {twice[:16]}… signed twice")


def _check_reports(bundle: Bundle, predicate: Predicate) -> None:
    for copies in reports_of(bundle.auditor_reports):
        if any(copy.payload_type != PAYLOAD_TYPE for copy in copies):
            raise VerificationError("report/type", f"the payload type of an auditor report is not {PAYLOAD_TYPE}")
        report = parse_report(copies[0].payload, statement=statement_digest(bundle.envelope.payload))
        if predicate.issued_at - report.predicate.issued_at > CLOCKS_DIFFER:
            raise VerificationError("report/early", "an auditor report says it was issued before its statement")


def _check_timestamps(bundle: Bundle, predicate: Predicate, authorities: Authorities) -> None:
    signatures = signatures_by_place(stampable(bundle))
    if authorities:
        found = list(verify_timestamps(bundle.timestamps, stampable(bundle), authorities).items())
    else:
        found = [((item.payload, item.keyid), unproven_time(item, signatures)) for item in bundle.timestamps]
    statement = statement_digest(bundle.envelope.payload)
    for (payload, _), time in found:
        if payload == statement and predicate.issued_at - time > CLOCKS_DIFFER:
            raise VerificationError(
                "timestamp/early",
                f"a signature was there at {format_time(time)}, before the statement says it was issued, at "
                f"{format_time(predicate.issued_at)}",
                hint="compare the clock of the machine that made the statement with that of the authority",
            )
