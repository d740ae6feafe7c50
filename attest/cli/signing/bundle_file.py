"""A bundle in its file, to which several may add at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from attest.cli.options.kinds import BUNDLE, explained

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.attestation.bundle import Bundle
    from attest.signing.timestamp import Authorities
    from attest.verification.anchors import Anchors


class Checks(NamedTuple):
    """By what a bundle is verified before it is written: the trust root and the authorities that were named."""

    anchors: Anchors | None
    authorities: Authorities
    now: datetime


def read_bundle(path: Path) -> Bundle:
    """The bundle in the file at `path`. Raises `UnavailableError`, `MalformedError`."""
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.files import read_bounded

    return _parsed(path, read_bounded(path, MAX_BUNDLE_BYTES))


def _parsed(path: Path, data: bytes) -> Bundle:
    from attest.attestation.bundle import parse_bundle
    from attest.errors import AttestError

    try:
        return parse_bundle(data, what=str(path))
    except AttestError as error:
        raise explained(error, (path, BUNDLE)) from None


def change_bundle(path: Path, change: Callable[[Bundle], Bundle], checks: Checks) -> Bundle:
    """The bundle that is now at `path`: what `change` made of the one that was, of which others may have made more.

    What it made is verified before it is written, as far as `checks` go, and nothing is written where it made nothing.
    """
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.files import change_file
    from attest.verification.writable import check_writable

    def made(data: bytes) -> bytes:
        before = _parsed(path, data)
        after = change(before)
        if after == before:
            return data
        check_writable(after, checks.anchors, authorities=checks.authorities, now=checks.now)
        return after.to_bytes()

    return _parsed(path, change_file(path, made, max_bytes=MAX_BUNDLE_BYTES))


def require_same(now: Bundle, before: Bundle, path: Path) -> Bundle:
    """The bundle that is there `now`, if its statement is the one `before`. Raises `UnavailableError`."""
    from attest.errors import UnavailableError

    if (now.envelope.payload, now.envelope.payload_type) != (before.envelope.payload, before.envelope.payload_type):
        raise UnavailableError(
            "sign/changed",
            f"{path} holds another statement by now: nothing was signed",
            hint="see who wrote it, and begin anew",
        )
    return now
