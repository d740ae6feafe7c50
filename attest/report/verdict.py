"""The verdict on a month in parts, from which the page, the PDF and the site make their first sentences."""

from __future__ import annotations

from typing import NamedTuple

from attest.report.view.held import CoverageRow
from attest.report.view.month import AuditorReport, CheckRow, MonthView
from attest.report.view.rules import PolicyView, RuleView
from attest.verification.steps import NUMBERS


class Verdict(NamedTuple):
    """The parts of a verdict: first what is not met, then what qualifies a month that is met.

    `covered`: whether every asset is covered.
    `below`: the assets that are not.
    `rules`: the rules that are NOT MET, each with its policy.
    `steps`: the numbers of the steps that are NOT MET; without that of the policies when `rules` says why it is.
    `checks`: the checks of segregation that are NOT MET; they belong to no step.
    `exceptions`: the auditors' reports that note an exception.
    `rest`: the assets of whose reserves not all was checked.
    `undecided`: the rules that lack figures, each with its policy.
    `unseen`: the ids of rules that are MET by figures of which not all were checked.
    `missing`: the ids of policies that could not be evaluated, because their files are not available.
    `networks`: the chains that are no main network, where coins may be worth nothing.
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
        """Whether something stands beside the verdict that a reader must not miss, even when the month is met."""
        rules = self.undecided or self.unseen or self.missing
        return bool(self.checks or self.exceptions or self.rest or rules or self.networks)


def verdict_of(view: MonthView) -> Verdict:
    """The verdict on a month in its parts, from its view."""
    found = tuple((policy, rule) for policy in view.policies for rule in policy.rules)
    rules = tuple((policy, rule) for policy, rule in found if rule.verdict == "NOT_MET")
    return Verdict(
        covered=all(row.met for row in view.coverage),
        below=tuple(row for row in view.coverage if not row.met),
        rules=rules,
        steps=tuple(
            step.number
            for step in view.steps
            if step.status == "NOT MET" and not (rules and step.number == NUMBERS["policy"])
        ),
        checks=tuple(row for row in view.checks if row.verdict == "NOT MET"),
        exceptions=tuple(report for report in view.reports if any(row.exception for row in report.findings)),
        rest=tuple(row.asset for row in view.coverage if row.rest is not None),
        undecided=tuple((policy, rule) for policy, rule in found if rule.verdict == "INSUFFICIENT_DATA"),
        unseen=tuple(rule.id for _, rule in found if rule.verdict == "MET" and rule.rest is not None),
        missing=view.missing_policies,
        networks=view.other_networks,
    )
