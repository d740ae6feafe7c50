"""The numbered steps of a verification (protocol.md, section 9): their names, and what each of them says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Literal, ParamSpec, TypeVar

from attest.errors import AttestError, UnavailableError

StepName = Literal[
    "form",
    "roots",
    "signatures",
    "thresholds",
    "type",
    "statement",
    "timestamps",
    "previous",
    "arithmetic",
    "files",
    "inclusion",
    "evidence",
    "nodes",
    "control",
    "policy",
    "freshness",
]

TITLES: Final[Mapping[StepName, str]] = {
    "form": "size limits and strict JSON",
    "roots": "trust root chain",
    "signatures": "envelope signatures",
    "thresholds": "thresholds per role",
    "type": "payload and predicate type",
    "statement": "strict parse of the statement",
    "timestamps": "timestamps",
    "previous": "sequence and previous statement",
    "arithmetic": "arithmetic inside the statement",
    "files": "digests of subject files, evidence root",
    "inclusion": "inclusion proof",
    "evidence": "evidence rechecked offline",
    "nodes": "balances re-read from nodes",
    "control": "control proofs",
    "policy": "policy recomputed",
    "freshness": "freshness",
}
NUMBERS: Final[Mapping[StepName, int]] = {name: number for number, name in enumerate(TITLES)}

Status = Literal["VERIFIED", "FAILED", "NOT CHECKED", "NOT MET"]

_Found_co = TypeVar("_Found_co", covariant=True)
_Given = ParamSpec("_Given")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was run.

    `sentences`: what it found, or the one sentence of the error that ended it.
    """

    name: StepName
    status: Status
    sentences: tuple[str, ...]

    @property
    def number(self) -> int:
        """Its number in protocol.md, from 0 on."""
        return NUMBERS[self.name]

    @property
    def title(self) -> str:
        """What it checks, in words."""
        return TITLES[self.name]

    @property
    def detail(self) -> str:
        """Its sentences in one line."""
        return "; ".join(self.sentences)


@dataclass(frozen=True, slots=True)
class StepOutcome(Generic[_Found_co]):
    """What a step returns that nothing ended.

    `found`: the value that later steps go on with.
    `sentences`: what it found, in words and in order.
    `open`: those of `sentences` that say why it could not be run to its end.
    `unmet`: whether what it verified is short of what it should be.
    """

    found: _Found_co
    sentences: tuple[str, ...]
    open: tuple[str, ...] = ()
    unmet: bool = False

    @property
    def status(self) -> Status:
        """How the step ended; what is not met outweighs what is open."""
        return "NOT MET" if self.unmet else "NOT CHECKED" if self.open else "VERIFIED"


class Report:
    """The steps that were run so far; `tell` hears of each as it ends."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.steps: list[Step] = []
        self._tell = tell

    def run(
        self,
        name: StepName,
        step: Callable[_Given, StepOutcome[_Value]],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Value:
        """Run a step with what it is given, and return what it found.

        An error makes it FAILED, or NOT CHECKED where something was unavailable; it is raised again.
        """
        try:
            outcome = step(*given, **named)
        except AttestError as error:
            status: Status = "NOT CHECKED" if isinstance(error, UnavailableError) else "FAILED"
            self._add(Step(name, status, (error.message,)))
            raise
        self._add(Step(name, outcome.status, outcome.sentences))
        return outcome.found

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self._tell(step)
