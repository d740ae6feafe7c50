"""The making of a month's view: everything that readers are shown of a month, taken from its verification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Final

from attest.report.evaluations import policy_view
from attest.report.held import control_shares, coverage_row, decimals_of, other_networks, storage_shares
from attest.report.numbers import Number, amount, count, height, instant
from attest.report.reserve import reserve_views
from attest.report.signed import reports, roots, signers, thresholds
from attest.report.view.month import (
    CheckRow,
    DeclarationRow,
    FileRow,
    HeldRow,
    LowestRow,
    MonthView,
    NegativeRow,
    PinRow,
    StepRow,
)
from attest.report.working_paper import auditor_view
from attest.verification.evidence.lowest_counts import lowest_found
from attest.verification.signatories import said_of_chain, said_to_come
from attest.verification.steps import NUMBERS, Step
from attest.verification.verified import Verified
from attest.verification.verify import said_of_term

_PREVIOUS: Final = NUMBERS["previous"]


def month_view(verified: Verified, bundle: bytes, *, auditor: bool = False) -> MonthView:
    """The view of a verified month.

    `verified`: what verification of the bundle found.
    `bundle`: the bytes of the bundle, for their digest.
    `auditor`: whether the view has the auditor's edition, with records that are not public.

    Verifying later gives an equal view, so that a page is drawn once; only auditors' reports dated after the time of
    verification are left out of it.
    """
    predicate = verified.statement.predicate
    steps = tuple(_step(verified, step) for step in verified.steps)
    met = all(item.met for item in verified.coverage) and all(step.status != "NOT MET" for step in steps)
    evaluated = {evaluation.policy.id for evaluation in verified.evaluations}
    return MonthView(
        entity=predicate.entity.name,
        origin=predicate.entity.origin,
        lei=predicate.entity.lei,
        period=predicate.period,
        sequence=predicate.sequence,
        digest=verified.digest.hex(),
        previous=None if predicate.previous is None else predicate.previous.hex(),
        snapshot_at=instant(predicate.snapshot_at),
        issued_at=instant(predicate.issued_at),
        expires_at=instant(predicate.expires_at),
        verdict="VERIFIED" if met else "NOT MET",
        steps=steps,
        unchecked_steps=tuple(step.number for step in steps if step.status == "NOT CHECKED"),
        coverage=tuple(coverage_row(verified, item) for item in verified.coverage),
        storage=tuple(storage_shares(verified)),
        control=tuple(control_shares(verified)),
        strangers=() if verified.controlled is None else verified.controlled.strangers,
        other_networks=other_networks(predicate),
        reserves=tuple(row for item in verified.evaluations for row in reserve_views(item, verified.unchecked)),
        policies=tuple(policy_view(item, verified.unchecked) for item in verified.evaluations),
        missing_policies=tuple(item.id for item in predicate.policies if item.id not in evaluated),
        lowest=tuple(_lowest(verified)),
        pins=tuple(_pins(verified)),
        negatives=tuple(_negatives(verified)),
        included=predicate.scope.included,
        excluded=tuple((item.product, item.reason) for item in predicate.scope.excluded),
        declarations=tuple(_declarations(verified)),
        held=tuple(_held(verified)),
        checks=tuple(CheckRow(item.what, item.asset, item.verdict, item.detail) for item in verified.checks),
        signers=tuple(signers(verified)),
        thresholds=thresholds(verified),
        roots=tuple(roots(verified)),
        reports=tuple(reports(verified)),
        files=tuple(
            FileRow(item.name, item.digest.sha256.hex(), item.name not in verified.missing)
            for item in verified.statement.subject
        ),
        bundle_sha256=sha256(bundle).hexdigest(),
        tool=f"{predicate.tool.name} {predicate.tool.version}",
        auditor=auditor_view(verified) if auditor else None,
    )


def seen_to_follow(view: MonthView, detail: str) -> MonthView:
    """`view` with step 7 VERIFIED, for a month that was checked to follow the month before it.

    `detail`: the sentence of that step.
    """
    steps = tuple(
        step._replace(status="VERIFIED", detail=detail) if step.number == _PREVIOUS else step for step in view.steps
    )
    return replace(view, steps=steps, unchecked_steps=tuple(n for n in view.unchecked_steps if n != _PREVIOUS))


def _step(verified: Verified, step: Step) -> StepRow:
    """A step without what is true only at the time of verification, so that a later one gives an equal row."""
    if step.name == "roots" and verified.trust is not None:
        step = replace(step, sentences=tuple(said_of_chain(verified.trust.roots[0], verified.trust.roots[-1])))
    elif step.name == "timestamps":
        to_come = {said_to_come(report, verified.at) for report in verified.signatories.to_come}
        step = replace(step, sentences=tuple(sentence for sentence in step.sentences if sentence not in to_come))
    elif step.name == "freshness":
        step = Step("freshness", "VERIFIED", (said_of_term(verified.statement.predicate),))
    return StepRow(step.number, step.title, step.status, step.detail)


def _lowest(verified: Verified) -> Iterator[LowestRow]:
    decimals = decimals_of(verified.statement.predicate)
    for item in verified.statement.predicate.declarations:
        if item.kind == "window":
            found = lowest_found(item, verified.rechecked)
            asset = str(item.unit)
            yield LowestRow(
                item.name,
                asset,
                amount(item.amount or 0, decimals[asset]),
                None if found is None else height(found.height),
                () if found is None else tuple(found.levels),
            )


def _pins(verified: Verified) -> Iterator[PinRow]:
    rechecked = verified.rechecked
    for pin in verified.statement.predicate.chains:
        nodes = rechecked.nodes.get(pin.chain)
        yield PinRow(
            pin.chain,
            height(pin.height),
            pin.block_hash.hex(),
            instant(pin.time),
            pin.reason or None,
            None if nodes is None else count(nodes),
            rechecked.coins.get(pin.chain),
            tuple(
                (asset, str(source))
                for (asset, chain), sources in sorted(rechecked.tokens.items())
                if chain == pin.chain
                for source in sorted(sources, key=str)
            ),
        )


def _negatives(verified: Verified) -> Iterator[NegativeRow]:
    decimals = decimals_of(verified.statement.predicate)
    for tree in verified.statement.predicate.liabilities.trees:
        if tree.negative_accounts:
            yield NegativeRow(
                tree.asset, count(tree.negative_accounts), amount(tree.negative_total, decimals[tree.asset])
            )


def _declarations(verified: Verified) -> Iterator[DeclarationRow]:
    """The declarations, without the lowest counts of windows: `_lowest` gives those their own rows."""
    decimals = decimals_of(verified.statement.predicate)
    for item in verified.statement.predicate.declarations:
        if item.kind != "window":
            number: Number | None = None
            if item.unit is not None and item.amount is not None:
                number = amount(item.amount, decimals[item.unit])
            yield DeclarationRow(
                item.kind,
                item.name,
                item.unit,
                number,
                item.tier,
                None if item.since is None else instant(item.since),
                None if item.until is None else instant(item.until),
                item.evidence_leaf.hex(),
            )


def _held(verified: Verified) -> Iterator[HeldRow]:
    decimals = decimals_of(verified.statement.predicate)
    for line in verified.statement.predicate.held:
        yield HeldRow(
            line.asset,
            line.custodian,
            line.purpose,
            line.chain,
            amount(line.amount, decimals[line.asset]),
            line.evidence_leaf not in verified.unchecked.leaves,
        )
