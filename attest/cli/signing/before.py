"""What is seen before something is signed: the whole month, verified as far as the options reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attest.cli.options.anchors import AnchorOptions, required_root
from attest.cli.options.known import KnownOptions
from attest.cli.result import tell
from attest.cli.signing.bundle_file import Checks

if TYPE_CHECKING:
    from attest.attestation.bundle import Bundle
    from attest.signing.trust import Trust
    from attest.verification.verified import Verified


def _require_asked(verified: Verified, known: KnownOptions) -> None:
    """Raises `UnavailableError` when the ledger or a node that was named could not be read."""
    from attest.errors import UnavailableError

    unread = []
    if known.ledger is not None:
        unread.append(verified.step("inclusion"))
    if len(verified.answered) < len(known.nodes):
        unread.append(verified.step("nodes"))
    for step in unread:
        if step.status == "NOT CHECKED":
            raise UnavailableError("sign/unchecked", f"nothing was signed: {step.detail}")


def verified_before(
    path: Path, bundle: Bundle, anchors: AnchorOptions, known: KnownOptions, *, as_json: bool
) -> tuple[Verified, Trust, Checks]:
    """What is about to be signed, and whose signatures count; what was not checked is said, while one can still stop.

    Before the auditor signed, only the exchange's signatures can be asked for.
    """
    from attest.verification.anchors import Sources, files_beside
    from attest.verification.verify import verify

    required_root(anchors.trust_root)
    alone_known = known.known()
    sources = Sources(files_beside(path), known.ask(), known.rebuild(as_json=as_json))
    now = anchors.now()
    trusted = anchors.anchors(roles=("exchange",))
    verified = verify(bundle.to_bytes(), trusted, now=now, sources=sources, known=alone_known)
    if verified.trust is None:
        raise AssertionError("whose signatures count was said by a trust root")
    _require_asked(verified, known)
    say = tell(as_json)
    for step in verified.steps:
        if step.status != "VERIFIED":
            say(f"before you sign: {step.status}: {step.number} {step.title}: {step.detail}")
    return verified, verified.trust, Checks(replace(trusted, trust=verified.trust), trusted.authorities, now)
