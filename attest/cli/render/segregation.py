"""Segregation as commands print it: whether customers' coins are kept apart, and who controls each wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attest.cli.render.tables import new_table, render
from attest.verification.segregation import WalletRow
from attest.verification.verified import Verified


def segregation_table(verified: Verified) -> str:
    """Whether the customers' coins are kept apart and cold, with the records behind each verdict."""
    table = new_table("asset", "~segregation", "verdict", "~detail", "~records")
    for check in verified.checks:
        table.add_row(check.asset, check.what, check.verdict, check.detail, spans(check.records))
    return render(table)


def segregation_document(verified: Verified) -> list[dict[str, Any]]:
    """The checks of segregation as JSON: one object a check, with the indices of the records that it was made from."""
    return [
        {
            "check": check.what,
            **({"asset": check.asset} if check.asset else {}),
            "verdict": check.verdict,
            "detail": check.detail,
            "records": list(check.records),
        }
        for check in verified.checks
    ]


def wallets_table(verified: Verified) -> str:
    """What shows control of the customers', guarantee and compensation wallets: how many of each, and which."""
    rows: dict[str, list[WalletRow]] = {}
    for row in verified.wallets:
        rows.setdefault(row.control, []).append(row)
    table = new_table("~control shown by", ">wallets", "~of them")
    for control, label in _CONTROLS.items():
        if found := rows.get(control):
            drawn = (
                control in {"signature", "custodian"}
                and verified.controlled is not None
                and verified.controlled.sample is not None
            )
            unknown = control == "custodian" and verified.controlled is not None and verified.controlled.strangers
            names = ", ".join(row.wallet for row in found[:MAX_SHOWN])
            more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
            said = f"{label}{', of some by sample' if drawn else ''}{', not checked' if unknown else ''}"
            table.add_row(said, f"{len(found):,}", names + more)
    hidden = sum(line.wallets for line in verified.statement.predicate.reserves) - sum(
        len(row.records) for row in verified.wallets if row.control != "own"
    )
    if hidden:
        table.add_row("not available here", f"{hidden:,} balances", "no record here shows them")
    return render(table)


def wallets_document(verified: Verified) -> list[dict[str, Any]]:
    """Who controls each wallet whose records are available, as JSON: one object a wallet."""
    return [{**row._asdict(), "records": list(row.records)} for row in verified.wallets]


def spans(numbers: Sequence[int]) -> str:
    """Ascending numbers, runs of them joined: `3-7, 9`; at most some ten runs."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:MAX_SHOWN]]
    return ", ".join([*shown, "…"] if len(runs) > MAX_SHOWN else shown)


MAX_SHOWN: Final = 10
_CONTROLS: Final = {
    "none": "nothing",
    "custodian": "a custodian's confirmation",
    "signature": "signatures of its keys",
    "empty": "nothing, and it is empty",
    "own": "nothing: the exchange's own, not counted",
}
