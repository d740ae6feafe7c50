"""Readings and evidence as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attest.amounts import format_amount
from attest.attestation.evidence import CheckedEvidence, EvidenceFolder, ReservesFile
from attest.cli.tables import new_table, render
from attest.documents import format_time
from attest.reserves.records import (
    BitcoinDescriptor,
    BitcoinUtxos,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    MoneyDocument,
    NodeAgreement,
    Reading,
    TrieNodes,
)


def lines_table(own: ReservesFile) -> str:
    """The pinned blocks, and what was read there per asset, chain, purpose, storage and level of evidence."""
    decimals = {item.asset: item.decimals for item in own.assets}
    pins = new_table("chain", ">height", "block", "time")
    for pin in own.chains:
        pins.add_row(pin.chain, str(pin.height), pin.block_hash.hex(), format_time(pin.time))
    lines = new_table("asset", "chain", "purpose", "storage", "evidence", ">wallets", ">amount")
    for line in own.reserves:
        amount = format_amount(line.amount, decimals[line.asset])
        lines.add_row(line.asset, line.chain, line.purpose, line.storage, line.evidence, f"{line.wallets:,}", amount)
    for money in own.money:
        amount = format_amount(money.amount, decimals[money.currency])
        lines.add_row(money.currency, "", money.purpose, "bank", "declared", "", amount)
    parts = [render(pins), render(lines)]
    if own.unlisted:
        table = new_table("not counted: wallet", "does not list", ">amount")
        for item in own.unlisted:
            table.add_row(item.wallet, item.asset, format_amount(int(item.amount), decimals.get(item.asset, 0)))
        parts.append(render(table))
    return "\n\n".join(parts)


def reserves_document(own: ReservesFile) -> dict[str, Any]:
    """The same for programs: amounts in base units."""
    value = own.to_value()
    return {name: value[name] for name in ("period", "chains", "reserves", "money", "unlisted", "evidence")}


def readings_table(own: ReservesFile, records: Mapping[int, Any]) -> str:
    """One row a reading."""
    decimals = {item.asset: item.decimals for item in own.assets}
    table = new_table("wallet", "asset", "chain", "purpose", "storage", "evidence", ">amount")
    for record in records.values():
        if isinstance(record, Reading):
            amount = format_amount(record.amount, decimals[record.asset])
            table.add_row(
                record.wallet, record.asset, record.chain, record.purpose, record.storage, record.level, amount
            )
    return render(table)


def records_table(folder: EvidenceFolder) -> str:
    """One row a record: its index, type, and what it says."""
    decimals = {item.asset: item.decimals for item in folder.basis.assets}
    table = new_table(">record", "type", "chain", "wallet", ">amount", "evidence", "rests on")
    for index, record in sorted(folder.records.items()):
        amount = level = wallet = ""
        if isinstance(record, Reading):
            amount = f"{format_amount(record.amount, decimals[record.asset])} {record.asset}"
            level, wallet = record.level, record.wallet
        elif isinstance(record, MoneyDocument):
            amount, level = f"{format_amount(record.amount, decimals[record.currency])} {record.currency}", "declared"
        elif isinstance(record, BitcoinDescriptor):
            wallet = record.wallet
        table.add_row(str(index), record.type, getattr(record, "chain", ""), wallet, amount, level, _rests_on(record))
    return render(table)


def records_document(folder: EvidenceFolder) -> dict[str, Any]:
    """The same for programs."""
    return {
        "bound_by": folder.basis.name,
        "count": folder.basis.evidence.count,
        "records": [{"index": index, **record.to_value()} for index, record in sorted(folder.records.items())],
    }


def checked_text(checked: CheckedEvidence) -> str:
    """What was recomputed, what was asked again, and what was not checked."""
    folder, rechecked = checked.folder, checked.rechecked
    records = f"{len(folder.records)} of {folder.basis.evidence.count} records lead to the root in {folder.basis.name}"
    balances = f"{rechecked.readings} of {rechecked.readings_stated} balances recomputed from their evidence"
    documents = f"{rechecked.documents} of {rechecked.documents_stated} bank documents named by digest"
    lines = [f"VERIFIED: {records}; {balances}; {documents}"]
    lines += [
        f"VERIFIED: node {name} says the same of {count} balances of {chain}" for chain, name, count in checked.asked
    ]
    open_ends = []
    if not rechecked.complete:
        open_ends.append("the evidence of the others is not at hand")
    levels = {record.level for record in folder.records.values() if isinstance(record, Reading)}
    if levels & {"agreed", "single"} and not checked.asked:
        open_ends.append("what is agreed or single rests on the nodes' word: --node asks another")
    open_ends.append(
        "that the pinned blocks are on their chains" if not checked.asked else "pinned blocks of other chains"
    )
    open_ends.append("the signatures, which attest verify checks")
    return "\n".join([*lines, *(f"NOT CHECKED: {item}" for item in open_ends)])


def checked_document(checked: CheckedEvidence) -> dict[str, Any]:
    """The same for programs."""
    rechecked = checked.rechecked
    return {
        "bound_by": checked.folder.basis.name,
        "records": len(checked.folder.records),
        "records_stated": checked.folder.basis.evidence.count,
        "balances": rechecked.readings,
        "balances_stated": rechecked.readings_stated,
        "documents": rechecked.documents,
        "documents_stated": rechecked.documents_stated,
        "nodes": [{"chain": chain, "node": name, "balances": count} for chain, name, count in checked.asked],
    }


def _rests_on(record: Any) -> str:
    match record:
        case NodeAgreement():
            dropped = "".join(f", not {node.name} ({node.reason})" for node in record.dropped)
            return f"{len(record.agreed)} agreed, {record.needed} needed: {', '.join(record.agreed)}{dropped}"
        case TrieNodes():
            return f"{len(record.nodes):,} trie nodes"
        case EthereumTokenBalance() | EthereumTokenAnswer():
            return f"{record.address} in the token {record.contract}"
        case BitcoinUtxos():
            return f"{len(record.utxos):,} outputs"
        case MoneyDocument():
            return f"{record.document} of {record.institution}"
    return str(getattr(record, "address", ""))
