"""The page in which customers verify: one file of HTML, `verify.html`, which is built from `verify` and checked in."""

from __future__ import annotations

from hashlib import sha256
from importlib import resources


def shipped_page() -> bytes:
    """The page that came with this attest, without a trust root."""
    return resources.files("attest").joinpath("web", "verify.html").read_bytes()


def page_digest() -> str:
    """What that page is compared by: its SHA-256, in hex."""
    return sha256(shipped_page()).hexdigest()
