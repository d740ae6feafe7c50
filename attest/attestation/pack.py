"""The pack: a bundle and one customer's inclusion proof in one file, for a phone (protocol.md, section 10)."""

from __future__ import annotations

import re
from typing import Final, Literal

from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import statement_digest
from attest.canonical import loads
from attest.documents import Document
from attest.errors import MalformedError
from attest.liabilities.proof import InclusionProof

PACK_FORMAT: Final = "attest/pack/v1"
MAX_PACK_BYTES: Final = 4 * 1024 * 1024
_SAYS_PACK: Final = re.compile(rb'"format"[ \t\n\r]*:[ \t\n\r]*"attest/pack/v1"')


class Pack(Document):
    """A pack, `*.pack.json`. It is not signed and carries no trust root, because one sender must not vouch for itself.

    `format`: the name and version of this form.
    `bundle`: the text of a bundle file, byte for byte in UTF-8.
    `proof`: the text of an inclusion proof file, byte for byte in UTF-8.
    """

    format: Literal["attest/pack/v1"]
    bundle: str
    proof: str

    @property
    def files(self) -> tuple[bytes, bytes]:
        """The bytes of the two files, bundle and proof, which are verified as if they lay beside each other."""
        return self.bundle.encode(), self.proof.encode()


def pack(bundle: bytes, proof: InclusionProof, *, what: str) -> Pack:
    """The pack of a bundle and a proof.

    `bundle`: the bytes of a bundle file.
    `proof`: of the statement in the bundle.
    `what`: the name of the bundle in errors.
    Raises `MalformedError` for another form of the bundle, and when the proof is of another statement.
    """
    stated = statement_digest(parse_bundle(bundle, what=what).envelope.payload)
    if stated != proof.statement:
        raise MalformedError(
            "pack/statement",
            f"{what} is the bundle of another statement, {stated.hex()}; the proof is of {proof.statement.hex()}",
            hint="name the bundle that was published of this very month: --pack BUNDLE",
        )
    return Pack(format=PACK_FORMAT, bundle=bundle.decode(), proof=proof.to_bytes().decode())


def unpack(data: bytes) -> Pack | None:
    """The pack in a file; None for another document.

    `data`: the bytes of the file, at most one more than `MAX_PACK_BYTES`, as `read_bounded` returns a file that is too
    long.
    Raises `MalformedError` for a document whose `format` says that it is a pack, but that is none or too long.
    """
    if len(data) > MAX_PACK_BYTES:
        if _SAYS_PACK.search(data) is None:
            return None
        raise MalformedError("json/too-large", f"the pack has more than {MAX_PACK_BYTES:,} bytes")
    try:
        value = loads(data, what="the pack", max_bytes=MAX_PACK_BYTES)
    except MalformedError:
        return None
    if not isinstance(value, dict) or value.get("format") != PACK_FORMAT:
        return None
    return Pack.from_value(value, what="the pack")
