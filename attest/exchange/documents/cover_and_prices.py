"""The documents of a month beside its readings: signed forms, custodians' words, contracts of insurance, prices."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from pydantic.alias_generators import to_camel

from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.documents import format_time
from attest.errors import MalformedError
from attest.evidence.record import new_salt
from attest.exchange.config import Config
from attest.exchange.documents.declarations import signed_forms
from attest.exchange.documents.money import (
    MAX_DOCUMENT_BYTES,
    bank_documents,
    custodians_documents,
    held_line,
    stated_amount,
)
from attest.exchange.reserves import Reserves, add_declarations, add_documents
from attest.exchange.settings import CoverContract
from attest.exchange.surroundings import Surroundings
from attest.files import read_bounded
from attest.policy.inputs import Conditions, Cover, Price

MAX_PRICES_BYTES: Final = 1024 * 1024
_COLUMNS: Final = ["asset", "currency", "price", "basis", "source", "time"]


class Contracts(NamedTuple):
    """The contracts of insurance and guarantee: a record for each, and its line in the statement."""

    records: list[CoverDocument]
    lines: tuple[Cover, ...]


class Prices(NamedTuple):
    """The prices of a month, and the record of the file that they are from, if there is one."""

    records: list[PriceList]
    prices: tuple[Price, ...]


class Documents(NamedTuple):
    """What stands behind a month's declarations, cover and prices; all of it was there when it was read."""

    forms: list[DeclarationRecord]
    held: list[DeclaredBalance]
    contracts: Contracts
    prices: Prices

    def add_to(self, reserves: Reserves, config: Config) -> None:
        """Add the records to the evidence, after those of the chains."""
        add_declarations(config, self.forms, reserves)
        add_documents(reserves, zip(self.held, config.held, strict=True))
        reserves.held += sorted(map(held_line, self.held), key=lambda line: line.key)
        add_documents(reserves, zip(self.contracts.records, config.cover, strict=True))
        for prices in self.prices.records:
            reserves.evidence.add(prices, public=True)


def read_documents(config: Config, period: str, around: Surroundings) -> Documents:
    """The documents of `period` that the config names, for a statement of `around.now`. Raises `AttestError`."""
    folder = around.folder
    forms = signed_forms(config, period, folder)
    money = bank_documents(config, period, folder)
    held = custodians_documents(config, period, folder, money)
    contracts = read_contracts(config, period, folder, [*money, *held])
    return Documents(forms, held, contracts, read_prices(config, period, around))


def read_contracts(
    config: Config, period: str, folder: Path, counted: Iterable[MoneyDocument | DeclaredBalance]
) -> Contracts:
    """The contracts of insurance and guarantee that the config in `folder` names, none of which is `counted` already.

    Raises `AttestError`.
    """
    records = [_contract(contract, config, period, folder) for contract in config.cover]
    others = {document.counts for document in counted}
    if len({record.counts for record in records} - others) != len(records):
        raise MalformedError("config/cover", "one document stands behind two of [[cover]], [[money]] and [[held]]")
    lines = tuple(
        Cover(
            form=contract.form,
            currency=contract.currency,
            limit=record.limit,
            conditions=_conditions(contract, config.decimals[contract.currency]),
            evidence_leaf=record.leaf,
        )
        for contract, record in zip(config.cover, records, strict=True)
    )
    return Contracts(records, tuple(sorted(lines, key=lambda line: line.evidence_leaf)))


def read_prices(config: Config, period: str, around: Surroundings) -> Prices:
    """The file of prices that the config names, if it does: its record, and each price, none after `around.now`.

    The file is CSV with the columns asset, currency, price, basis, source and time. Raises `MalformedError` naming the
    row and field, `UnavailableError`.
    """
    if config.policies.prices is None:
        return Prices([], ())
    path = around.folder / config.policies.prices.replace("{period}", period)
    data = read_bounded(path, MAX_PRICES_BYTES)
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (ValueError, csv.Error) as error:
        raise MalformedError("prices/malformed", f"{path.name} is not CSV in UTF-8: {error}") from None
    if not rows or rows[0] != _COLUMNS:
        raise MalformedError("prices/columns", f"{path.name} row 1: the columns are {', '.join(_COLUMNS)}")
    prices: dict[tuple[str, ...], Price] = {}
    for number, row in enumerate(rows[1:], start=2):
        what = f"{path.name} row {number}"
        if not row:
            continue
        if len(row) != len(_COLUMNS):
            raise MalformedError("prices/columns", f"{what}: {len(row)} fields instead of {len(_COLUMNS)}")
        price = _price(row, what, config, around.now)
        if prices.setdefault(_price_key(price), price) is not price:
            raise MalformedError("prices/twice", f"{what}: the {' '.join(_price_key(price))} price stands there twice")
    record = PriceList(
        type="prices", salt=new_salt(), document=path.name, sha256=sha256(data).digest(), count=len(prices)
    )
    return Prices([record], tuple(prices[key] for key in sorted(prices)))


def _price(row: Sequence[str], what: str, config: Config, now: datetime) -> Price:
    """The price in a row of the file, which a statement of `now` can have. Raises `MalformedError` naming the row."""
    price = Price.from_value(dict(zip(_COLUMNS, row, strict=True)), what=what)
    if unknown := {price.asset, price.currency} - config.decimals.keys():
        raise MalformedError("prices/asset", f"{what}: {min(unknown)} has no [[assets]] table")
    if price.time > now:
        raise MalformedError("prices/time", f"{what}: {format_time(price.time)} has not come yet")
    if price.value == 0:
        raise MalformedError("prices/zero", f"{what}: the price is 0, by which nothing can be valued")
    return price


def _price_key(price: Price) -> tuple[str, ...]:
    return (price.asset, price.currency, price.basis)


def _conditions(contract: CoverContract, decimals: int) -> Conditions:
    """The conditions as the config has them, with the names and amounts of a statement."""
    what = f"cover of {contract.institution}: conditions"
    value = dict(contract.conditions)
    for name in ("deductible", "used"):
        if name in value:
            stated = str(value[name])
            value[name] = str(stated_amount(stated, decimals, code="config/cover", what=f"{what}.{name}"))
    if unknown := sorted(value.keys() - Conditions.model_fields.keys()):
        raise MalformedError("config/cover", f"{what}.{unknown[0]}: unknown field")
    return Conditions.from_value({to_camel(name): item for name, item in value.items()}, what=what)


def _contract(contract: CoverContract, config: Config, period: str, folder: Path) -> CoverDocument:
    path = folder / contract.document.replace("{period}", period)
    what = f"the limit of the cover of {contract.institution}"
    limit = stated_amount(contract.limit, config.decimals[contract.currency], code="config/cover", what=what)
    return CoverDocument(
        type="cover",
        salt=new_salt(),
        form=contract.form,
        currency=contract.currency,
        limit=limit,
        institution=contract.institution,
        document=path.name,
        sha256=sha256(read_bounded(path, MAX_DOCUMENT_BYTES)).digest(),
    )
