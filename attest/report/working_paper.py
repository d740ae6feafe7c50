"""The auditor's working paper: each asset tied to its tree and lines, the wallets, and an index of the records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attest.attestation.coverage import Coverage
from attest.attestation.statement import Predicate
from attest.control.records import CustodyConfirmation
from attest.evidence.record import Record
from attest.report.numbers import amount, count
from attest.report.view.paper import AuditorView, RecordRow, TieLine, TieRow, WalletView
from attest.verification.verified import Verified

_NAMES: Final = ("wallet", "asset", "currency", "document", "kind", "name", "unit", "chain", "window")


def auditor_view(verified: Verified) -> AuditorView:
    """The auditor's part of a month, made from the records that are available; withheld ones are counted."""
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
                line.without_control in verified.rechecked.lines,
            )


def _money(predicate: Predicate, item: Coverage) -> Iterator[TieLine]:
    """The lines of money. None is recomputed, because only a bank's document states them."""
    for line in predicate.money:
        if line.currency == item.asset:
            number = amount(line.amount, item.decimals)
            yield TieLine(None, line.purpose, None, "declared", None, None, number, rechecked=False)


def _record(index: int, record: Any) -> RecordRow:
    return RecordRow(index, record.type, _subject(record), record.leaf.hex())


def _subject(record: Record) -> str:
    """The subject of a record: its wallet, asset, document or whatever other name it has."""
    if isinstance(record, CustodyConfirmation):
        return record.confirmation.custodian
    said = (getattr(record, name, None) for name in _NAMES)
    return " ".join(str(value) for value in said if value is not None)
