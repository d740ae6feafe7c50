"""The lowest counts in windows around the pins: declared from the records, and checked against them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attest.chains.records import Reading, Window
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.policy.inputs import Declaration
from attest.reserves.window import Lowest, lowest_counts
from attest.verification.evidence.recheck import Rechecked


def window_declarations(records: Sequence[Record], pins: Sequence[Pin]) -> tuple[Declaration, ...]:
    """The lowest count of each asset of customers' wallets on each chain with a window."""
    counts = lowest_counts((record for record in records if isinstance(record, Reading)), pins)
    leaves = {record.chain: record.leaf for record in records if isinstance(record, Window)}
    return tuple(
        Declaration(kind="window", name=chain, unit=asset, amount=lowest.amount, evidence_leaf=leaves[chain])
        for (chain, asset), lowest in sorted(counts.items())
        if chain in leaves
    )


def lowest_found(declaration: Declaration, rechecked: Rechecked) -> Lowest | None:
    """The lowest count that was recomputed where one is declared; None where a record of the window is withheld."""
    window = rechecked.windows.get(declaration.name)
    return None if window is None else window.lowest.get(str(declaration.unit))


def not_recomputed(declarations: Sequence[Declaration], rechecked: Rechecked) -> list[Declaration]:
    """The declared lowest counts that were not recomputed."""
    return [item for item in declarations if item.kind == "window" and lowest_found(item, rechecked) is None]


def check_windows(
    declarations: Sequence[Declaration], rechecked: Rechecked, *, complete: bool, issued_at: datetime | None
) -> None:
    """Compare the declared lowest counts with those that were recomputed.

    `complete` says that no record of the evidence is withheld; no drawn block is younger than `issued_at`, the time of
    the statement, where there is one. Raises `VerificationError`.
    """
    declared = [item for item in declarations if item.kind == "window"]
    named = {item.name for item in declared}
    for chain, drawn in rechecked.windows.items():
        if issued_at is not None and any(block.time > issued_at for block in drawn.blocks):
            raise VerificationError("recheck/window", f"a drawn block of {chain} is younger than the statement")
        if chain not in named:
            raise VerificationError(
                "recheck/window", f"a window of {chain} was read, and the statement does not say its lowest counts"
            )
    for item in declared:
        chain, window = item.name, rechecked.windows.get(item.name)
        if window is None and complete:
            raise VerificationError("recheck/window", f"the statement has a window of {chain}, the evidence has none")
        if window is not None and window.leaf != item.evidence_leaf:
            raise VerificationError("recheck/window", f"the window of {chain} is not the one that the statement names")
        lowest = lowest_found(item, rechecked)
        if lowest is not None and lowest.amount != item.amount:
            raise VerificationError(
                "recheck/window",
                f"the lowest count of {item.unit} on {chain} is {lowest.amount} at block {lowest.height}, "
                f"the statement says {item.amount}",
            )
