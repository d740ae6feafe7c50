"""The pointer: a line that fits on paper and names one statement, for people to compare (protocol.md, section 10)."""

from __future__ import annotations

import io
from base64 import b32encode


def pointer(period: str, digest: bytes) -> str:
    """The pointer to the statement of `period` with this SHA-256."""
    return f"ATTEST1:{period}:{b32encode(digest).decode().rstrip('=')}"


def pointer_picture(text: str) -> bytes:
    """The pointer `text` as a QR code, in SVG that says in words what it shows."""
    import segno

    out = io.BytesIO()
    # Dark on light whatever is behind it: phones do not read the other way round.
    segno.make_qr(text, error="m").save(
        out,
        kind="svg",
        scale=4,
        light="white",
        title=f"QR code of the pointer {text}",
        desc="Compare it with the pointer that you are shown elsewhere: equal pointers name one statement.",
    )
    return out.getvalue().replace(b"<svg ", b'<svg role="img" ', 1)
