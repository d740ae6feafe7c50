"""Whose signatures count, as commands print it."""

from __future__ import annotations

from typing import Any

from attest.documents import format_time
from attest.signing.keys import PublicKey
from attest.verification.verified import Verified


def signatories_text(verified: Verified, key: PublicKey | None) -> str:
    """Who signed, by whose word that counts, and what auditors reported: a line each."""
    found = verified.signatories
    if key is not None:
        return f"  signed by the key {key.fingerprint}"
    if found.root is None or verified.trust is None:
        raise ValueError("without a key it was a trust root that said whose signatures count")
    pinned = verified.trust.roots[0]
    lines = [f"trust root {pinned.version}, pinned: {pinned.fingerprint}"]
    for role, counted in found.counted.items():
        names = ", ".join(sorted(found.root.name_of(fingerprint) for fingerprint in counted))
        lines.append(f"signed by the {role}: {names}")
    for report in found.reports:
        predicate = report.report.predicate
        lines.append(
            f"{predicate.auditor} reports by {predicate.standard}: {len(predicate.procedures)} findings, "
            f"{report.exceptions} of them exceptions (attest inspect shows them)"
        )
    return "\n".join(f"  {line}" for line in lines)


def signatories_document(verified: Verified) -> dict[str, Any]:
    """Whose signatures count, as JSON: times of timestamps, and under a trust root roles, thresholds and reports."""
    found = verified.signatories
    document: dict[str, Any] = {
        "timestamps": {fingerprint: format_time(time) for fingerprint, time in sorted(found.times.items())}
    }
    if found.root is not None and verified.trust is not None:
        document["trustRoots"] = [
            {"version": root.version, "fingerprint": root.fingerprint} for root in verified.trust.roots
        ]
        document["inForce"] = found.root.version
        document["thresholds"] = {role: holders.threshold for role, holders in found.root.roles.items()}
        document["signed"] = {role: sorted(counted) for role, counted in found.counted.items()}
        document["auditorReports"] = [report.report.predicate.to_value() for report in found.reports]
    return document
