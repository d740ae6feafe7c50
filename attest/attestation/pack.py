"""The pack: a bundle and the inclusion proof of one customer in one file, for a phone (protocol.md, section 10)."""

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
    """`*.pack.json`. Both texts are verified as the files that they are; nothing here says whom to trust."""

    format: Literal["attest/pack/v1"]
    bundle: str
    proof: str

    @property
    def files(self) -> tuple[bytes, bytes]:
        """The bundle and the proof, as they would lie in files of their own."""
        return self.bundle.encode(), self.proof.encode()


def pack(bundle: bytes, proof: InclusionProof, *, what: str) -> Pack:
    """The pack of `bundle`, which `what` names in errors, and a proof.

    Raises `MalformedError` when it is no bundle, or that of another statement than the proof's.
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
    """The pack in `data`; None when that is something else. Raises `MalformedError` when it only says that it is one.

    `data` may be one byte longer than the limit, as `read_bounded` returns a file that is too long.
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
