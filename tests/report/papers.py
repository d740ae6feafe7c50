"""The documents of an invented exchange, of which evidence has the digests: money, cover, prices, declarations."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.documents import format_time
from attest.evidence.record import Record
from attest.exchange.policies import PolicyFile
from attest.policy.inputs import Conditions, Price
from attest.policy.rulesets import parse_policy, ruleset_source
from attest.verification.policies import policy_file_name
from tests.report.plan import Month, Words

_SALT: Final = bytes(16)
_RULESETS: Final = ("jp-psa-in-force", "jp-reserve-draft")
_RESERVE: Final = 850_000_000
_VOLUMES: Final = (12_400_000_000_000, 10_750_000_000_000, 9_200_000_000_000)
_OWN: Final = """\
id = "own-rule"
version = "1"
title = {title}
jurisdiction = "JP"
currency = "JPY"
currency_decimals = 0
authority_status = "tool_example"
as_of = "2021-11-01"
note = {note}
spot_max_age = "24 hours"
mean_max_age = "35 days"
accounts_max_age = "18 months"

[[rules]]
id = "coverage"
kind = "coverage"
citation = {citation}
note = {note}
min_ratio = "1001/1000"
"""


def paper_records(month: Month, words: Words) -> list[Record]:
    """All records of the month that are of documents, each with the salt of zeros."""
    return [*_money(month, words), *_held(month, words), _cover(month, words), _prices(month), *_forms(month, words)]


def conditions(month: Month, words: Words) -> Conditions:
    """What the contract of insurance says."""
    return Conditions(
        deductible=100_000_000,
        used=0,
        since=month.year_end(0),
        until=month.year_end(-1),
        insurer_authorised=True,
        insurer_independent=True,
        initial_term_months=12,
        cancellation_notice_days=90,
        covers=("external-theft", "insider-theft", words.covers),
        customers_benefit=True,
    )


def prices(month: Month, words: Words) -> tuple[Price, ...]:
    """What each coin costs in yen at the snapshot."""
    return tuple(
        Price(
            asset=coin.asset,
            currency="JPY",
            price=month.price(coin),
            basis="spot",
            source=words.source,
            time=month.snapshot_at,
        )
        for coin in month.coins
        if coin.kind != "money"
    )


def policies(words: Words) -> list[PolicyFile]:
    """Two rule sets of the release, and one of the exchange's own."""
    own = _OWN.format(**{name: _toml(getattr(words, name)) for name in ("title", "note", "citation")})
    files = {name: ruleset_source(name) for name in _RULESETS} | {"own-rule": own.encode()}
    return [PolicyFile(policy_file_name(name), data, parse_policy(data, name)) for name, data in sorted(files.items())]


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _money(month: Month, words: Words) -> Iterator[MoneyDocument]:
    (yen,) = (coin for coin in month.coins if coin.kind == "money")
    for purpose, amount, document in (
        ("customer", month.held_of(yen), "trust"),
        ("compensation", _RESERVE, "reserve-deposit"),
    ):
        fields: dict[str, Any] = {"purpose": purpose, **_document(document, month)}
        yield MoneyDocument(type="money", salt=_SALT, currency="JPY", amount=amount, institution=words.bank, **fields)


def _held(month: Month, words: Words) -> Iterator[DeclaredBalance]:
    if month.held:
        yield DeclaredBalance(
            type="declared-balance",
            salt=_SALT,
            asset="BTC",
            chain=None,
            purpose="customer",
            custodian=words.keeper,
            amount=1_250_000_000,
            **_document("keeper", month),
        )


def _cover(month: Month, words: Words) -> CoverDocument:
    return CoverDocument(
        type="cover",
        salt=_SALT,
        form="insurance",
        currency="JPY",
        limit=1_500_000_000,
        institution=words.insurer,
        **_document("insurance", month),
    )


def _prices(month: Month) -> PriceList:
    count = sum(coin.kind != "money" for coin in month.coins)
    return PriceList(type="prices", salt=_SALT, count=count, **_document("prices", month))


def _forms(month: Month, words: Words) -> Iterator[DeclarationRecord]:
    """What management declares, among it, where coins are pledged, how many."""
    last = month.year_end(0)
    audit = last.replace(month=2, day=28)
    forms: list[tuple[str, str, dict[str, Any]]] = [
        ("encumbrance", "customer", {"unit": "BTC", "amount": 125_000_000} if month.pledged else {}),
        ("borrowing", "customer", {}),
        ("financial", "net-assets", {"unit": "JPY", "amount": 1_250_000_000, "until": last}),
        ("activity", "segregation-audit", {"since": audit}),
    ]
    forms += [
        (
            "volume",
            "crypto-spot",
            {"unit": "JPY", "amount": amount, "since": month.year_end(before + 1), "until": month.year_end(before)},
        )
        for before, amount in enumerate(_VOLUMES)
    ]
    kept = "independent-security-report penetration-test quorum-keys withdrawal-whitelist-and-delay".split()
    forms += [("posture", name, {"until": month.year_end(-2)}) for name in (*kept, words.posture)]
    for kind, name, fields in forms:
        yield DeclarationRecord(
            type="declaration",
            salt=_SALT,
            kind=kind,
            name=name,
            **fields,
            signatory=words.signatory,
            **_document("declaration", month),
        )


def _document(name: str, month: Month) -> dict[str, Any]:
    """The name and digest of a document of the month."""
    said = f"{name} of {format_time(month.snapshot_at)}"
    return {"document": f"{name}-{month.period}.pdf", "sha256": sha256(said.encode()).digest()}
