"""Lines of a statement, held against the records that are disclosed: sums of readings, money, what custodians hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from attest.attestation.document_records import DeclaredBalance, MoneyDocument
from attest.chains.records import Reading
from attest.errors import VerificationError
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine

LineKey = tuple[str, ...]
"""Asset, chain, purpose, storage and level: `ReserveLine.without_control`, because no reading says its control."""


class Shown(NamedTuple):
    """How much of the lines of one `LineKey` readings show: `amount` of the base units `stated`, in so many `wallets`.

    `waiting` of the wallets that are shown, with `waiting_amount`, count as rechecked only with a dump of all unspent
    outputs.
    """

    stated: int
    wallets_stated: int
    amount: int = 0
    wallets: int = 0
    waiting_amount: int = 0
    waiting: int = 0

    @property
    def disclosed(self) -> bool:
        """Whether every reading of the lines is disclosed."""
        return self.wallets == self.wallets_stated

    @property
    def rechecked(self) -> bool:
        """Whether every reading of the lines is disclosed and was recomputed from its evidence."""
        return self.disclosed and not self.waiting


def check_lines(
    readings: Iterable[Reading], waiting: Iterable[Reading], reserves: Sequence[ReserveLine], *, complete: bool
) -> dict[LineKey, Shown]:
    """How much of each line the `readings` of the pins show; those `waiting` for a dump are among them.

    A line whose wallets are all disclosed equals their sum; of any other no more is disclosed than it states. With
    `complete`, no record is withheld, so that every line must be disclosed. Raises `VerificationError` naming the line.
    """
    stated: dict[LineKey, Shown] = {}
    for line in reserves:
        before = stated.get(line.without_control, Shown(0, 0))
        stated[line.without_control] = Shown(before.stated + line.amount, before.wallets_stated + line.wallets)
    shown = dict(stated)
    for reading in readings:
        if reading.line not in stated:
            name = " ".join(reading.line)
            raise VerificationError("recheck/line", f"wallet {reading.wallet} has no line in the statement: {name}")
        before = shown[reading.line]
        shown[reading.line] = before._replace(amount=before.amount + reading.amount, wallets=before.wallets + 1)
    for reading in waiting:
        before = shown[reading.line]
        shown[reading.line] = before._replace(
            waiting_amount=before.waiting_amount + reading.amount, waiting=before.waiting + 1
        )
    for key, line_shown in shown.items():
        _compare(key, line_shown, complete=complete)
    return shown


def _compare(key: LineKey, shown: Shown, *, complete: bool) -> None:
    equal = shown.amount == shown.stated
    if (shown.disclosed and equal) or (
        not shown.disclosed and not complete and shown.wallets < shown.wallets_stated and shown.amount <= shown.stated
    ):
        return
    none_withheld = ", and no record is withheld" if complete and shown.wallets < shown.wallets_stated else ""
    raise VerificationError(
        "recheck/line",
        f"{' '.join(key)}: {shown.wallets} readings add up to {shown.amount}, "
        f"the statement says {shown.stated} in {shown.wallets_stated} wallets{none_withheld}",
    )


def check_denied(found: Mapping[LineKey, int], shown: Mapping[LineKey, Shown], reserves: Sequence[ReserveLine]) -> None:
    """Compare the coins that cannot move, as `found` in readings by line, with what the lines say.

    Of a line that is not wholly disclosed no more may be found than it states. Raises `VerificationError` naming it.
    """
    stated: dict[LineKey, int] = {}
    for line in reserves:
        stated[line.without_control] = stated.get(line.without_control, 0) + line.denied
    for key, amount in stated.items():
        there = found.get(key, 0)
        if there > amount or (shown[key].disclosed and there != amount):
            raise VerificationError(
                "recheck/denied",
                f"{' '.join(key)}: readings whose token denies transfers add up to {there}, "
                f"the statement says {amount}",
            )


def check_money(documents: Sequence[MoneyDocument], money: Sequence[MoneyLine]) -> frozenset[bytes]:
    """The evidence leaves of the lines of money whose document is disclosed, each of which says what its line says.

    Raises `VerificationError` for a document that no line names, or that counts twice.
    """
    return _matched(
        {document.leaf: (document, (document.currency, document.purpose, document.amount)) for document in documents},
        {line.evidence_leaf: (line.currency, line.purpose, line.amount) for line in money},
        code="recheck/money",
        what="bank document",
    )


def check_held(documents: Sequence[DeclaredBalance], held: Sequence[HeldLine]) -> frozenset[bytes]:
    """The evidence leaves of the lines of `held` whose document is disclosed, each of which says what its line says.

    Raises `VerificationError` for a document that no line names, or that counts twice.
    """
    return _matched(
        {document.leaf: (document, _held(document)) for document in documents},
        {line.evidence_leaf: _held(line) for line in held},
        code="recheck/held",
        what="custodian's document",
    )


def _held(item: DeclaredBalance | HeldLine) -> tuple[object, ...]:
    return (item.asset, item.chain, item.purpose, item.custodian, item.amount)


def _matched(
    documents: Mapping[bytes, tuple[MoneyDocument | DeclaredBalance, tuple[object, ...]]],
    lines: Mapping[bytes, tuple[object, ...]],
    *,
    code: str,
    what: str,
) -> frozenset[bytes]:
    if len({document.counts for document, _ in documents.values()}) != len(documents):
        raise VerificationError(code, f"one {what} is counted twice")
    for leaf, (document, said) in documents.items():
        if leaf not in lines:
            raise VerificationError(code, f"the {what} {document.document} belongs to no line of the statement")
        if lines[leaf] != said:
            raise VerificationError(code, f"the {what} {document.document} says something else than its line")
    return frozenset(documents)
