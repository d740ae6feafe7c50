"""The bundle: one unsigned file with a signed statement and what belongs to it (protocol.md, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from attest.documents import Document
from attest.signing.envelope import Envelope
from attest.signing.timestamp import MAX_TIMESTAMPS, Timestamp
from attest.signing.trust import MAX_ROOTS

BUNDLE_ENDING: Final = ".attest.json"  # of the names of bundle files
MAX_BUNDLE_BYTES: Final = 1024 * 1024
MAX_REPORTS: Final = 8


class Bundle(Document):
    """A bundle, `*.attest.json`. Nothing in it is to be trusted before it is verified against the verifier's anchors.

    `format`: the name of this format.
    `envelope`: the signed statement.
    `timestamps`: timestamps over signatures in `envelope` and `auditor_reports`, up to 32.
    `trust_roots`: trust roots after an exchange's first one, in any order, up to 64.
    `auditor_reports`: signed reports of auditors about the statement, up to 8.
    """

    format: Literal["attest/bundle/v1"]
    envelope: Envelope
    timestamps: Annotated[tuple[Timestamp, ...], Field(max_length=MAX_TIMESTAMPS)]
    trust_roots: Annotated[tuple[Envelope, ...], Field(max_length=MAX_ROOTS)]
    auditor_reports: Annotated[tuple[Envelope, ...], Field(max_length=MAX_REPORTS)]


def bundle_file_name(period: str) -> str:
    """The name under which the bundle of a month, such as `2026-10`, is published."""
    return f"{period}{BUNDLE_ENDING}"


def parse_bundle(data: bytes, *, what: str = "the bundle") -> Bundle:
    """The bundle in strict JSON; nothing in it is verified.

    `what`: the name of the bundle in errors.
    Raises `MalformedError`, also for more than `MAX_BUNDLE_BYTES`.
    """
    return Bundle.from_json(data, what=what, max_bytes=MAX_BUNDLE_BYTES)


CLOCKS_DIFFER: Final = timedelta(minutes=10)


def stampable(bundle: Bundle) -> Sequence[Envelope]:
    """The envelopes whose signatures a timestamp of the bundle may name.

    An entry of the reports around the statement itself is none of them: where reports are not verified, anything
    could stand there for a signature of the statement.
    """
    reports = [report for report in bundle.auditor_reports if report.payload != bundle.envelope.payload]
    return (bundle.envelope, *reports)
