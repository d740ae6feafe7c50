"""The customer's page with an exchange's trust root in it, which changes no byte of its code."""

from __future__ import annotations

from typing import Final

from attest import __version__
from attest.errors import AttestError, VerificationError
from attest.formats import foreign
from attest.signing.envelope import Envelope
from attest.signing.trust import MAX_ROOT_FILE_BYTES, Root, Trust, parse_root_file
from attest.web import shipped_page

_BEGINS: Final = b'<script type="application/json" id="trust-root">'
_ENDS: Final = b"</script>"
_FETCH: Final = "a browser that saves a page changes it: fetch the file itself, as curl -o FILE URL does"


def build_page(root: Envelope) -> bytes:
    """The page for the readers of one exchange, whose trust root it pins. Raises what `Trust.pin` raises.

    The root stands in a block of data, which no browser runs: the hash by which the page admits its script stays.
    """
    Trust.pin(root)
    before, after = _around()
    # In a script element `<` could begin what ends it, or a comment.
    return before + root.to_bytes().replace(b"<", b"\\u003c") + after


def check_page(data: bytes, *, what: str) -> Root | None:
    """The trust root in the page `data`, which `what` names in errors; None when it has none.

    Raises `VerificationError` when `data` is not the page that came with this attest with whatever `build_page` puts
    into it, or when no valid trust root stands there.
    """
    before, after = _around()
    _require_page(data, before, after, what)
    block = data[len(before) : len(data) - len(after)]
    if not block:
        return None
    try:
        envelope = parse_root_file(block)
        (root,) = Trust.pin(envelope).roots
    except AttestError as error:
        raise VerificationError(
            "web/trust-root", f"{what} is this page, but the trust root in it is none that holds: {error.message}"
        ) from None
    if build_page(envelope) != data:
        raise VerificationError(
            "web/trust-root", f"{what} is this page, but its trust root is not written as attest web build writes it"
        )
    return root


def max_page_bytes() -> int:
    """The most that a page with a trust root may have: each byte of a root may be written as six."""
    return len(shipped_page()) + 6 * MAX_ROOT_FILE_BYTES


def _around() -> tuple[bytes, bytes]:
    """The page up to its block of data, and from there on."""
    before, found, after = shipped_page().partition(_BEGINS)
    if not found or not after.startswith(_ENDS) or _BEGINS in after:
        raise ValueError("the page of this attest has not one empty block of data")
    return before + found, after


def _require_page(data: bytes, before: bytes, after: bytes, what: str) -> None:
    """Raise `VerificationError` unless `data` is the page, with anything but an element in its block of data."""
    begins = data.startswith(before)
    # Whatever began with `<` in the block would be an element: code of somebody else's.
    end = data.find(b"<", len(before)) if begins else -1
    if end >= 0 and data[end:] == after:
        return
    if b'id="trust-root"' not in data:
        form = foreign(data)
        said = form.said if form is not None and form.code != "file/kind" else "no page in which customers verify"
        raise VerificationError("web/other-page", f"{what} is {said}", hint=_FETCH)
    at = _common(data, before) if not begins else end + _common(data[end:], after) if end >= 0 else len(data)
    raise VerificationError(
        "web/other-page",
        f"{what} is not the page of attest {__version__}: from byte {at + 1:,} on it is another",
        hint=f"the page of another release is checked with that release; {_FETCH}",
    )


def _common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
