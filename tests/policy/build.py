"""Inputs in few words: whole units and names in, what a statement would hold out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any

from attest.amounts import parse_decimal
from attest.documents import parse_time
from attest.policy.evaluate import evaluate
from attest.policy.inputs import Coins, Conditions, Cover, Declaration, Deposit, Inputs, Price
from attest.policy.model import Policy
from attest.policy.results import Evaluation, Result
from attest.policy.rulesets import load_ruleset

SNAPSHOT = "2026-10-31T15:00:00Z"
AT = parse_time(SNAPSHOT)
DECIMALS = {"BTC": 8, "ETH": 18, "XRP": 6, "A": 0, "B": 0, "JPY": 0, "KRW": 0, "HKD": 2, "EUR": 2, "CAD": 2, "AED": 2}
_numbers = count()


def leaf(name: object = None) -> bytes:
    """The leaf of a document that stands behind one thing only."""
    return sha256(repr(next(_numbers) if name is None else name).encode()).digest()


def units(asset: str, text: str) -> int:
    return parse_decimal(text, DECIMALS[asset])


def coins(purpose: str, storage: str, **amounts: str) -> tuple[Coins, ...]:
    return tuple(
        Coins(asset=asset, purpose=purpose, storage=storage, amount=units(asset, text))  # type: ignore[arg-type]
        for asset, text in amounts.items()
    )


def prices(currency: str, basis: str = "spot", time: str = SNAPSHOT, **each: str) -> tuple[Price, ...]:
    return tuple(
        Price(asset=asset, currency=currency, price=text, basis=basis, source="an index", time=parse_time(time))  # type: ignore[arg-type]
        for asset, text in each.items()
    )


def deposit(currency: str, amount: str, purpose: str = "customer") -> Deposit:
    return Deposit(currency=currency, purpose=purpose, amount=units(currency, amount), evidence_leaf=leaf())  # type: ignore[arg-type]


GOOD = {
    "deductible": 0,
    "used": 0,
    "since": parse_time("2026-04-01T00:00:00Z"),
    "until": parse_time("2027-03-31T00:00:00Z"),
    "insurer_authorised": True,
    "insurer_independent": True,
    "initial_term_months": 12,
    "cancellation_notice_days": 90,
    "covers": (
        "external-theft",
        "loss-of-documents",
        "misrepresentation",
        "legal-breach",
        "conflicts-of-interest",
        "business-disruption",
        "gross-negligence-in-safeguarding",
        "article-75-8-liability",
    ),
    "customers_benefit": True,
}


def cover(form: str, currency: str, limit: str, **conditions: Any) -> Cover:
    """Cover that fulfils everything that any rule set asks for, but for `conditions`."""
    return Cover(
        form=form,  # type: ignore[arg-type]
        currency=currency,
        limit=units(currency, limit),
        conditions=Conditions(**{**GOOD, **conditions}),
        evidence_leaf=leaf(),
    )


def declared(kind: str, name: str, unit: str | None = None, amount: str | None = None, **fields: Any) -> Declaration:
    times = {key: parse_time(value) if key in {"since", "until"} else value for key, value in fields.items()}
    return Declaration(
        kind=kind,  # type: ignore[arg-type]
        name=name,
        unit=unit,
        amount=None if unit is None or amount is None else units(unit, amount),
        evidence_leaf=leaf(),
        **times,
    )


def financial(currency: str, **figures: str) -> tuple[Declaration, ...]:
    return tuple(
        declared("financial", name.replace("_", "-"), currency, text, until="2026-03-31T15:00:00Z")
        for name, text in figures.items()
    )


def volumes(currency: str, bucket: str, *years: str) -> tuple[Declaration, ...]:
    """The volumes of fiscal years that end in March, the newest first."""
    return tuple(
        declared(
            "volume",
            bucket,
            currency,
            text,
            since=f"{2025 - index}-03-31T15:00:00Z",
            until=f"{2026 - index}-03-31T15:00:00Z",
        )
        for index, text in enumerate(years)
    )


def figures(
    *,
    owed: dict[str, str] | None = None,
    held: Iterable[Coins] = (),
    deposits: Iterable[Deposit] = (),
    covers: Iterable[Cover] = (),
    said: Iterable[Declaration] = (),
    at: Iterable[Price] = (),
    snapshot: datetime = AT,
) -> Inputs:
    return Inputs(
        snapshot_at=snapshot,
        decimals=DECIMALS,
        owed={asset: units(asset, text) for asset, text in (owed or {}).items()},
        coins=tuple(held),
        deposits=tuple(deposits),
        cover=tuple(covers),
        declarations=tuple(said),
        prices=tuple(at),
    )


def stated(currency: str, *rules: dict[str, Any], **fields: Any) -> Policy:
    """A policy of some rules stated in a test."""
    return Policy.from_value(
        {
            "id": "stated",
            "version": "1",
            "title": "stated in a test",
            "jurisdiction": "XX",
            "currency": currency,
            "currency_decimals": DECIMALS[currency],
            "authority_status": "tool_example",
            "as_of": "2026-11-22",
            "spot_max_age": "24 hours",
            "mean_max_age": "35 days",
            "accounts_max_age": "18 months",
            "rules": [{"citation": "a test", **rule} for rule in rules],
            **fields,
        },
        what="the stated policy",
    )


def of(policy: Policy | str, rule: str, inputs: Inputs) -> Result:
    """The result of one rule."""
    result = run(policy, inputs).result(rule)
    assert result is not None
    return result


def run(policy: Policy | str, inputs: Inputs) -> Evaluation:
    return evaluate(load_ruleset(policy) if isinstance(policy, str) else policy, inputs)


def line(result: Result) -> tuple[int | None, int | None, str]:
    """What the deciding line requires and finds, in base units, and the verdict."""
    one = result.deciding
    assert one is not None
    return (
        None if one.required is None else int(one.required),
        None if one.available is None else int(one.available),
        result.verdict,
    )
