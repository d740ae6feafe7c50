"""The page in which customers verify their own balance: one file of HTML, `verify.html`.

It is built from the sources in `verify` and checked in, so that a release needs no tools of the browser's world.
"""

from __future__ import annotations

from hashlib import sha256
from importlib import resources


def shipped_page() -> bytes:
    """The page of this release, without a trust root."""
    return resources.files("attest").joinpath("web", "verify.html").read_bytes()


def page_digest() -> str:
    """SHA-256 of `shipped_page`, hex, by which a customer compares the page."""
    return sha256(shipped_page()).hexdigest()
