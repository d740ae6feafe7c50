"""Signed months of an invented exchange, as it publishes them: python -m tests.report.months FOLDER

What is signed is made anew from keys, salts and times that never change, so that the same months have the same bytes.
No ledger lies behind the trees, and no bank behind the documents; the evidence of the chains is such as holds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest.attestation.arithmetic import declaration_order
from attest.attestation.auditor_report import Findings, write_report
from attest.attestation.bundle import Bundle
from attest.attestation.concentration import concentration, declaration_lines
from attest.attestation.document_records import CoverDocument, DeclaredBalance, MoneyDocument
from attest.attestation.editions import auditor_edition, public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.pin_times import state_pins
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    Entity,
    EvidenceRoot,
    Exclusion,
    Liabilities,
    Predicate,
    Scope,
    Tool,
    statement_digest,
)
from attest.chains.bitcoin.records import BitcoinUtxos
from attest.control.records import CustodyConfirmation
from attest.evidence.record import Record
from attest.evidence.tree import EvidenceTree
from attest.exchange.documents.money import held_line, money_line
from attest.exchange.stages import statement as signed_statement
from attest.exchange.stated import reserve_lines
from attest.liabilities.tree import StatedTree
from attest.policy.inputs import Cover
from attest.signing.envelope import Envelope, sign
from attest.signing.keys import PublicKey
from attest.signing.trust import parse_root
from attest.signing.trust_writing import Keys, new_root, next_root, sign_draft
from attest.verification.evidence.lowest_counts import window_declarations
from tests.report.chains import chain_records, pins, shown, stated_asset
from tests.report.papers import conditions, paper_records, policies, prices
from tests.report.plan import Coin, Month, Words, months, words
from tests.web.mutated import signer

ORIGIN: Final = "exchange.example"
_VALID: Final = timedelta(days=80)  # so that a month that is left out makes none late
_ROTATED: Final = 7  # the first month after the keys of the exchange were changed
_YEAR: Final = timedelta(days=365)


class Made(NamedTuple):
    """What was written: the folder of months, the trust root to pin, and a time at which the last month is fresh."""

    publication: Path
    trust_root: Path
    at: datetime


def write_months(
    folder: Path, *, count: int = 12, assets: int = 6, sound: bool = False, is_hostile: bool = False
) -> Made:
    """Write `count` months of the calendar into `folder`; unless they are `sound`, one is left out and others are odd.

    The folder gets `publication`, `private` with the auditor's edition of the evidence, and `trust`.
    """
    publication, trust = folder / "publication", folder / "trust"
    said = words(sound=sound, is_hostile=is_hostile)
    plan = list(months(count, assets, sound=sound))
    if is_hostile:
        plan = [month._replace(held=True, reported=True) for month in plan]  # whose texts others wrote
    roots = _roots(plan)
    trust.mkdir(parents=True)
    for version, root in enumerate(roots, start=1):
        (trust / f"{version}.root.json").write_bytes(root.to_bytes())
    previous: bytes | None = None
    for sequence, month in enumerate(plan):
        records = _records(month, said)
        files = {PUBLIC_EVIDENCE: _public(month, records), **{item.name: item.data for item in policies(said)}}
        predicate = _predicate(month, said, records, sequence, previous)
        payload = signed_statement(predicate, files, policies(said)).to_bytes()
        rotated = month.number >= _ROTATED
        files[f"{month.period}.attest.json"] = _bundle(month, said, payload, roots[1:] if rotated else ())
        _write(publication / month.period, files)
        _write(folder / "private" / month.period, {AUDITOR_EVIDENCE: auditor_edition(records)})
        previous = statement_digest(payload)
    return Made(publication, trust / "1.root.json", plan[-1].issued_at + timedelta(days=3))


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _roots(plan: Sequence[Month]) -> list[Envelope]:
    """The trust roots: the first, and where there are months enough for it, one that changes a key of the exchange."""
    issued, end = plan[0].snapshot_at - _YEAR, plan[-1].snapshot_at + 2 * _YEAR
    keys: Keys = {"root": _named("ab"), "exchange": _named("xyz"), "auditor": _named("u")}
    first = new_root(ORIGIN, keys, {"root": 2, "exchange": 2}, issued_at=issued, expires_at=end)
    roots = [_signed_root(first)]
    after = [month for month in plan if month.number >= _ROTATED]
    if after:
        following = next_root(
            parse_root(roots[0]),
            add={"exchange": _named("w")},
            withdraw=["z"],
            thresholds={},
            issued_at=after[0].issued_at - timedelta(days=5),
            expires_at=end,
        )
        roots.append(_signed_root(following))
    return roots


def _named(names: str) -> dict[str, PublicKey]:
    return {name: signer(name).public for name in names}


def _signed_root(payload: bytes) -> Envelope:
    return sign_draft(sign_draft(payload, signer("a")).to_bytes(), signer("b"))


def _records(month: Month, said: Words) -> list[Record]:
    """All records in their order, each with a salt of its own."""
    records = [*chain_records(month, said), *paper_records(month, said)]
    records += concentration(records, frozenset(), {said.vault: said.tier})
    return [
        record.model_copy(update={"salt": sha256(f"{month.period} {number}".encode()).digest()[:16]})
        for number, record in enumerate(records)
    ]


def _public(month: Month, records: Sequence[Record]) -> bytes:
    """The public edition, without what is hidden: wallets with what custodians say of them, and documents."""
    wallets = {record.wallet for record in records if isinstance(record, BitcoinUtxos)} & month.hidden
    private = [
        number
        for number, record in enumerate(records)
        if getattr(record, "wallet", None) in month.hidden
        or (isinstance(record, CustodyConfirmation) and "btc-vault" in wallets)
        or (isinstance(record, MoneyDocument) and record.document.removesuffix(f"-{month.period}.pdf") in month.hidden)
    ]
    return public_edition(records, EvidenceTree.build([record.leaf for record in records]), private)


def _predicate(
    month: Month, said: Words, records: Sequence[Record], sequence: int, previous: bytes | None
) -> Predicate:
    evidence = EvidenceTree.build([record.leaf for record in records])
    declared = [*declaration_lines(records), *window_declarations(records, pins(records))]
    held = sorted((held_line(item) for item in records if isinstance(item, DeclaredBalance)), key=lambda it: it.key)
    return Predicate(
        entity=Entity(name=said.entity, origin=ORIGIN, lei="5493001KJTIIGC8Y1R12"),
        period=month.period,
        sequence=sequence,
        previous=previous,
        snapshot_at=month.snapshot_at,
        issued_at=month.issued_at,
        expires_at=month.issued_at + _VALID,
        scope=Scope(
            included=said.included,
            excluded=tuple(Exclusion(product=product, reason=reason) for product, reason in said.excluded),
        ),
        assets=tuple(map(stated_asset, month.coins)),
        chains=state_pins(pins(records), month.snapshot_at, {}),
        liabilities=Liabilities(scheme="merkle-sum-sha256/v1", trees=tuple(_tree(month, coin) for coin in month.coins)),
        reserves=reserve_lines(records, shown(records)),
        money=tuple(money_line(item) for item in records if isinstance(item, MoneyDocument)),
        **({"held": tuple(held)} if held else {}),
        cover=tuple(
            Cover(
                form="insurance",
                currency=item.currency,
                limit=item.limit,
                conditions=conditions(month, said),
                evidence_leaf=item.leaf,
            )
            for item in records
            if isinstance(item, CoverDocument)
        ),
        declarations=tuple(sorted(declared, key=declaration_order)),
        prices=prices(month, said),
        policies=(),
        evidence=EvidenceRoot(root=evidence.root, count=evidence.count),
        tool=Tool(name="attest-por", version="0.1.0"),
    )


def _tree(month: Month, coin: Coin) -> StatedTree:
    negative = coin.kind == "money"
    return StatedTree(
        asset=coin.asset,
        size=250 + 10 * month.number,
        root=sha256(f"tree of {coin.asset} in {month.period}".encode()).digest(),
        total=month.owed(coin),
        negative_accounts=2 if negative else 0,
        negative_total=12_500 if negative else 0,
    )


def _bundle(month: Month, said: Words, payload: bytes, roots: Sequence[Envelope]) -> bytes:
    reports = []
    if month.reported:
        findings = Findings(auditor=said.auditor, standard=said.standard, procedures=said.procedures)
        issued_at = month.issued_at + timedelta(days=1)
        reports = [write_report(findings, statement=statement_digest(payload), issued_at=issued_at, signer=signer("u"))]
    names = "xwu" if roots else "xyu"
    return Bundle(
        format="attest/bundle/v1",
        envelope=sign(payload, PAYLOAD_TYPE, [signer(name) for name in names]),
        timestamps=(),
        trust_roots=tuple(roots),
        auditor_reports=tuple(reports),
    ).to_bytes()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.report.months")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--months", type=int, default=12, help="of the calendar, the last of which is October 2026")
    parser.add_argument("--assets", type=int, help="at least 3; the months are then sound")
    parser.add_argument("--sound", action="store_true", help="no month is missing, and none is odd")
    parser.add_argument("--hostile", action="store_true", help="markup in every text")
    given = parser.parse_args()
    made = write_months(
        given.folder,
        count=given.months,
        assets=given.assets or 6,
        sound=given.sound or given.assets is not None,
        is_hostile=given.hostile,
    )
    print(f"--trust-root {made.trust_root} {made.publication} at {made.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")  # noqa: T201


if __name__ == "__main__":
    _main()
