"""What an auditor works from: each asset tied to its tree and lines, wallets, and the index of the records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attest.attestation.statement import Coverage, Predicate
from attest.attestation.verify import Verified
from attest.report.numbers import amount, count
from attest.report.view.paper import AuditorView, RecordRow, TieLine, TieRow, WalletView
from attest.reserves.records import CustodyConfirmation, Record

_NAMES: Final = ("wallet", "asset", "currency", "document", "kind", "name", "unit", "chain", "window")


def auditor_view(verified: Verified) -> AuditorView:
    """The auditor's part of a month, from the records that are available: those that are not, it counts."""
    evidence = verified.statement.predicate.evidence
    return AuditorView(
        tuple(_tie(verified, item) for item in verified.coverage),
        tuple(
            WalletView(row.wallet, row.chain, row.purpose, row.storage, row.control, row.records)
            for row in verified.wallets
        ),
        tuple(_record(index, record) for index, record in sorted(verified.records.items())),
        count(evidence.count - len(verified.records)),
        evidence.root.hex(),
    )


def _tie(verified: Verified, item: Coverage) -> TieRow:
    predicate = verified.statement.predicate
    tree = next(tree for tree in predicate.liabilities.trees if tree.asset == item.asset)
    return TieRow(
        item.asset,
        tree.root.hex(),
        count(tree.size),
        amount(tree.total, item.decimals),
        (*_coins(verified, item), *_money(predicate, item)),
        amount(item.held_total, item.decimals),
    )


def _coins(verified: Verified, item: Coverage) -> Iterator[TieLine]:
    for line in verified.statement.predicate.reserves:
        if line.asset == item.asset:
            yield TieLine(
                line.chain,
                line.purpose,
                line.storage,
                line.evidence,
                line.control,
                count(line.wallets),
                amount(line.amount, item.decimals),
                line.key[:-1] in verified.rechecked.lines,
            )


def _money(predicate: Predicate, item: Coverage) -> Iterator[TieLine]:
    """Lines of money, which no record recomputes: a bank's document says them."""
    for line in predicate.money:
        if line.currency == item.asset:
            number = amount(line.amount, item.decimals)
            yield TieLine(None, line.purpose, None, "declared", None, None, number, rechecked=False)


def _record(index: int, record: Any) -> RecordRow:
    return RecordRow(index, record.type, _subject(record), record.leaf.hex())


def _subject(record: Record) -> str:
    """What a record is of, by the names that it has."""
    if isinstance(record, CustodyConfirmation):
        return record.confirmation.custodian
    said = (getattr(record, name, None) for name in _NAMES)
    return " ".join(str(value) for value in said if value is not None)
