"""Declarations as lines of the statement, and those of concentration, which follow from the readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attest.attestation.document_records import DeclarationRecord
from attest.chains.records import Reading
from attest.evidence.record import Record, new_salt
from attest.policy.inputs import Declaration

HIDDEN: Final = "not public"


def concentration(
    records: Iterable[Record], hidden: frozenset[str], tiers: Mapping[str, str | None] = MappingProxyType({})
) -> list[DeclarationRecord]:
    """Per asset the largest wallet of the customers' coins, and what each custodian keeps of them, by the readings.

    The id of a wallet in `hidden` is not told; `tiers` are those of custodians. A custodian or asset without coins has
    no record.
    """
    wallets: dict[tuple[str, str], int] = {}
    custodians: dict[tuple[str, str], int] = {}
    for reading in records:
        if isinstance(reading, Reading) and reading.purpose == "customer" and reading.at_pin:
            wallets[reading.asset, reading.wallet] = wallets.get((reading.asset, reading.wallet), 0) + reading.amount
            if reading.custodian is not None:
                place = (reading.asset, reading.custodian)
                custodians[place] = custodians.get(place, 0) + reading.amount
    found = []
    for asset in sorted({asset for asset, _ in wallets}):
        amount, wallet = max((amount, wallet) for (held, wallet), amount in wallets.items() if held == asset)
        if amount:
            found.append(_computed("largest-wallet", HIDDEN if wallet in hidden else wallet, asset, amount))
        found += [
            _computed("custodian", name, asset, amount, tiers.get(name))
            for (held, name), amount in sorted(custodians.items())
            if held == asset and amount
        ]
    return found


def declaration_lines(records: Iterable[Record]) -> list[Declaration]:
    """What the statement declares by a `DeclarationRecord` each."""
    return [declaration_line(record) for record in records if isinstance(record, DeclarationRecord)]


def declaration_line(record: DeclarationRecord) -> Declaration:
    """The declaration in the statement that a record stands behind. Raises `MalformedError`."""
    value = {name: item for name, item in record.to_value().items() if name in _FIELDS}
    return Declaration.from_value({**value, "evidenceLeaf": record.leaf.hex()}, what=f"the declaration {record.name}")


def _computed(kind: str, name: str, unit: str, amount: int, tier: str | None = None) -> DeclarationRecord:
    return DeclarationRecord(
        type="declaration", salt=new_salt(), kind=kind, name=name, unit=unit, amount=amount, tier=tier
    ).without_defaults()


_FIELDS: Final = ("kind", "name", "unit", "amount", "tier", "since", "until")


def declared_fields(item: DeclarationRecord | Declaration) -> tuple[object, ...]:
    """What an item declares, but for the record or form that it rests on: two that say this alike declare one thing."""
    return tuple(getattr(item, name) for name in _FIELDS)


def declared_name(line: Declaration) -> str:
    """How errors call a declaration: kind, name and unit."""
    return " ".join(filter(None, (line.kind, line.name, line.unit)))
