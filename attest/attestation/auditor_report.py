"""What an auditor did about a statement and found, in the auditor's own signed words (protocol.md, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from attest.attestation.statement import PAYLOAD_TYPE, STATEMENT_TYPE, Sha256
from attest.documents import Document, LongText, Text, Time
from attest.errors import VerificationError
from attest.signing.envelope import Envelope, sign, verify_signatures
from attest.signing.keys import Signs
from attest.signing.trust import Trust

REPORT_TYPE: Final = "urn:attest-por:auditor-report:v1"
MAX_REPORT_BYTES: Final = 256 * 1024


class Procedure(Document):
    """One thing that was done, and what came of it; `exception` says that it is not as it should be."""

    procedure: LongText
    finding: LongText
    exception: bool


class Findings(Document):
    """What the auditor writes; `standard` is the one the work followed, such as ISRS 4400."""

    auditor: Text
    standard: Text
    procedures: Annotated[tuple[Procedure, ...], Field(min_length=1, max_length=200)]


class ReportPredicate(Findings):
    """What the auditor wrote, with the time at which the report was issued."""

    issued_at: Time

    @property
    def findings(self) -> Findings:
        """What the auditor wrote."""
        return Findings(auditor=self.auditor, standard=self.standard, procedures=self.procedures)


class ReportSubject(Document):
    """The statement, by the digest of its payload."""

    name: Literal["statement.json"]
    digest: Sha256


class Report(Document):
    """An in-toto Statement v1 about a proof-of-reserves statement."""

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[tuple[ReportSubject], Field(min_length=1, max_length=1)]
    predicate_type: Literal["urn:attest-por:auditor-report:v1"]
    predicate: ReportPredicate


class VerifiedReport(NamedTuple):
    """A report, and the fingerprints of the auditor's keys whose signatures of it count."""

    report: Report
    signed: frozenset[str]

    @property
    def is_to_come(self) -> bool:
        """Whether it is dated after its verification, so that it does not count: no signature of it does."""
        return not self.signed

    @property
    def exceptions(self) -> int:
        """How many findings are exceptions."""
        return sum(item.exception for item in self.report.predicate.procedures)


def write_report(findings: Findings, *, statement: bytes, issued_at: datetime, signer: Signs) -> Envelope:
    """The signed report about the statement with this digest."""
    report = Report(
        type=STATEMENT_TYPE,
        subject=(ReportSubject(name="statement.json", digest=Sha256(sha256=statement)),),
        predicate_type=REPORT_TYPE,
        predicate=ReportPredicate(
            auditor=findings.auditor, standard=findings.standard, procedures=findings.procedures, issued_at=issued_at
        ),
    )
    return sign(report.to_bytes(), PAYLOAD_TYPE, [signer])


def reports_of(envelopes: Iterable[Envelope]) -> list[tuple[Envelope, ...]]:
    """The envelopes by report, in their order: those with equal payloads are one report, which all of them sign."""
    found: dict[bytes, dict[Envelope, None]] = {}
    for envelope in envelopes:
        found.setdefault(envelope.payload, {})[envelope] = None
    return [tuple(copies) for copies in found.values()]


def parse_report(payload: bytes, *, statement: bytes) -> Report:
    """The report about the statement with this digest; nobody's signature is verified.

    Raises `MalformedError`, `VerificationError`.
    """
    report = Report.from_canonical(payload, what="the auditor report", max_bytes=MAX_REPORT_BYTES)
    if report.subject[0].digest.sha256 != statement:
        raise VerificationError("report/statement", "an auditor report is about another statement")
    return report


def verify_report(
    copies: Sequence[Envelope],
    *,
    statement: bytes,
    trust: Trust,
    times: Mapping[tuple[bytes, str], datetime],
    now: datetime,
    leeway: timedelta,
) -> VerifiedReport:
    """The report of one of the auditor's keys about the statement with this digest.

    `copies` are the envelopes around its payload, one or more: each must hold, and a key that signed several counts
    once. `times` are what timestamps prove; a report dated more than `leeway` after `now` is to come. Raises
    `MalformedError`, `VerificationError`.
    """
    if any(copy.payload_type != PAYLOAD_TYPE for copy in copies):
        raise VerificationError("report/type", f"the payload type of an auditor report is not {PAYLOAD_TYPE}")
    keys = trust.keys("auditor")
    counted = frozenset[str]().union(*(verify_signatures(copy, keys).signed for copy in copies))
    payload = copies[0].payload
    report = parse_report(payload, statement=statement)
    if report.predicate.issued_at - now > leeway and counted:
        return VerifiedReport(report, frozenset())
    place = sha256(payload).digest()
    signed = trust.standing(
        "auditor",
        {fingerprint: times.get((place, fingerprint)) for fingerprint in counted},
        issued_at=report.predicate.issued_at,
        threshold=1,
    )
    return VerifiedReport(report, signed)
