"""The signatures under a month: the keys by role, the trust roots that name them, and the reports of auditors."""

from __future__ import annotations

from collections.abc import Iterator

from attest.report.numbers import count, instant
from attest.report.view.month import AuditorReport, FindingRow, RootRow, SignerRow
from attest.signing.keys import words_of
from attest.verification.verified import Verified


def signers(verified: Verified) -> Iterator[SignerRow]:
    """The keys whose signatures count, by role and fingerprint. Without a trust root no role is known."""
    found = verified.signatories
    for role, fingerprints in found.counted.items():
        for fingerprint in sorted(fingerprints):
            time = found.times.get(fingerprint)
            yield SignerRow(role, fingerprint, None if time is None else instant(time))


def thresholds(verified: Verified) -> dict[str, int]:
    """The number of keys of each role that must have signed, by the trust root in force; empty without a trust root."""
    root = verified.signatories.root
    return {} if root is None else {role: root.roles[role].threshold for role in verified.signatories.counted}


def roots(verified: Verified) -> Iterator[RootRow]:
    """The trust roots, from the pinned one to the last that it leads to."""
    in_force = verified.signatories.root
    for root in () if verified.trust is None else verified.trust.roots:
        yield RootRow(root.version, root.fingerprint, words_of(root.fingerprint), root is in_force)


def reports(verified: Verified) -> Iterator[AuditorReport]:
    """The auditors' reports that count, in the order of the bundle."""
    for item in verified.signatories.reports:
        predicate = item.report.predicate
        yield AuditorReport(
            predicate.auditor,
            predicate.standard,
            instant(predicate.issued_at),
            tuple(sorted(item.signed)),
            tuple(FindingRow(step.procedure, step.finding, step.exception) for step in predicate.procedures),
            count(item.exceptions),
        )
