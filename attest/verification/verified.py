"""What a verification returns: the statement, what follows from it, and every step that was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from attest.attestation.coverage import Coverage, HeldLevel
from attest.attestation.statement import Statement
from attest.evidence.record import Record
from attest.liabilities.proof import Holding
from attest.policy.results import Evaluation
from attest.signing.trust import Trust
from attest.verification.control.recheck import Controlled
from attest.verification.evidence.recheck import Rechecked
from attest.verification.segregation import Check, WalletRow
from attest.verification.signatories import Signatories
from attest.verification.steps import NUMBERS, Step, StepName
from attest.verification.unchecked import Unchecked

_OF_SIGNATURES: Final[frozenset[StepName]] = frozenset({"roots", "signatures", "thresholds", "timestamps"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement whose signatures hold, what follows from it, and every step that was run.

    `at`: the time of verification.
    `statement`: what was signed.
    `digest`: its SHA-256, 32 bytes.
    `trust`: the chain of trust roots; None where bare keys were trusted.
    `signatories`: whose signatures count, and what auditors reported.
    `coverage`: one for each asset, in the order of the statement.
    `checks`: those of segregation.
    `wallets`: who controls each wallet whose records are available.
    `evaluations`: those of the policies whose files are available.
    `records`: the evidence that is available, by index.
    `missing`: the names of the subject files that are not beside the bundle.
    `rechecked`: what step 11 recomputed, and `unchecked` what it left unchecked.
    `answered`: the chains of which a node was asked, and said what the records say.
    `controlled`: what step 13 found; None where the evidence holds no proof of control.
    `holdings`: what the inclusion proof shows, by asset; empty without one.
    `steps`: all sixteen, in their order.
    """

    at: datetime
    statement: Statement
    digest: bytes
    trust: Trust | None
    signatories: Signatories
    coverage: tuple[Coverage, ...]
    checks: tuple[Check, ...]
    wallets: tuple[WalletRow, ...]
    evaluations: tuple[Evaluation, ...]
    records: Mapping[int, Record]
    missing: tuple[str, ...]
    rechecked: Rechecked
    unchecked: Unchecked
    answered: frozenset[str]
    controlled: Controlled | None
    holdings: tuple[Holding, ...]
    steps: tuple[Step, ...]

    def step(self, name: StepName) -> Step:
        """The step of this name."""
        return self.steps[NUMBERS[name]]

    def is_rechecked(self, item: Coverage, level: HeldLevel) -> bool:
        """Whether all that `item` holds at `level` was recomputed from evidence; a declared figure never is."""
        lines = [
            line.without_control
            for line in self.statement.predicate.reserves
            if (line.asset, line.purpose, line.evidence) == (item.asset, "customer", level)
        ]
        shown = self.rechecked.shown
        return bool(lines) and all(line in shown and shown[line].rechecked for line in lines)

    @property
    def adverse(self) -> bool:
        """Whether the truth that was verified is a bad one: a coverage or the freshness is not met."""
        return any(step.status == "NOT MET" for step in self.steps) or not all(item.met for item in self.coverage)


def with_signatures(checked: Verified, signed: Verified) -> Verified:
    """All that `checked` says of a statement, but whose signatures count, which `signed` says of it."""
    steps = (signed.step(step.name) if step.name in _OF_SIGNATURES else step for step in checked.steps)
    return replace(checked, at=signed.at, trust=signed.trust, signatories=signed.signatories, steps=tuple(steps))
