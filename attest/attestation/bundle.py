"""The bundle: one file that carries the signed statement and what came with it. It is itself unsigned."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from attest.documents import Document
from attest.signing.envelope import Envelope
from attest.signing.timestamp import MAX_TIMESTAMPS, Timestamp
from attest.signing.trust import MAX_ROOTS

BUNDLE_ENDING: Final = ".attest.json"  # of the names of bundles
MAX_BUNDLE_BYTES: Final = 1024 * 1024
MAX_REPORTS: Final = 8


class Bundle(Document):
    """`*.attest.json`. Each part vouches for itself, or is checked against what the verifier trusts."""

    format: Literal["attest/bundle/v1"]
    envelope: Envelope
    timestamps: Annotated[tuple[Timestamp, ...], Field(max_length=MAX_TIMESTAMPS)]
    trust_roots: Annotated[tuple[Envelope, ...], Field(max_length=MAX_ROOTS)]
    auditor_reports: Annotated[tuple[Envelope, ...], Field(max_length=MAX_REPORTS)]


def bundle_file_name(period: str) -> str:
    """The name of the file in which the bundle of a month, such as `2026-10`, is published."""
    return f"{period}{BUNDLE_ENDING}"


def parse_bundle(data: bytes, *, what: str = "the bundle") -> Bundle:
    """Parse strictly; `what` names it in errors. Raises `MalformedError`."""
    return Bundle.from_json(data, what=what, max_bytes=MAX_BUNDLE_BYTES)
