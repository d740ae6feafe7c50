"""Readings and evidence as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attest.amounts import format_amount
from attest.attestation.document_records import DeclaredBalance, MoneyDocument
from attest.attestation.reserves_file import RESERVES_FILE, ReservesFile
from attest.chains.records import Reading
from attest.cli.render.tables import new_table, render
from attest.control.records import ContractControl
from attest.documents import format_time
from attest.evidence.record import Record
from attest.verification.evidence.check import CheckedEvidence
from attest.verification.evidence.folder import EvidenceFolder
from attest.verification.evidence.lowest_counts import not_recomputed

_WORDS: Final = ("agreed", "single")  # levels that rest on what nodes said


def lines_table(own: ReservesFile) -> str:
    """The pinned blocks, and what was read there per asset, chain, purpose, storage and level of evidence."""
    decimals = {item.asset: item.decimals for item in own.assets}
    pins = new_table("~chain", ">height", "~block", "time")
    for pin in own.chains:
        pins.add_row(pin.chain, str(pin.height), pin.block_hash.hex(), format_time(pin.time))
    lines = new_table("asset", "~chain", "purpose", "storage", "evidence", ">wallets", ">amount")
    for line in own.reserves:
        amount = format_amount(line.amount, decimals[line.asset])
        lines.add_row(line.asset, line.chain, line.purpose, line.storage, line.evidence, f"{line.wallets:,}", amount)
    for money in own.money:
        amount = format_amount(money.amount, decimals[money.currency])
        lines.add_row(money.currency, "", money.purpose, "bank", "declared", "", amount)
    for held in own.held:
        amount = format_amount(held.amount, decimals[held.asset])
        lines.add_row(held.asset, held.chain or "", held.purpose, "", "declared, not counted", "", amount)
    reasons = [f"{pin.chain} is read far from the snapshot: {pin.reason}" for pin in own.chains if pin.reason]
    parts = [render(pins), *reasons, render(lines)]
    if windows := [said for said in own.declarations if said.kind == "window"]:
        lowest = new_table("asset", "~chain", ">lowest in the window")
        for said in windows:
            asset = str(said.unit)
            lowest.add_row(asset, said.name, format_amount(said.amount or 0, decimals[asset]))
        parts.append(render(lowest))
    parts += _tokens_tables(own, decimals)
    if own.unlisted:
        table = new_table("~not counted: wallet", "does not list", ">amount")
        for item in own.unlisted:
            table.add_row(item.wallet, item.asset, format_amount(int(item.amount), decimals.get(item.asset, 0)))
        parts.append(render(table))
    return "\n\n".join(parts)


def _tokens_tables(own: ReservesFile, decimals: Mapping[str, int]) -> Iterator[str]:
    """What tokens deny their holders to move, and why tokens are not proven."""
    if any(line.denied for line in own.reserves):
        denied = new_table("asset", "~chain", "purpose", "storage", ">cannot move: denied by the token", ">of")
        for line in own.reserves:
            if line.denied:
                amounts = (format_amount(amount, decimals[line.asset]) for amount in (line.denied, line.amount))
                denied.add_row(line.asset, line.chain, line.purpose, line.storage, *amounts)
        yield render(denied)
    if own.unproven:
        reasons = new_table("not proven", "~chain", "~wallet", "~because")
        for why in own.unproven:
            reasons.add_row(why.asset, why.chain, why.wallet or "all", why.reason)
        yield render(reasons)


def reserves_document(own: ReservesFile) -> dict[str, Any]:
    """`reserves.json` as JSON for programs: pins and lines, amounts as strings of base units."""
    value = own.to_value()
    names = ("period", "chains", "reserves", "money", "held", "unlisted", "unproven", "declarations", "evidence")
    return {name: value[name] for name in names if name in value}


def readings_table(own: ReservesFile, records: Mapping[int, Record]) -> str:
    """One row a reading."""
    decimals = {item.asset: item.decimals for item in own.assets}
    table = new_table("~wallet", "asset", "~chain", "purpose", "storage", "evidence", ">amount")
    for record in records.values():
        if isinstance(record, Reading):
            amount = format_amount(record.amount, decimals[record.asset])
            table.add_row(
                record.wallet, record.asset, _chain(record), record.purpose, record.storage, record.level, amount
            )
    return render(table)


def records_table(folder: EvidenceFolder) -> str:
    """One row a record: its index, type, and what it says."""
    decimals = {item.asset: item.decimals for item in folder.basis.assets}
    table = new_table(">record", "type", "~chain", "~wallet", ">amount", "evidence", "~rests on")
    for index, record in sorted(folder.records.items()):
        amount = level = wallet = ""
        if isinstance(record, Reading):
            amount = f"{format_amount(record.amount, decimals[record.asset])} {record.asset}"
            level, wallet = record.level, record.wallet
        elif isinstance(record, MoneyDocument):
            amount, level = f"{format_amount(record.amount, decimals[record.currency])} {record.currency}", "declared"
        elif isinstance(record, DeclaredBalance):
            amount, level = f"{format_amount(record.amount, decimals[record.asset])} {record.asset}", "declared"
        else:
            wallet = getattr(record, "wallet", "")
        table.add_row(str(index), record.type_name, _chain(record), wallet, amount, level, record.rests_on)
    return render(table)


def records_document(folder: EvidenceFolder) -> dict[str, Any]:
    """The records of a folder of evidence as JSON: each with its index, and the file whose root binds them."""
    return {
        "bound_by": folder.basis.name,
        "count": folder.basis.evidence.count,
        "records": [{"index": index, **record.to_value()} for index, record in sorted(folder.records.items())],
    }


def checked_text(checked: CheckedEvidence) -> str:
    """What was recomputed, what was asked again, and what was not checked."""
    folder, rechecked = checked.folder, checked.step.rechecked
    records = f"{len(folder.records)} of {folder.basis.evidence.count} records lead to the root in {folder.basis.name}"
    balances = f"{rechecked.readings} of {rechecked.readings_stated} balances recomputed from their evidence"
    documents = f"{checked.step.documents} of {len(folder.basis.money)} bank documents named by digest"
    verdict = "NOT CHECKED" if checked.nothing else "VERIFIED"
    lines = [f"{verdict}: {records}; {balances}; {documents}"]
    if rechecked.safes:
        lines.append(f"VERIFIED: the owners of {rechecked.safes} Safes follow from their proofs")
    lines += [
        f"VERIFIED: node {name} says the same of {count} balances of {chain}" for chain, name, count in checked.asked
    ]
    lines += [
        f"VERIFIED: {count} contracts of {chain} say yes to their signatures, which shows no key"
        for chain, count in checked.contracts.items()
        if count
    ]
    return "\n".join([*lines, *(f"NOT CHECKED: {item}" for item in _open_ends(checked))])


def _open_ends(checked: CheckedEvidence) -> list[str]:
    """What was not checked, in words that follow NOT CHECKED."""
    folder, rechecked = checked.folder, checked.step.rechecked
    every = [record for record in folder.records.values() if isinstance(record, Reading)]
    readings = [record for record in every if record.at_pin]
    asked = {chain for chain, _, _ in checked.asked}
    withheld = rechecked.readings_stated - len(readings)
    unseen = len(checked.step.unchecked.leaves) + checked.step.unchecked.prices
    ends = []
    if withheld or unseen:
        ends.append(
            f"{withheld} of {rechecked.readings_stated} balances and {unseen} documents and declarations, whose "
            f"records are not available here{_shown_of(checked.step.hidden)}"
        )
    if waiting := len(readings) - rechecked.readings:
        ends.append(f"{waiting} balances proven in a set of unspent outputs, which --utxo-set hands over")
    if words := _chains(record.chain for record in every if record.level in _WORDS and record.chain not in asked):
        ends.append(f"the word of the nodes for what is agreed or single on {words}; --node asks another")
    if slots := ", ".join(
        f"{asset} {source}"
        for (asset, chain), sources in sorted(rechecked.tokens.items())
        if chain not in asked
        for source in sorted(sources, key=str)
        if source.slot is not None
    ):
        ends.append(f"whether the tokens keep their balances in the slots that were read: {slots}; --node asks one")
    if pins := _chains(pin.chain for pin in folder.basis.chains if pin.chain not in asked):
        ends.append(f"whether the pinned blocks are on their chains: {pins}")
    waiting_for = [item for item in folder.records.values() if isinstance(item, ContractControl)]
    if silent := _chains(item.challenge.chain for item in waiting_for if item.challenge.chain not in asked):
        ends.append(f"what contracts say of their signatures on {silent}, which counts as none; --node asks them")
    if windows := _chains(chain for chain in rechecked.windows if chain not in asked):
        ends.append(f"whether the blocks drawn for windows are those of their heights: {windows}; --node asks one")
    if unknown := not_recomputed(folder.basis.declarations, rechecked):
        names = ", ".join(f"{item.unit} on {item.name}" for item in unknown)
        ends.append(f"the lowest count in the window, whose wallets or descriptors are not all available: {names}")
    signed = folder.basis.name != RESERVES_FILE
    ends.append("the signatures, which attest verify checks" if signed else f"who says so: {RESERVES_FILE} is unsigned")
    return ends


def _shown_of(hidden: Sequence[str]) -> str:
    return f"; shown is {', '.join(hidden)}" if hidden else ""


def _chains(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def checked_document(checked: CheckedEvidence) -> dict[str, Any]:
    """What a check of evidence found as JSON: what was recomputed, what was asked again, and what was left open."""
    rechecked = checked.step.rechecked
    return {
        "bound_by": checked.folder.basis.name,
        "records": len(checked.folder.records),
        "records_stated": checked.folder.basis.evidence.count,
        "balances": rechecked.readings,
        "balances_stated": rechecked.readings_stated,
        "documents": checked.step.documents,
        "documents_stated": len(checked.folder.basis.money),
        "safes": rechecked.safes,
        "nodes": [{"chain": chain, "node": name, "balances": count} for chain, name, count in checked.asked],
        "not_checked": _open_ends(checked),
    }


def _chain(record: Record) -> str:
    """The chain of a record, and the block where it belongs to one of a window."""
    chain = getattr(record, "chain", None) or ""
    return chain if record.at_pin else f"{chain} at {record.block}"
