"""attest: prove every month, to anyone, that what customers own is there.

To verify a month as a stranger would, take the trust root that you keep, and the files that the exchange publishes:

    from datetime import UTC, datetime
    from pathlib import Path

    import attest

    bundle = Path("attest-demo/publication/2026-10/2026-10.attest.json")
    root = Path("attest-demo/trust/1.root.json")
    month = attest.verify(
        bundle.read_bytes(),
        attest.Anchors.pinned(root.read_bytes()),
        now=datetime.now(UTC),
        sources=attest.Sources.beside(bundle),
    )
    for asset in month.coverage:
        print(asset.asset, asset.held_total, "held for", asset.owed, "owed:", "MET" if asset.met else "NOT MET")

Whatever does not hold raises an `AttestError` of one of three kinds: `VerificationError` where something is false,
`MalformedError` where a file is not what it claims to be, `UnavailableError` where something could not be checked.
Nothing returns a bool for "is it valid", because a result that is ignored must not pass. What is returned is frozen.

The names in `attest.__all__` follow semantic versioning from 1.0 on, and documents of `v1` verify for ever. Every other
name may change in any release. `attest/protocol.md` specifies every byte that is hashed, signed or published.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from attest.attestation.proving import SignedSnapshot, open_snapshot
    from attest.chains.family import Family
    from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
    from attest.exchange.config import Config, read_config
    from attest.exchange.month import run
    from attest.exchange.publishing.finishing import Outcome
    from attest.exchange.stages import MonthInputs
    from attest.exchange.surroundings import Surroundings
    from attest.liabilities.proof import verify_inclusion
    from attest.policy.evaluate import evaluate
    from attest.verification.anchors import Anchors, Known, Sources
    from attest.verification.evidence.check import check_evidence
    from attest.verification.history import check_history
    from attest.verification.verified import Verified
    from attest.verification.verify import verify

__version__ = "0.1.0"

__all__ = [
    "Anchors",
    "AttestError",
    "Config",
    "Family",
    "Known",
    "MalformedError",
    "MonthInputs",
    "Outcome",
    "SignedSnapshot",
    "Sources",
    "Surroundings",
    "UnavailableError",
    "VerificationError",
    "Verified",
    "check_evidence",
    "check_history",
    "evaluate",
    "open_snapshot",
    "read_config",
    "run",
    "verify",
    "verify_inclusion",
]

_HOMES: Final = MappingProxyType(
    {
        "attest.attestation.proving": ("SignedSnapshot", "open_snapshot"),
        "attest.chains.family": ("Family",),
        "attest.errors": ("AttestError", "MalformedError", "UnavailableError", "VerificationError"),
        "attest.exchange.config": ("Config", "read_config"),
        "attest.exchange.month": ("run",),
        "attest.exchange.publishing.finishing": ("Outcome",),
        "attest.exchange.stages": ("MonthInputs",),
        "attest.exchange.surroundings": ("Surroundings",),
        "attest.liabilities.proof": ("verify_inclusion",),
        "attest.policy.evaluate": ("evaluate",),
        "attest.verification.anchors": ("Anchors", "Known", "Sources"),
        "attest.verification.evidence.check": ("check_evidence",),
        "attest.verification.history": ("check_history",),
        "attest.verification.verified": ("Verified",),
        "attest.verification.verify": ("verify",),
    }
)


def __getattr__(name: str) -> object:
    """A name of `__all__`, imported when it is first used (PEP 562), so that the command line starts at once."""
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'attest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
