"""The bundle: one file that carries the signed statement and what came with it. It is itself unsigned."""

from __future__ import annotations

from typing import Final, Literal

from attest.attestation.envelope import Envelope
from attest.documents import Document

MAX_BUNDLE_BYTES: Final = 1024 * 1024


class Bundle(Document):
    """`*.attest.json`. Timestamps, trust roots and auditor reports have a place, but no meaning yet."""

    format: Literal["attest/bundle/v1"]
    envelope: Envelope
    timestamps: tuple[()]
    trust_roots: tuple[()]
    auditor_reports: tuple[()]


def parse_bundle(data: bytes) -> Bundle:
    """Parse strictly. Raises `MalformedError`."""
    return Bundle.from_json(data, what="the bundle", max_bytes=MAX_BUNDLE_BYTES)
