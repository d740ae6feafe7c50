"""How a case of the frozen corpus is verified: as its index says, from its files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attest.attestation.pack import MAX_PACK_BYTES, Pack
from attest.chains.challenge import parse_nonce
from attest.documents import parse_time
from attest.errors import AttestError
from attest.signing.keys import PublicKey
from attest.signing.timestamp import parse_authorities
from attest.signing.trust import parse_root_file
from attest.verification.anchors import NO_PROOF, Anchors, Known, Sources
from attest.verification.steps import Step
from attest.verification.verified import Verified
from attest.verification.verify import verify


def outcome(folder: Path, case: Any) -> dict[str, Any]:
    """The status of every step, and the code of the error or None; `case` as for `verified`."""
    steps: list[Step] = []
    code = None
    try:
        verified(folder, case, steps.append)
    except AttestError as error:
        code = error.code
    return {"steps": [step.status for step in steps], "code": code}


def verified(folder: Path, case: Any, tell: Callable[[Step], None] = lambda _: None) -> Verified:
    """What the verification finds.

    `case` names files in `folder`: `bundle`, or `pack` in its place and in that of `proof`; `files`, those beside it by
    their names; and as in `attest verify` `trustRoot`, `nextRoots`, `tsaRoots`, `keys`, `proof`, `nonce`,
    `windowNonce`, `custodians`, and the time `at`. Raises what `verify` raises.
    """

    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    def key(name: str) -> PublicKey:
        return PublicKey.from_pem(read(name), what=name)

    proof: bytes | None = None
    if "pack" in case:
        bundle, proof = read_pack(read(case["pack"]), tell)
    else:
        bundle, proof = read(case["bundle"]), read(case["proof"]) if "proof" in case else None
    authorities = [one for name in case.get("tsaRoots", ()) for one in parse_authorities(read(name), what=name)]
    if "trustRoot" in case:
        later = [parse_root_file(read(name)) for name in case.get("nextRoots", ())]
        anchors = Anchors.pinned(parse_root_file(read(case["trustRoot"])), later, authorities=authorities)
    else:
        anchors = Anchors.keys([key(name) for name in case["keys"]], authorities=authorities)
    return verify(
        bundle,
        anchors,
        now=parse_time(case["at"]),
        sources=Sources({name: read(path) for name, path in case.get("files", {}).items()}.get),
        known=Known(
            proof=NO_PROOF if proof is None else proof,
            nonce=parse_nonce(case.get("nonce")),
            window_nonce=parse_nonce(case.get("windowNonce")),
            custodians={name: key(path) for name, path in case.get("custodians", {}).items()},
        ),
        tell=tell,
    )


def read_pack(data: bytes, tell: Callable[[Step], None]) -> tuple[bytes, bytes]:
    """The bundle and the proof in a pack. What is none fails step 0."""
    try:
        return Pack.from_json(data, what="the pack", max_bytes=MAX_PACK_BYTES).files
    except AttestError as error:
        tell(Step("form", "FAILED", (error.message,)))
        raise
