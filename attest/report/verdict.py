"""The verdict on a month in parts, of which every form of a report makes its first sentences."""

from __future__ import annotations

from typing import Final, NamedTuple

from attest.report.view.held import CoverageRow
from attest.report.view.month import AuditorReport, CheckRow, MonthView
from attest.report.view.rules import PolicyView, RuleView

_RULES_STEP: Final = 14


class Verdict(NamedTuple):
    """What the first sentences of a month say: `covered` is whether every asset is, the rest is what is not met.

    `steps` are without the one that evaluates the rules where it is not met by `rules`; `checks` are those of
    segregation, which are no step; `exceptions` are the auditor's reports that note some; `rest` are the assets whose
    reserves were not checked, or not all of them; `undecided` are rules that lack figures, `unseen` those that are met
    by figures of which not all were checked, `missing` are policies that nobody could evaluate; `networks` are chains
    where coins may be worth nothing.
    """

    covered: bool
    below: tuple[CoverageRow, ...]
    rules: tuple[tuple[PolicyView, RuleView], ...]
    steps: tuple[int, ...]
    checks: tuple[CheckRow, ...]
    exceptions: tuple[AuditorReport, ...]
    rest: tuple[str, ...]
    undecided: tuple[tuple[PolicyView, RuleView], ...]
    unseen: tuple[str, ...]
    missing: tuple[str, ...]
    networks: tuple[str, ...]

    @property
    def is_qualified(self) -> bool:
        """Whether a month that is met has something beside it that a reader must not miss."""
        rules = self.undecided or self.unseen or self.missing
        return bool(self.checks or self.exceptions or self.rest or rules or self.networks)


def verdict_of(view: MonthView) -> Verdict:
    """The parts of the verdict on a month."""
    found = tuple((policy, rule) for policy in view.policies for rule in policy.rules)
    rules = tuple((policy, rule) for policy, rule in found if rule.verdict == "NOT_MET")
    return Verdict(
        covered=all(row.met for row in view.coverage),
        below=tuple(row for row in view.coverage if not row.met),
        rules=rules,
        steps=tuple(
            step.number
            for step in view.steps
            if step.status == "NOT MET" and not (rules and step.number == _RULES_STEP)
        ),
        checks=tuple(row for row in view.checks if row.verdict == "NOT MET"),
        exceptions=tuple(report for report in view.reports if any(row.exception for row in report.findings)),
        rest=tuple(row.asset for row in view.coverage if row.rest is not None),
        undecided=tuple((policy, rule) for policy, rule in found if rule.verdict == "INSUFFICIENT_DATA"),
        unseen=tuple(rule.id for _, rule in found if rule.verdict == "MET" and rule.rest is not None),
        missing=view.missing_policies,
        networks=view.other_networks,
    )
