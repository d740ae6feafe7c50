"""The evaluation of a policy over the figures of a statement: for each rule a verdict and what it rests on."""

from __future__ import annotations

from datetime import UTC
from types import MappingProxyType

from attest.policy import coins, requirements
from attest.policy.inputs import Inputs, check_inputs
from attest.policy.model import (
    Band,
    BaseRule,
    Cadence,
    ConcentrationCap,
    Coverage,
    InKindMatch,
    MaxOf,
    MoneyInTrust,
    NetWorthFloor,
    PercentWithMinimum,
    Policy,
    ReconciliationGap,
    StressExposure,
    VolumeRate,
    WalletRatio,
    WeightedSumCover,
)
from attest.policy.results import Evaluation, Line, Result, worst
from attest.policy.working import MissingInput, Working


def evaluate(policy: Policy, inputs: Inputs) -> Evaluation:
    """The verdicts on every rule of a policy, in its order.

    A missing input is no error: the rules that need it are INSUFFICIENT DATA. Raises `MalformedError` when the inputs
    contradict themselves, as `check_inputs` says.
    """
    check_inputs(inputs)
    decimals = {policy.currency: policy.currency_decimals, **inputs.decimals}
    results: dict[str, Result] = {}
    for rule in policy.rules:
        results[rule.id] = _result(rule, Working(policy, inputs, decimals, MappingProxyType(results)))
    return Evaluation(policy, inputs.snapshot_at, decimals, tuple(results.values()))


def _result(rule: BaseRule, working: Working) -> Result:
    status = working.policy.status_of(rule)
    outside = _outside(rule, working)
    if outside is not None:
        return Result(rule, status, "NOT_APPLICABLE", (), (), (outside,))
    per_asset = isinstance(rule, (Coverage, InKindMatch, MoneyInTrust, ReconciliationGap)) or (
        isinstance(rule, WalletRatio) and rule.measure == "units"
    )
    try:
        lines = _lines(rule, working)
        verdict = worst([line.verdict for line in lines]) if lines or per_asset else "NOT_APPLICABLE"
    except MissingInput as error:
        working.notes += error.notes
        lines, verdict = [], "INSUFFICIENT_DATA"
    notes = tuple(dict.fromkeys(working.notes))
    return Result(rule, status, verdict, tuple(lines), tuple(working.figures), notes, per_asset, working.sources)


def _outside(rule: BaseRule, working: Working) -> str | None:
    """The sentence that says why a rule is not in effect at the snapshot, or None when it is."""
    day = working.inputs.snapshot_at.astimezone(UTC).date()
    if rule.effective_from is not None and day < rule.effective_from:
        return f"the rule takes effect on {rule.effective_from}, after the snapshot"
    if rule.effective_to is not None and day > rule.effective_to:
        return f"the rule was in effect until {rule.effective_to}, before the snapshot"
    return None


def _lines(rule: BaseRule, working: Working) -> list[Line]:  # noqa: C901, PLR0911 (one answer for each kind)
    match rule:
        case Coverage():
            return coins.coverage(working, rule)
        case WalletRatio():
            return coins.wallet_ratio(working, rule)
        case InKindMatch():
            return coins.in_kind_match(working, rule)
        case MoneyInTrust():
            return coins.money_in_trust(working)
        case ReconciliationGap():
            return coins.reconciliation_gap(working, rule)
        case ConcentrationCap():
            return coins.concentration_cap(working, rule)
        case WeightedSumCover() | PercentWithMinimum() | MaxOf() | Band():
            return requirements.covered(working, rule)
        case VolumeRate():
            return requirements.reserve(working, rule)
        case NetWorthFloor():
            return requirements.net_worth(working, rule)
        case Cadence():
            return requirements.cadence(working, rule)
        case StressExposure():
            return requirements.stress(working, rule)
    raise AssertionError(rule)
