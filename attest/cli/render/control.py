"""For how much of the customers' coins keys really signed, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attest.amounts import ratio_percent
from attest.cli.render.tables import new_table, render
from attest.control.shown import Value
from attest.verification.control.step import customers_coins
from attest.verification.verified import Verified


def control_table(verified: Verified) -> str:
    """Per asset: for how much of the customers' coins keys signed, and what is shown otherwise, each rounded down.

    `not at hand` are balances whose evidence was not there to be checked.
    """
    table = new_table(
        "asset", ">keys signed for", ">custodians confirmed", ">by sample", ">nothing shown", ">not at hand"
    )
    for asset, total, value in _control(verified):
        nothing = value.held - value.signed - value.confirmed - value.sampled
        amounts = (value.signed, value.confirmed, value.sampled, nothing, total - value.held)
        table.add_row(asset, *(ratio_percent(amount, total) or "nothing held" for amount in amounts))
    found = verified.controlled
    return render(table) + (f"\n{strangers_text(found.strangers)}" if found is not None and found.strangers else "")


def strangers_text(names: Sequence[str]) -> str:
    """That the word of these custodians may be anyone's."""
    return (
        f"Nobody here vouched for the key of {', '.join(names)} (--custodian NAME=PUB): it may be the exchange's own."
    )


def control_document(verified: Verified) -> list[dict[str, Any]]:
    """Control as JSON: one object an asset, amounts as strings of base units.

    `customer` is what the statement holds for customers, `held` how much of that has records that are available.
    """
    return [
        {"asset": asset, "customer": str(total)} | {name: str(amount) for name, amount in value._asdict().items()}
        for asset, total, value in _control(verified)
    ]


def _control(verified: Verified) -> Iterator[tuple[str, int, Value]]:
    found = verified.controlled
    for asset, total in sorted(customers_coins(verified.statement.predicate).items()):
        yield asset, total, Value() if found is None else found.values.get(asset, Value())
