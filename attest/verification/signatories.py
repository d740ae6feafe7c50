"""Whose signatures a statement carries that count, and by when they were there (verification steps 1 to 3, and 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from attest.attestation.additions import statement_of
from attest.attestation.auditor_report import VerifiedReport, reports_of, verify_report
from attest.attestation.bundle import CLOCKS_DIFFER, Bundle, stampable
from attest.attestation.statement import Predicate
from attest.documents import format_time
from attest.errors import VerificationError
from attest.signing.envelope import SignatureCount, verify_signatures
from attest.signing.keys import PublicKey
from attest.signing.timestamp import verify_timestamps
from attest.signing.trust import RoleName, Root, Signed, Trust
from attest.verification.anchors import Anchors
from attest.verification.steps import StepOutcome


@dataclass(frozen=True, slots=True)
class Signatories:
    """Fingerprints by role, the time by which each signature is proven to be there, and what auditors reported.

    Without a trust root, `root` is None and no role is known. `evaded` names a role that a later root has, when nothing
    proves that the statement is older than that root: an old date would spare it signatures of that role. `to_come` are
    reports dated after the time of verification, which do not count.
    """

    root: Root | None
    counted: Mapping[RoleName, frozenset[str]]
    times: Mapping[str, datetime]
    reports: tuple[VerifiedReport, ...]
    to_come: tuple[VerifiedReport, ...]
    evaded: tuple[RoleName, Root] | None


def follow_roots(bundle: Bundle, anchors: Anchors, now: datetime) -> StepOutcome[Anchors]:
    """Step 1: the chain of trust roots leads from the pinned one as far as the bundle carries them.

    Finds the `anchors` with that chain. Raises `MalformedError`, `VerificationError`.
    """
    anchors = anchors.following(bundle.trust_roots)
    if anchors.trust is None:
        left = ("no trust root was given; the key you named is trusted by itself",)
        return StepOutcome(anchors, left, open=left)
    current, pinned = anchors.trust.current(now), anchors.trust.roots[0]
    return StepOutcome(anchors, tuple(said_of_chain(pinned, current)))


def said_of_chain(pinned: Root, last: Root) -> Iterator[str]:
    """What step 1 says of a chain of trust roots."""
    yield f"trust root {pinned.version} of {pinned.document.origin} was pinned: {pinned.fingerprint}"
    if last is not pinned:
        yield f"it leads to trust root {last.version}: {last.fingerprint}"


def count_signatures(bundle: Bundle, anchors: Anchors) -> StepOutcome[SignatureCount]:
    """Step 2: the signatures of keys that are trusted hold; those of others are only counted.

    Raises `VerificationError`.
    """
    keys = anchors.exchange_keys if anchors.trust is None else anchors.trust.keys("exchange", "auditor")
    count = verify_signatures(bundle.envelope, keys)
    return StepOutcome(count, (f"{len(count.signed)} of a trusted key, {count.unknown} of unknown keys",))


def reach_thresholds(count: SignatureCount, anchors: Anchors, now: datetime) -> StepOutcome[None]:
    """Step 3: enough keys signed.

    Which root was in force is only known once the statement has been read: until then the thresholds of any will do,
    and `find_signatories` decides. While a statement is unfinished, they are left to those who have yet to sign. Raises
    `VerificationError`.
    """
    trust = anchors.trust
    if trust is None:
        if len(count.signed) < anchors.threshold:
            raise VerificationError(
                "signature/threshold",
                f"{len(count.signed)} of the exchange's keys signed; {anchors.threshold} must",
                hint="is this the key of the exchange that published the bundle?",
            )
        return StepOutcome(None, (f"exchange {len(count.signed)} of {anchors.threshold}",))
    if not anchors.unfinished:
        return StepOutcome(None, (_thresholds_reached(trust, count, anchors.roles),))
    root = trust.current(now)
    met = all(root.roles[role].met_by(count.signed) for role in anchors.roles if role in root.roles)
    said = (f"so far {_sentence(root, count.signed, anchors.roles)}",)
    return StepOutcome(None, said, open=() if met else said)


def _thresholds_reached(trust: Trust, count: SignatureCount, roles: Sequence[RoleName]) -> str:
    for root in reversed(trust.roots):
        if all(root.roles[role].met_by(count.signed) for role in roles if role in root.roles):
            return _sentence(root, count.signed, roles)
    raise VerificationError(
        "signature/threshold",
        f"too few signatures: {_sentence(trust.roots[-1], count.signed, roles)}",
        hint="is this the trust root of the exchange that published the bundle, and has everyone signed yet?",
    )


def check_signatories(
    bundle: Bundle, predicate: Predicate, count: SignatureCount, anchors: Anchors, now: datetime
) -> StepOutcome[Signatories]:
    """Step 6: whose signatures count, what timestamps prove, what auditors reported, and what was not looked at.

    Raises what `find_signatories` raises.
    """
    found = find_signatories(bundle, predicate, count, anchors, now)
    said = []
    if found.times:
        last = format_time(max(found.times.values()))
        said.append(f"{len(found.times)} signatures were there by {last}, by the clocks of authorities you named")
    if found.root is not None:
        said.append(f"trust root {found.root.version} was in force when the statement was issued")
    evaded = list(_said_of_evaded(found))
    reported = [
        f"{report.report.predicate.auditor} reports {len(report.report.predicate.procedures)} findings, "
        f"{report.exceptions} of them exceptions"
        for report in found.reports
    ]
    reported += [said_to_come(report, now) for report in found.to_come]
    left = list(_not_looked_at(found, bundle, count, anchors))
    return StepOutcome(found, (*said, *evaded, *reported, *left), open=(*evaded, *left))


def _said_of_evaded(found: Signatories) -> Iterator[str]:
    if found.evaded is not None:
        role, later = found.evaded
        yield (
            f"trust root {later.version} has an {role} since {format_time(later.document.issued_at)}: too few of its "
            "keys signed the statement, and no timestamp proves that it is older"
        )


def _not_looked_at(found: Signatories, bundle: Bundle, count: SignatureCount, anchors: Anchors) -> Iterator[str]:
    if not bundle.timestamps:
        yield "the bundle carries no timestamp"
    elif not anchors.authorities:
        yield f"{len(bundle.timestamps)} timestamps, whose authority you did not name (--tsa-root)"
    elif without := len(count.signed - found.times.keys()):
        yield f"{without} signatures of trusted keys have no timestamp"
    if bundle.auditor_reports and found.root is None:
        yield f"{len(reports_of(bundle.auditor_reports))} auditor reports, which need a trust root"


def find_signatories(
    bundle: Bundle, predicate: Predicate, count: SignatureCount, anchors: Anchors, now: datetime
) -> Signatories:
    """Whose signatures count at the time the statement was issued, by `anchors` whose chain was followed.

    Raises `MalformedError`, `VerificationError`.
    """
    trust, roles = anchors.trust, anchors.roles
    statement = sha256(bundle.envelope.payload).digest()
    proven: Mapping[tuple[bytes, str], datetime] = {}
    if anchors.authorities:
        proven = verify_timestamps(bundle.timestamps, stampable(bundle), anchors.authorities)
    times = {keyid: time for (payload, keyid), time in proven.items() if payload == statement and keyid in count.signed}
    if any(predicate.issued_at - time > CLOCKS_DIFFER for time in times.values()):
        raise VerificationError("timestamp/early", "a signature was there before the statement says it was issued")
    if trust is None:
        return Signatories(None, {}, times, (), (), None)
    root = root_of(predicate, trust)
    signed = {fingerprint: times.get(fingerprint) for fingerprint in count.signed}
    counted = {
        role: trust.standing(role, signed, issued_at=predicate.issued_at, threshold=1 if anchors.unfinished else None)
        for role in roles
        if role in root.roles
    }
    reports = tuple(
        verify_report(copies, statement=statement, trust=trust, times=proven, now=now, leeway=CLOCKS_DIFFER)
        for copies in reports_of(bundle.auditor_reports)
    )
    if any(predicate.issued_at - item.report.predicate.issued_at > CLOCKS_DIFFER for item in reports):
        raise VerificationError("report/early", "an auditor report says it was issued before its statement")
    counting = tuple(item for item in reports if not item.is_to_come)
    to_come = tuple(item for item in reports if item.is_to_come)
    return Signatories(root, counted, times, counting, to_come, _later_role(trust, root, signed, roles))


def root_of(predicate: Predicate, trust: Trust) -> Root:
    """The trust root of its exchange that was in force when a statement was issued. Raises `VerificationError`."""
    root = trust.at(predicate.issued_at)
    if predicate.entity.origin != root.document.origin:
        raise VerificationError(
            "trust/origin", f"the trust root is that of {root.document.origin}, not of {predicate.entity.origin}"
        )
    return root


def _later_role(trust: Trust, root: Root, signed: Signed, roles: Sequence[RoleName]) -> tuple[RoleName, Root] | None:
    """A role of `roles` that `root` does not have, and the first root that does, unless enough signatures of it count.

    When timestamps prove that the exchange's threshold was reached before that root was issued, it is no matter.
    """
    for role in roles:
        later = next((item for item in trust.roots if item.version > root.version and role in item.roles), None)
        if role in root.roles or later is None:
            continue
        since = later.document.issued_at
        if root.roles["exchange"].met_by(key for key, time in signed.items() if time is not None and time < since):
            continue
        try:
            trust.standing(role, signed, issued_at=since)
        except VerificationError:
            return role, later
    return None


def _sentence(root: Root, signed: frozenset[str], roles: Sequence[RoleName]) -> str:
    found = [
        f"{role} {len(root.roles[role].keys.keys() & signed)}, {root.roles[role].threshold} needed"
        if role in root.roles
        else f"no {role} is named"
        for role in roles
    ]
    return f"{'; '.join(found)} (trust root {root.version})"


def said_to_come(report: VerifiedReport, now: datetime) -> str:
    """That a report which is to come does not count, in a sentence."""
    predicate = report.report.predicate
    return (
        f"the report of {predicate.auditor} is dated {format_time(predicate.issued_at)}, more than ten minutes "
        f"after the time of verification, {format_time(now)}, and does not count"
    )


_COMMANDS: Final = {"exchange": "sign", "auditor": "countersign"}


def check_counts(trust: Trust, role: Literal["exchange", "auditor"], key: PublicKey, *, issued_at: datetime) -> None:
    """Raise `VerificationError` unless a signature of `key` would count as one of `role` without a timestamp.

    `trust`: the chain of trust roots that decides.
    `issued_at`: the time of issue that the signed document states.
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
    """The keys whose signatures count so far, whether or not they reach the thresholds.

    Timestamps and reports of the bundle are left out.
    Raises `MalformedError` when the statement cannot be read; `VerificationError` when it may not be signed, a
    signature of a trusted key is false, or `trust` is of another exchange or has no root in force at the statement.
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
