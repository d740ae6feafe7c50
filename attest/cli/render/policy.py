"""Policies and verdicts as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from attest.cli.render.coverage import rest_document, rest_text
from attest.cli.render.tables import new_table, render
from attest.documents import format_time
from attest.policy.explain import STANDINGS, asks, shown, standing, verdict_name
from attest.policy.model import Policy
from attest.policy.results import Evaluation, Line, Result, policy_results
from attest.policy.rulesets import ruleset_digests
from attest.policy.terms import format_rational
from attest.verification.unchecked import Rest, Unchecked


def policies_table(policies: Sequence[Policy]) -> str:
    """The rule sets, and whether they are law."""
    table = new_table("policy", "jurisdiction", "~title", "as of", "~standing", ">rules")
    for item in policies:
        standing_ = STANDINGS[item.authority_status]
        table.add_row(item.id, item.jurisdiction, item.title, str(item.as_of), standing_, str(len(item.rules)))
    return render(table)


def policies_document(policies: Sequence[Policy]) -> list[dict[str, Any]]:
    """Policies as JSON: one object a policy, with the ids of its rules and the digest of its file."""
    return [
        {
            "id": item.id,
            "version": item.version,
            "title": item.title,
            "jurisdiction": item.jurisdiction,
            "currency": item.currency,
            "authorityStatus": item.authority_status,
            "asOf": str(item.as_of),
            "sha256": item.sha256.hex(),
            "rules": [rule.id for rule in item.rules],
        }
        for item in policies
    ]


def policy_text(policy: Policy) -> str:
    """A policy's rules in sentences."""
    said = [
        f"{policy.title}",
        f"{policy.id}, version {policy.version}, as of {policy.as_of}, {STANDINGS[policy.authority_status]}",
        f"SHA-256 {policy.sha256.hex()}",
        *([policy.note] if policy.note is not None else []),
    ]
    for rule in policy.rules:
        beside = standing(policy.status_of(rule))
        said += ["", f"{rule.id}: {rule.kind}{f' ({beside})' if beside else ''}", f"  {asks(rule, policy)}"]
        said.append(f"  {rule.citation}")
        if rule.effective_from is not None or rule.effective_to is not None:
            said.append(f"  in effect from {rule.effective_from or 'ever'} to {rule.effective_to or 'now on'}")
        if rule.note is not None:
            said.append(f"  {rule.note}")
    return "\n".join(said)


def evaluations_text(evaluations: Sequence[Evaluation], unchecked: Unchecked | None = None) -> str:
    """Policies one after the other, a line for each comparison; what is not law says so beside its verdict.

    So does what rests on figures of a statement that are `unchecked`; None where the figures are no statement's.
    """
    parts = []
    for item in evaluations:
        policy = item.policy
        table = new_table("~rule", "~of", ">required", ">there is", ">short by", "verdict", "~standing")
        for result in item.results:
            beside = standing(result.authority_status)
            for subject, required, available, short, verdict in _rows(result, item.decimals, unchecked):
                table.add_row(result.rule.id, subject, required, available, short, verdict, beside)
        heading = f"{policy.title}\n{policy.id}, version {policy.version}, at {format_time(item.snapshot_at)}"
        if policy.sha256 not in ruleset_digests():
            heading += (
                "\nNot a rule set of this release of attest: who wrote these rules also says whether they are law."
            )
        notes = [f"{result.rule.id}: {note}" for result in item.results for note in result.notes]
        notes += [
            f"{result.rule.id}: not checked, {rest_text(rest, item.decimals)}"
            for result in item.results
            if unchecked is not None and (rest := unchecked.of_verdict(result.sources))
        ]
        parts.append("\n\n".join([heading, render(table), *(["\n".join(notes)] if notes else [])]))
    return "\n\n\n".join(parts)


def _rows(
    result: Result, decimals: Mapping[str, int], unchecked: Unchecked | None
) -> list[tuple[str, str, str, str, str]]:
    if not result.lines:
        return [("", "", "", "", verdict_name(result.verdict, checked=not _rest(result, None, unchecked)))]
    return [
        (
            line.subject,
            ("at most " if line.at_most else "") + _short(line.required, line.unit, decimals),
            _short(line.available, line.unit, decimals),
            _short(line.shortfall, line.unit, decimals) if line.shortfall else "",
            verdict_name(line.verdict, checked=not _rest(result, line, unchecked)),
        )
        for line in result.lines
    ]


def _rest(result: Result, line: Line | None, unchecked: Unchecked | None) -> Rest:
    """What a verdict rests on that was not checked: of a rule that is per asset, what is of the line's asset."""
    if unchecked is None:
        return Rest()
    return unchecked.of_verdict(result.sources, line.subject if result.per_asset and line is not None else None)


def _short(value: Fraction | None, unit: str, decimals: Mapping[str, int]) -> str:
    return shown(value, unit, decimals).replace(", rounded down", "")


def evaluation_document(evaluation: Evaluation, unchecked: Unchecked | None = None) -> dict[str, Any]:
    """A policy's verdicts for programs: what a statement has of them, and each rule with its figures.

    `unchecked` is what step 11 did not check of a statement; None where the figures are no statement's.
    """
    policy = evaluation.policy
    return {
        **policy_results(evaluation).to_value(),
        "title": policy.title,
        "jurisdiction": policy.jurisdiction,
        "asOf": str(policy.as_of),
        **({} if policy.note is None else {"note": policy.note}),
        "snapshotAt": format_time(evaluation.snapshot_at),
        "decimals": dict(evaluation.decimals),
        "ruleSet": policy.sha256 in ruleset_digests(),
        "rules": [
            {"asks": asks(result.rule, policy), **result_document(result, unchecked)} for result in evaluation.results
        ],
    }


def result_document(result: Result, unchecked: Unchecked | None = None) -> dict[str, Any]:
    """A verdict with everything it rests on; figures are exact, in base units."""
    rest = _rest(result, None, unchecked)
    return {
        "rule": result.rule.id,
        "kind": result.rule.kind,
        "citation": result.rule.citation,
        "authorityStatus": result.authority_status,
        "verdict": result.verdict,
        "lines": [
            {
                "subject": line.subject,
                "unit": line.unit,
                "verdict": line.verdict,
                "required": _exact(line.required),
                "available": _exact(line.available),
                "shortfall": _exact(line.shortfall),
                "atMost": line.at_most,
                **({} if unchecked is None else {"checked": not _rest(result, line, unchecked)}),
            }
            for line in result.lines
        ],
        "figures": [
            {
                "name": item.name,
                "text": item.text,
                "value": format_rational(item.value),
                "unit": item.unit,
                "source": item.source,
            }
            for item in result.figures
        ],
        "notes": list(result.notes),
        **({} if unchecked is None else {"checked": not rest}),
        **({"unchecked": rest_document(rest)} if rest else {}),
    }


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else format_rational(value)
