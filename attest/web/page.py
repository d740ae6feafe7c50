"""The customers' page of one exchange: the shipped page with a trust root in it, and no byte of its code changed."""

from __future__ import annotations

from typing import Final

from attest import __version__
from attest.attestation.envelope import Envelope
from attest.attestation.trust import MAX_ROOT_FILE_BYTES, Root, Trust, parse_root_file
from attest.errors import AttestError, VerificationError
from attest.formats import foreign
from attest.web import shipped_page

_BEGINS: Final = b'<script type="application/json" id="trust-root">'
_ENDS: Final = b"</script>"
_FETCH: Final = "a browser that saves a page changes it: fetch the file itself, as curl -o FILE URL does"


def build_page(root: Envelope) -> bytes:
    """The page for the customers of one exchange, whose trust root it pins.

    The root stands in a block of data, which no browser runs, so that the hash by which the page admits its script
    stays valid. Raises what `Trust.pin` raises for a root that does not hold.
    """
    Trust.pin(root)
    before, after = _around()
    # Within a script element `<` could begin its end tag or a comment.
    return before + root.to_bytes().replace(b"<", b"\\u003c") + after


def check_page(data: bytes, *, what: str) -> Root | None:
    """The trust root in a page; None for the shipped page, which has none.

    `data`: the bytes of the page.
    `what`: the name of the page in errors.
    Raises `VerificationError` when `data` differs from the page of this release outside the block of data, or when the
    block holds no valid trust root as `build_page` writes it.
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
    """The largest size of a page with a trust root, in bytes; each byte of a root may be written as six."""
    return len(shipped_page()) + 6 * MAX_ROOT_FILE_BYTES


def _around() -> tuple[bytes, bytes]:
    """The shipped page before and behind the content of its block of data."""
    before, found, after = shipped_page().partition(_BEGINS)
    if not found or not after.startswith(_ENDS) or _BEGINS in after:
        raise ValueError("the page of this attest has not one empty block of data")
    return before + found, after


def _require_page(data: bytes, before: bytes, after: bytes, what: str) -> None:
    """Raise `VerificationError` unless `data` is the shipped page with a block of data that holds no element.

    `before`, `after`: the shipped page around the block.
    """
    begins = data.startswith(before)
    # A `<` in the block would begin an element, which could be somebody else's code.
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
    """The number of bytes at the beginning in which two texts agree."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
