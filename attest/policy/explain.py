"""Verdicts in plain sentences, for readers who answer for them and read no code."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Final

from attest.amounts import format_amount, ratio_percent
from attest.documents import format_time
from attest.errors import MalformedError
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
from attest.policy.results import RATIO, Evaluation, Line, Result, Verdict
from attest.policy.terms import Accepted, AuthorityStatus, ContractAccepted, format_rational
from attest.policy.working import BASIS_NAMES

VERDICT_NAMES: Final[dict[Verdict, str]] = {
    "MET": "MET",
    "NOT_MET": "NOT MET",
    "NOT_APPLICABLE": "NOT APPLICABLE",
    "INSUFFICIENT_DATA": "INSUFFICIENT DATA",
}
STANDINGS: Final[dict[AuthorityStatus, str]] = {
    "in_force": "in force",
    "self_regulatory": "not law: a rule that the industry gave itself",
    "enacted_not_in_force": "not law yet: enacted, not in force",
    "bill": "not law: a bill",
    "reported_proposal": "not law: a proposal, as reported",
    "tool_example": "not law: an example of attest",
}
_READABLE: Final = 12  # characters of a ratio
_HUNDREDTHS: Final = 10_000
_IS: Final = {"held": "held for", "owed": "owed to"}


def standing(status: AuthorityStatus) -> str:
    """The words that stand beside a verdict whose rule is less than law; empty when the rule is in force."""
    return "" if status == "in_force" else STANDINGS[status]


def asks(rule: BaseRule, policy: Policy) -> str:  # noqa: PLR0911 (one sentence for each kind)
    """The requirement of a rule in a sentence or two, with its rates, bounds and names."""
    match rule:
        case Coverage():
            return (
                f"For each asset and currency by itself, what is held for customers is at least {rule.min_ratio} "
                f"times what they are owed.{_deducts(rule.deduct)}"
            )
        case WalletRatio():
            bound = f"at most {rule.at_most}" if rule.at_most is not None else f"at least {rule.at_least}"
            basis = f", at the {BASIS_NAMES[rule.price_basis]}" if rule.price_basis else ""
            what = f"the value of all coins{basis}," if rule.measure == "value" else "each coin, counted in units,"
            return (
                f"Of {what} {_IS[rule.share_of]} customers, {bound} is in {' or '.join(rule.storage)} storage. "
                "Exactly this share is within the bound."
            )
        case InKindMatch():
            own, theirs = " or ".join(rule.own_storage), " or ".join(rule.storage)
            return (
                f"For each coin by itself, own guarantee coins in {own} storage are at least {rule.factor} times the "
                f"customers' coins in {theirs} storage, in the same kind.{_deducts(rule.deduct)}"
            )
        case MoneyInTrust():
            return "For each currency by itself, customers' money in trust is at least what they are owed."
        case ReconciliationGap():
            if rule.max_gap is None:
                return "For each asset, what is owed and what is held are shown side by side."
            return (
                "For each asset, what is held differs from what is owed, in either direction, by at most "
                f"{rule.max_gap} of what is owed."
            )
        case ConcentrationCap():
            caps = ", ".join(f"{tier} {cap}" for tier, cap in rule.caps.items())
            own = f"; the exchange itself keeps at most {rule.self_custody}" if rule.self_custody is not None else ""
            return f"No custodian keeps more than the share of its tier of the value of customers' coins: {caps}{own}."
        case Cadence():
            return (
                f"{rule.activity} was done at least {_times(rule.at_least)} within {rule.within} before the snapshot."
            )
    return _asks_for_money(rule, policy)


def _asks_for_money(rule: BaseRule, policy: Policy) -> str:  # noqa: PLR0911 (one sentence for each kind)
    match rule:
        case WeightedSumCover():
            parts = (
                f"{rule.weights.hot} of the value in hot, {rule.weights.other} in other and {rule.weights.cold} in "
                "cold storage"
            )
            return f"Of the customers' coins, {parts} must be covered. {_accepts(rule.accepts)}"
        case PercentWithMinimum():
            minimum = _table(rule.minimum_by_licence, policy)
            return (
                f"The requirement is {rule.percent} of the value of customers' coins in {' or '.join(rule.storage)} "
                f"storage, at the {BASIS_NAMES[rule.price_basis]}, and no less than the minimum of the licence: "
                f"{minimum}. {_accepts(rule.accepts)}"
            )
        case MaxOf():
            less = f" less {', '.join(rule.deductions)}" if rule.deductions else ""
            return (
                f"The requirement is the larger of {rule.fraction} of {rule.base}{less}, and the figure of the "
                f"licence: {_table(rule.table, policy)}. {_accepts(rule.accepts)}"
            )
        case VolumeRate():
            return (
                "Each year the reserve grows by a rate of the year's volume, up to a ceiling: a rate of the largest "
                f"volume of the last {rule.fiscal_years} fiscal years. Both are added up over "
                f"{', '.join(rule.buckets)}. The year adds the lower of that rate and what is free below the ceiling."
            )
        case Band():
            tier = ", times the tier multiplier" if rule.tiered else ""
            cap = f" and no more than {rule.cap:,}" if rule.cap is not None else ""
            return (
                f"The requirement is the {rule.figure} of rule {rule.of}{tier}; then no less than {rule.floor:,}{cap} "
                f"{policy.currency}. {_accepts(rule.accepts)}"
            )
        case NetWorthFloor():
            what = (
                f"{rule.at_least:,} {policy.currency}"
                if rule.at_least is not None
                else f"the value of the {rule.value_of} coins"
            )
            return f"{rule.accounts} of the accounts is at least {what}."
        case StressExposure():
            return (
                f"What customers would lose if the {rule.largest} largest wallets were emptied, beside what is there "
                f"to compensate them. {_accepts(rule.accepts)}"
            )
    raise AssertionError(rule)


def verdict_name(verdict: Verdict, *, checked: bool) -> str:
    """The word of a verdict; MET says so when not all of the figures behind it were `checked`."""
    return VERDICT_NAMES[verdict] if checked or verdict != "MET" else f"{VERDICT_NAMES[verdict]} (not checked)"


VERDICT_WORDS: Final = tuple(
    dict.fromkeys(verdict_name(verdict, checked=checked) for verdict in VERDICT_NAMES for checked in (True, False))
)
"""Every word for a verdict, in the order in which verdicts are counted."""


def explain(evaluation: Evaluation, rule_id: str, unchecked: str = "") -> str:
    """The working of one verdict as lines of text: requirement, standing, figures, comparison and notes.

    `rule_id`: the rule, by its id in the policy.
    `unchecked`: the inputs of the verdict that were not checked, in words; empty when all were.
    Raises `MalformedError` for a rule that the policy does not have.
    """
    result = evaluation.result(rule_id)
    policy = evaluation.policy
    if result is None:
        there = ", ".join(item.rule.id for item in evaluation.results)
        raise MalformedError("policy/unknown-rule", f"{policy.id} has no rule {rule_id[:80]!r}", hint=f"it has {there}")
    said = [
        f"Rule {rule_id} of {policy.title}",
        f"Policy: {policy.id}, version {policy.version}, at {format_time(evaluation.snapshot_at)}",
        f"Verdict: {verdict_name(result.verdict, checked=not unchecked)}{_beside(result)}",
        f"What it asks: {asks(result.rule, policy)}",
        f"Where it stands written: {result.rule.citation} (as of {policy.as_of}).",
        f"Standing: {STANDINGS[result.authority_status]}.",
    ]
    if result.rule.note is not None:
        said.append(f"Note: {result.rule.note}")
    if result.figures:
        said.append("How the figure came about:")
        said += [
            f"  - {item.text}: {shown(item.value, item.unit, evaluation.decimals)} ({item.source})"
            for item in result.figures
        ]
    if result.lines:
        said.append(f"The comparison ({_rounding(result)}):")
        said += [f"  - {_compared(line, evaluation.decimals)}" for line in result.lines]
    if result.notes:
        said.append("Also:")
        said += [f"  - {note}" for note in result.notes]
    if unchecked:
        said.append(f"Not checked: {unchecked}.")
    return "\n".join(said)


def shown(value: Fraction | None, unit: str, decimals: Mapping[str, int]) -> str:
    """The text of a figure with its unit; "not known" for None.

    `decimals`: those of each asset and currency. An amount is rounded down to a base unit, with dots where that leaves
    something out. A ratio is shown as a fraction with its percentage, a long one as the percentage alone.
    """
    if value is None:
        return "not known"
    if unit in decimals:
        rest = "" if value.denominator == 1 else "…"
        return f"{format_amount(floor(value), decimals[unit])}{rest} {unit}"
    if unit == RATIO:
        percent = f"{ratio_percent(value.numerator, value.denominator)}"
        exact = format_rational(value)
        if len(exact) > _READABLE:
            return f"{percent}, rounded down"
        return f"{exact} ({percent}{'' if _is_whole(value) else ', rounded down'})"
    return f"{format_rational(value)} {unit}"


def _is_whole(ratio: Fraction) -> bool:
    """Whether a ratio is a whole number of hundredths of a percent."""
    return (ratio * _HUNDREDTHS).denominator == 1


def _compared(line: Line, decimals: Mapping[str, int]) -> str:
    required = shown(line.required, line.unit, decimals)
    there = shown(line.available, line.unit, decimals)
    word = "allowed" if line.at_most else "set against it" if line.only_shown else "required"
    ends = f"{VERDICT_NAMES[line.verdict]}"
    if line.shortfall:
        by = shown(line.shortfall, line.unit, decimals)
        ends += f", {'above the limit' if line.at_most else 'short'} by {by}"
    subject = "" if line.subject == line.unit and line.unit not in decimals else f"{line.subject}: "
    if line.only_shown:
        return f"{subject}{required} on one side, {there} on the other: {ends}"
    return f"{subject}{word} {required}, there is {there}: {ends}"


def _rounding(result: Result) -> str:
    if any(line.unit == RATIO for line in result.lines):
        return "exact, not rounded"
    if any(line.at_most for line in result.lines):
        return "the limit rounded down, what there is rounded up"
    return "the requirement rounded up, what there is rounded down"


def _beside(result: Result) -> str:
    beside = standing(result.authority_status)
    return f", {beside}" if beside else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _table(table: Mapping[str, int], policy: Policy) -> str:
    return ", ".join(f"{name} {amount:,} {policy.currency}" for name, amount in table.items())


def _deducts(kinds: tuple[str, ...]) -> str:
    words = {"encumbrance": "pledged", "borrowing": "borrowed"}
    return f" Coins declared as {' or '.join(words[kind] for kind in kinds)} do not count." if kinds else ""


def _accepts(accepted: Accepted) -> str:
    parts = []
    if accepted.coins is not None:
        which = f" ({', '.join(accepted.coins.assets)})" if accepted.coins.assets else ""
        parts.append(f"own coins in compensation wallets{which} at {1 - accepted.coins.haircut} of their value")
    if accepted.deposits:
        parts.append("money set aside for compensation")
    parts += [f"{name} of the accounts" for name in accepted.accounts]
    parts += [_contract(contract) for contract in accepted.contracts]
    return f"What counts towards it: {'; '.join(parts)}." if parts else "Nothing counts towards it."


def _contract(terms: ContractAccepted) -> str:
    """The words for one form of cover: how far it counts, and on which conditions."""
    share = f" for at most {terms.max_share} of the requirement" if terms.max_share is not None else ""
    part = f", at {1 - terms.haircut} of it" if terms.haircut else ""
    asked = [
        text
        for text, is_asked in (
            ("its insurer is authorised", terms.insurer_authorised),
            ("its insurer is independent", terms.insurer_independent),
            (f"its initial term is at least {terms.initial_term_months} months", terms.initial_term_months),
            (f"its notice is at least {terms.cancellation_notice_days} days", terms.cancellation_notice_days),
            (f"it covers {', '.join(terms.covers)} and excludes none of it", terms.covers),
            ("it is for the customers", terms.customers_benefit),
            (f"it is there on demand or within {terms.maturity_within}", terms.maturity_within),
        )
        if is_asked
    ]
    conditions = f", if {' and '.join(asked)}" if asked else ""
    return f"{terms.form}{share}, less deductible and use{part}{conditions}"
