"""The cover of a requirement, as far as it counts: own coins, money, figures of the accounts, insurance, guarantees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from functools import partial
from typing import Final

from attest.policy.inputs import Conditions, Cover
from attest.policy.terms import Accepted, CoinsAccepted, ContractAccepted, Span
from attest.policy.working import ALL_STORAGES, MissingInput, Working, in_force, leaf_name

_FORM_NAMES: Final = {
    "insurance": "insurance",
    "bank-guarantee": "bank guarantees",
    "trust-deposit": "deposits on trust",
    "escrow": "escrow",
}


def available(working: Working, accepted: Accepted, required: Fraction) -> Fraction:
    """The value of everything that a rule accepts, exact, in minor units of the policy's currency.

    `accepted`: what counts, and on which conditions.
    `required`: the requirement; a form of cover may be bounded to a share of it.
    Raises `MissingInput` naming everything that is missing.
    """
    parts: list[Callable[[], Fraction]] = []
    if accepted.coins is not None:
        parts.append(partial(_coins, working, accepted.coins))
    if accepted.deposits:
        parts.append(partial(_deposits, working))
    parts += [partial(working.accounts, name) for name in accepted.accounts]
    parts += [partial(_contracts, working, terms, required) for terms in accepted.contracts]
    total = Fraction(0)
    missing: list[str] = []
    for part in parts:
        try:
            total += part()
        except MissingInput as error:
            missing += error.notes
    if missing:
        raise MissingInput(missing)
    return working.keep("available", "what counts, together", total, source="the sum of what counts above")


def _coins(working: Working, terms: CoinsAccepted) -> Fraction:
    amounts = working.deducted(working.held("compensation", ALL_STORAGES), "compensation", {"encumbrance", "borrowing"})
    if terms.assets is not None:
        amounts = {asset: amount for asset, amount in amounts.items() if asset in terms.assets}
    value = working.value("own coins in compensation wallets", amounts, terms.price_basis)
    text = f"own coins, of whose value {1 - terms.haircut} counts"
    return working.keep("coins credit", text, value * (1 - terms.haircut), source="the rule's haircut")


def _deposits(working: Working) -> Fraction:
    value = working.value("money set aside for compensation", working.deposited("compensation"), "spot")
    return working.keep("deposits credit", "money set aside for compensation", value, source="the statement's money")


def _contracts(working: Working, terms: ContractAccepted, required: Fraction) -> Fraction:
    """The value that all contracts of one form count for together, no more than their share of the requirement."""
    name = _FORM_NAMES[terms.form]
    total = Fraction(0)
    for cover in working.contracts(terms.form):
        total += _contract(working, terms, cover)
    credit = total
    source = "the sum of the contracts above"
    if terms.max_share is not None and terms.max_share * required < total:
        credit = terms.max_share * required
        source = f"no more than {terms.max_share} of the requirement"
    return working.keep(f"{terms.form} credit", f"{name}, as far as it counts", credit, source=source)


def _contract(working: Working, terms: ContractAccepted, cover: Cover) -> Fraction:
    named = f"{_FORM_NAMES[cover.form]}, {leaf_name(cover.evidence_leaf)}"
    reasons = _reasons_against(terms, cover, working.inputs.snapshot_at)
    if reasons:
        limit = working.shown(Fraction(cover.limit), cover.currency)
        working.notes.append(f"{named}, of {limit}, does not count: {'; '.join(reasons)}")
        return Fraction(0)
    said = cover.conditions
    less = (said.deductible or 0) + (said.used or 0)
    limit, deductible, used = (
        working.shown(Fraction(amount or 0), cover.currency) for amount in (cover.limit, said.deductible, said.used)
    )
    what = f"{named}: limit {limit}, less deductible {deductible}, less used {used}"
    value = working.value(what, {cover.currency: max(0, cover.limit - less)}, "spot") * (1 - terms.haircut)
    return working.keep(named, f"of that counts {1 - terms.haircut}", value, source="the rule's haircut")


def _reasons_against(terms: ContractAccepted, cover: Cover, at: datetime) -> list[str]:
    """The reasons for which a contract does not count; none when every condition holds.

    What its document does not say counts as not fulfilled, because an exchange could otherwise gain by silence.
    """
    said = cover.conditions
    insurance = cover.form == "insurance"
    checks = [
        (_in_force(cover, at), "it is not known to be in force at the snapshot"),
        (not insurance or said.deductible is not None, "its deductible is not known"),
        (not insurance or said.used is not None, "what was used of it is not known"),
        (not terms.insurer_authorised or said.insurer_authorised is True, "its insurer is not known to be authorised"),
        (
            not terms.insurer_independent or said.insurer_independent is True,
            "its insurer is not known to be independent",
        ),
        (
            _reaches(said.initial_term_months, terms.initial_term_months),
            f"its initial term is not known to be {terms.initial_term_months} months",
        ),
        (
            _reaches(said.cancellation_notice_days, terms.cancellation_notice_days),
            f"its cancellation is not known to take {terms.cancellation_notice_days} days' notice",
        ),
        (not terms.customers_benefit or said.customers_benefit is True, "it is not known to be for the customers"),
        (_matures(terms, said, at), f"it is not known to be there within {terms.maturity_within}"),
    ]
    reasons = [reason for holds, reason in checks if not holds]
    reasons += [f"it is not known to cover {peril}" for peril in terms.covers if peril not in (said.covers or ())]
    reasons += [f"it excludes {peril}" for peril in terms.covers if peril in (said.excludes or ())]
    return reasons


def _in_force(cover: Cover, at: datetime) -> bool:
    """Whether a contract is in force at an instant.

    Insurance and bank guarantees must state both ends of their term, because they end; money on trust or in escrow may
    state none.
    """
    said = cover.conditions
    if cover.form in {"insurance", "bank-guarantee"} and said.since is None:
        return False
    unbounded = said.until is None and cover.form in {"trust-deposit", "escrow"}
    return in_force(said.since, at if unbounded else said.until, at)


def _reaches(said: int | None, asked: int | None) -> bool:
    return asked is None or (said is not None and said >= asked)


def _matures(terms: ContractAccepted, said: Conditions, at: datetime) -> bool:
    if terms.maturity_within is None or said.on_demand is True:
        return True
    return said.maturity is not None and said.maturity <= Span(terms.maturity_within).after(at)
