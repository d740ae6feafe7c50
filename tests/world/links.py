"""Links between documents."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode

MOST = 1 << 20


def linked(fragment: str) -> bytes | None:
    """The file in a link, read as section 10 says; None when it is refused."""
    text = fragment.removeprefix("#proof=")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    inflate = zlib.decompressobj(-15)
    try:
        data = inflate.decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), MOST + 1)
    except zlib.error:
        return None
    return data if inflate.eof and not inflate.unused_data and len(data) <= MOST else None
