"""The months of a history and what is wrong with them, as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from attest.verification.verified import Verified


class Month(NamedTuple):
    """One bundle of a history, verified, and where it was found."""

    name: str
    verified: Verified

    @property
    def period(self) -> str:
        """`2026-10`."""
        return self.verified.statement.predicate.period

    @property
    def sequence(self) -> int:
        """0 for an exchange's first statement."""
        return self.verified.statement.predicate.sequence


class Finding(NamedTuple):
    """One thing that is wrong with a history, and what to do about it.

    `adverse` says that nothing is false: a month is late or not met; `unavailable` that a bundle could not be read to
    its end here, which says nothing against it. `names` are the bundles that are in doubt, or late, or not met, and
    `periods` their months; without names, `periods` are months of which there is no statement. A finding with neither
    is about the history as a whole.

    Where two statements contradict each other nobody can say which of them is false, so that both are named: those of
    one place (`history/equivocation`), and a month with the one that it does not follow (`history/link`) or is not
    later than (`history/order`). What comes after a month that did not verify (`history/unjudged`) or after one that is
    missing (`history/gap`) is not named: it is not known to be false.
    """

    code: str
    sentence: str
    adverse: bool = False
    hint: str | None = None
    names: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    unavailable: bool = False


class Claimed(NamedTuple):
    """The place that a bundle which did not verify claims to have."""

    name: str
    sequence: int
    period: str


def unread(findings: Iterable[Finding]) -> frozenset[str]:
    """The names of the bundles that could not be read to their end."""
    return frozenset(name for finding in findings if finding.unavailable for name in finding.names)


def is_of_unread(finding: Finding, names: frozenset[str]) -> bool:
    """Whether a finding comes of bundles alone that could not be read to their end, `names`: it accuses nobody."""
    return not finding.adverse and bool(finding.names) and names.issuperset(finding.names)
