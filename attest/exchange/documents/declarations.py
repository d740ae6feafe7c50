"""The forms that management signs of what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from attest.amounts import parse_decimal
from attest.attestation.arithmetic import declaration_order
from attest.attestation.concentration import declaration_line, declared_name
from attest.attestation.document_records import DeclarationRecord
from attest.errors import MalformedError
from attest.evidence.record import new_salt
from attest.exchange.documents.money import MAX_DOCUMENT_BYTES
from attest.files import read_bounded
from attest.policy.inputs import identity

if TYPE_CHECKING:
    from attest.exchange.config import Config
    from attest.exchange.settings import DeclarationForm


def signed_forms(config: Config, period: str, folder: Path) -> list[DeclarationRecord]:
    """A record for each form that the config in `folder` names, in its order. Raises `AttestError`."""
    records = [_signed_form(form, folder, period, config.decimals) for form in config.declarations]
    seen: set[object] = set()
    for line in map(declaration_line, records):
        keys = {declaration_order(line), identity(line)}
        if keys & seen:
            raise MalformedError(
                "config/declaration",
                f"declaration {declared_name(line)} stands there twice",
                hint="say in one table what is true of the same coins, year, accounts or measure",
            )
        seen |= keys
    return records


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
