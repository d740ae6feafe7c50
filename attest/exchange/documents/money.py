"""The documents that certify what no chain shows: money at banks and trustees, coins that a custodian holds."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.amounts import parse_decimal
from attest.attestation.document_records import DeclaredBalance, MoneyDocument
from attest.errors import MalformedError
from attest.evidence.record import new_salt
from attest.files import read_bounded
from attest.reserves.lines import HeldLine, MoneyLine

if TYPE_CHECKING:
    from attest.exchange.config import Config
    from attest.exchange.settings import Money

MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024


def bank_documents(config: Config, period: str, folder: Path) -> list[MoneyDocument]:
    """A record for each document that the config in `folder` names, in its order. Raises `AttestError`."""
    documents: list[MoneyDocument] = []
    for money in config.money:
        document = _money_document(money, folder, period, config.decimals[money.currency])
        if any(other.counts == document.counts for other in documents):
            raise MalformedError("config/money", f"the document {document.document} stands behind two [[money]] tables")
        documents.append(document)
    return documents


def custodians_documents(
    config: Config, period: str, folder: Path, money: Iterable[MoneyDocument]
) -> list[DeclaredBalance]:
    """A record for each `[[held]]` table of the config in `folder`, in its order, none of which is `money` too.

    Raises `AttestError`.
    """
    documents: list[DeclaredBalance] = []
    counted = {document.counts for document in money}
    lines: set[tuple[str, ...]] = set()
    for held in config.held:
        path = folder / held.document.replace("{period}", period)
        what = f"{held.asset} held by {held.custodian}"
        document = DeclaredBalance(
            type="declared-balance",
            salt=new_salt(),
            asset=held.asset,
            chain=held.chain,
            purpose=held.purpose,
            custodian=held.custodian,
            amount=stated_amount(held.amount, config.decimals[held.asset], code="config/held", what=what),
            document=path.name,
            sha256=sha256(read_bounded(path, MAX_DOCUMENT_BYTES)).digest(),
        )
        if document.counts in counted:
            raise MalformedError(
                "config/held", f"the document {path.name} stands behind two tables of [[held]] or [[money]]"
            )
        if held_line(document).key in lines:
            raise MalformedError(
                "config/held",
                f"{what} stands there twice for {held.purpose} coins",
                hint="add them up in one table, with one document",
            )
        counted.add(document.counts)
        lines.add(held_line(document).key)
        documents.append(document)
    return documents


def held_line(document: DeclaredBalance) -> HeldLine:
    """The line of the statement that a custodian's document stands behind."""
    return HeldLine(
        asset=document.asset,
        chain=document.chain,
        purpose=document.purpose,
        custodian=document.custodian,
        amount=document.amount,
        evidence_leaf=document.leaf,
    )


def money_line(document: MoneyDocument) -> MoneyLine:
    """The line of the statement that a document stands behind."""
    return MoneyLine(
        currency=document.currency, purpose=document.purpose, amount=document.amount, evidence_leaf=document.leaf
    )


def stated_amount(text: str, decimals: int, *, code: str, what: str) -> int:
    """An amount of the config in base units. Raises `MalformedError` with `code`, naming `what` it is."""
    try:
        amount = parse_decimal(text, decimals)
    except MalformedError as error:
        raise MalformedError(code, f"{what}: {error.message}") from None
    if amount < 0:
        raise MalformedError(code, f"{what} is negative")
    return amount


def _money_document(money: Money, folder: Path, period: str, decimals: int) -> MoneyDocument:
    path = folder / money.document.replace("{period}", period)
    data = read_bounded(path, MAX_DOCUMENT_BYTES)
    amount = stated_amount(money.amount, decimals, code="config/money", what=f"money at {money.institution}")
    return MoneyDocument(
        type="money",
        salt=new_salt(),
        currency=money.currency,
        purpose=money.purpose,
        amount=amount,
        institution=money.institution,
        document=path.name,
        sha256=sha256(data).digest(),
    )
