"""What management declares, and what the readings say of concentration: the statement's declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attest.amounts import parse_decimal
from attest.attestation.declared import declaration_order
from attest.attestation.document_records import DeclarationRecord
from attest.chains.records import Reading
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record, new_salt
from attest.exchange.documents.money import MAX_DOCUMENT_BYTES
from attest.files import read_bounded
from attest.policy.inputs import Declaration, identity

if TYPE_CHECKING:
    from attest.exchange.config import Config, DeclarationForm

HIDDEN: Final = "not public"
_COMPUTED: Final = frozenset(("custodian", "largest-wallet", "window"))  # of the readings, not said by management
_FIELDS: Final = ("kind", "name", "unit", "amount", "tier", "since", "until")


def signed_forms(config: Config, period: str, folder: Path) -> list[DeclarationRecord]:
    """A record for each form that the config in `folder` names, in its order. Raises `AttestError`."""
    records = [_signed_form(form, folder, period, config.decimals) for form in config.declarations]
    seen: set[object] = set()
    for line in map(declaration_line, records):
        keys = {declaration_order(line), identity(line)}
        if keys & seen:
            raise MalformedError(
                "config/declaration",
                f"declaration {_name(line)} stands there twice",
                hint="say in one table what is true of the same coins, year, accounts or measure",
            )
        seen |= keys
    return records


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


def recheck_declarations(
    records: Mapping[int, Record], stated: Sequence[Declaration], whole: frozenset[str]
) -> tuple[int, int]:
    """How many of the `stated` declarations have a disclosed form, and how many were recomputed from readings.

    `whole` are the assets of which every reading of customers' coins is disclosed. Raises `VerificationError` when a
    record says something else than its declaration, belongs to none, or is not what the readings add up to.
    """
    by_leaf = {record.leaf: record for record in records.values() if isinstance(record, DeclarationRecord)}
    computed = {_said(record): record for record in concentration(records.values(), frozenset())}
    largest = {record.unit: record.amount for record in computed.values() if record.kind == "largest-wallet"}
    forms = recomputed = 0
    for line in stated:
        record = by_leaf.pop(line.evidence_leaf, None)
        if record is not None and _said(record) != _said(line):
            raise VerificationError("declaration/record", f"the record of {_name(line)} says something else")
        if line.kind not in _COMPUTED:
            if record is not None and None in {record.signatory, record.document, record.sha256}:
                raise VerificationError(
                    "declaration/form",
                    f"the record of {_name(line)} names no signed form and who signed it",
                )
            forms += record is not None
            continue
        if line.unit not in whole or line.kind == "window":
            continue
        recomputed += 1
        # Of which tier a custodian is, the readings do not say: that is management's word.
        said = line.model_copy(update={"tier": None}) if line.kind == "custodian" else line
        hidden = (line.kind, line.name) == ("largest-wallet", HIDDEN)
        holds = largest.get(line.unit) == line.amount if hidden else _said(said) in computed
        if not holds:
            raise VerificationError("declaration/figure", f"the readings add up to something else than {_name(line)}")
    if by_leaf:
        raise VerificationError("declaration/record", "the record of a declaration belongs to none in the statement")
    expected = sum(record.unit in whole for record in computed.values())
    if recomputed != expected:
        raise VerificationError(
            "declaration/figure", f"the statement has {recomputed} figures of concentration, the readings {expected}"
        )
    return forms, recomputed


def _signed_form(form: DeclarationForm, folder: Path, period: str, decimals: Mapping[str, int]) -> DeclarationRecord:
    path = folder / form.document.replace("{period}", period)
    try:
        amount = None if form.amount is None else parse_decimal(form.amount, decimals.get(form.unit or "", 0))
        if amount is not None and amount < 0:
            raise MalformedError("config/declaration", "its amount is negative")  # noqa: TRY301 (named below)
        record = DeclarationRecord(
            type="declaration",
            salt=new_salt(),
            kind=form.kind,
            name=form.name,
            unit=form.unit,
            amount=amount,
            since=form.since,
            until=form.until,
            signatory=form.signatory,
            document=path.name,
            sha256=sha256(read_bounded(path, MAX_DOCUMENT_BYTES)).digest(),
        ).without_defaults()
        declaration_line(record)
    except MalformedError as error:
        raise MalformedError("config/declaration", f"declaration {form.kind} {form.name}: {error.message}") from None
    return record


def _computed(kind: str, name: str, unit: str, amount: int, tier: str | None = None) -> DeclarationRecord:
    return DeclarationRecord(
        type="declaration", salt=new_salt(), kind=kind, name=name, unit=unit, amount=amount, tier=tier
    ).without_defaults()


def _said(item: DeclarationRecord | Declaration) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in _FIELDS)


def _name(line: Declaration) -> str:
    return " ".join(filter(None, (line.kind, line.name, line.unit)))
