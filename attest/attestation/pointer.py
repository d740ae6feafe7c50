"""The pointer: one line that names a statement on paper, for people to compare (protocol.md, section 10)."""

from __future__ import annotations

import io
from base64 import b32encode


def pointer(period: str, digest: bytes) -> str:
    """The pointer: `ATTEST1:`, the period, and the digest in base32 (RFC 4648, section 6) without padding.

    `period`: that of the statement, such as `2026-10`.
    `digest`: the SHA-256 of the statement's bytes, 32 bytes.
    """
    return f"ATTEST1:{period}:{b32encode(digest).decode().rstrip('=')}"


def pointer_picture(text: str) -> bytes:
    """The pointer `text` as a QR code in SVG, with a title and description for readers who do not see it."""
    import segno

    out = io.BytesIO()
    # Always dark on light, because phones do not read light on dark.
    segno.make_qr(text, error="m").save(
        out,
        kind="svg",
        scale=4,
        light="white",
        title=f"QR code of the pointer {text}",
        desc="Compare it with the pointer that you are shown elsewhere: equal pointers name one statement.",
    )
    return out.getvalue().replace(b"<svg ", b'<svg role="img" ', 1)
