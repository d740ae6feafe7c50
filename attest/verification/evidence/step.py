"""Verification steps 9 and 11: the records beside a bundle, and every figure of the statement held against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from attest.amounts import format_amount
from attest.attestation.document_records import DeclarationRecord, DeclaredBalance, MoneyDocument, PriceList
from attest.attestation.editions import read_auditor_edition, read_public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.statement import EvidenceRoot, Predicate, StatedAsset, Statement
from attest.chains.family import Dump
from attest.chains.records import Reading
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.formats import changed_on_its_way
from attest.lines import chunks, digest, opened
from attest.policy.inputs import Cover, Declaration, Price
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine
from attest.verification.evidence.declarations import recheck_declarations
from attest.verification.evidence.lines import LineKey, Shown, check_held, check_money
from attest.verification.evidence.lowest_counts import check_windows, not_recomputed
from attest.verification.evidence.recheck import Rechecked, recheck
from attest.verification.policies import recheck_documents
from attest.verification.unchecked import Unchecked, UncheckedLine

if TYPE_CHECKING:
    from attest.verification.anchors import Files


class Basis(NamedTuple):
    """What the records are checked against, and the name of the file that says it.

    `cover`, `prices` and `issued_at` are None where that file does not say them: it was made before they were known.
    """

    name: str
    assets: Sequence[StatedAsset]
    chains: Sequence[Pin]
    reserves: Sequence[ReserveLine]
    money: Sequence[MoneyLine]
    held: Sequence[HeldLine]
    declarations: Sequence[Declaration]
    evidence: EvidenceRoot
    cover: Sequence[Cover] | None = None
    prices: Sequence[Price] | None = None
    issued_at: datetime | None = None

    def agrees(self, other: Basis) -> bool:
        """Whether the other file says nothing else, as far as both speak."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in self._fields if name != "name"]
        return all(one is None or another is None or one == another for one, another in pairs)


def basis_of(stated: Predicate, name: str) -> Basis:
    """What a statement says that its records are checked against."""
    return Basis(
        name,
        stated.assets,
        stated.pins,
        stated.reserves,
        stated.money,
        stated.held,
        stated.declarations,
        stated.evidence,
        stated.cover,
        stated.prices,
        stated.issued_at,
    )


class Beside(NamedTuple):
    """The records by index that are beside a bundle, and the names of the subject files that are not."""

    records: dict[int, Record]
    missing: tuple[str, ...]


def read_beside_bundle(statement: Statement, files: Files) -> Beside:
    """The records among `files`, those of the auditor's edition where it is there; every subject has its digest.

    `files` returns a file beside the bundle, its bytes or opened, or None. Raises `AttestError`.
    """
    evidence = statement.predicate.evidence
    records: dict[int, Record] = {}
    missing = []
    for subject in statement.subject:
        content = files(subject.name)
        if content is None:
            missing.append(subject.name)
            continue
        with opened(content) as file:
            if digest(file, subject.name) != subject.digest.sha256:
                why = changed_on_its_way(chunks(file, subject.name), subject.digest.sha256)
                raise VerificationError(
                    "subject/digest",
                    f"{subject.name} is not the file that was signed for" + (f": it {why}" if why is not None else ""),
                    hint=None if why is None else "take it again from where it was published, as it is there",
                )
            if subject.name == PUBLIC_EVIDENCE:
                records = read_public_edition(file, root=evidence.root, count=evidence.count)
    if (content := files(AUDITOR_EVIDENCE)) is not None:
        records = read_auditor_edition(content, root=evidence.root, count=evidence.count)
    return Beside(records, tuple(missing))


class EvidenceStep(NamedTuple):
    """What step 11 found, in sentences; those in `open` say why it could not be run to its end.

    `hidden` says of each line that is not wholly disclosed how much of it is shown. `documents` counts the bank
    documents that are disclosed, of those that the statement's money names.
    """

    rechecked: Rechecked
    unchecked: Unchecked
    said: tuple[str, ...]
    open: tuple[str, ...]
    hidden: tuple[str, ...]
    documents: int


class _Found(NamedTuple):
    """What the disclosed records are behind: the evidence leaves of lines, whether prices have theirs, and how many.

    `forms` are declarations of management, `figures` those that were recomputed from readings.
    """

    money: frozenset[bytes]
    held: frozenset[bytes]
    cover: frozenset[bytes]
    declared: frozenset[bytes]
    prices: bool
    forms: int
    figures: int

    @property
    def leaves(self) -> frozenset[bytes]:
        """The leaves of all lines that have their record."""
        return self.money | self.held | self.cover | self.declared


def check_against_records(
    records: Mapping[int, Record], basis: Basis, dumps: Mapping[str, Dump] = MappingProxyType({})
) -> EvidenceStep:
    """Hold everything that `basis` says against `records`, by index, all of which lead to its root.

    Where every record is available, every line must equal its readings, and every document must have its record.
    `dumps` are sets of unspent outputs by chain. Raises `VerificationError` naming the record or the line.
    """
    complete = len(records) == basis.evidence.count
    known = {item.asset for item in basis.assets}
    named = [*(line.asset for line in basis.reserves), *(line.asset for line in basis.held)]
    if unknown := sorted({*named, *(line.currency for line in basis.money)} - known):
        raise VerificationError("recheck/asset", f"{basis.name} names {unknown[0]}, which is not among its assets")
    rechecked = recheck(
        records,
        decimals={item.asset: item.decimals for item in basis.assets},
        pins=basis.chains,
        reserves=basis.reserves,
        complete=complete,
        tokens={item.asset: item.contracts for item in basis.assets if item.tokens},
        dumps=dumps,
    )
    found = _documents(records, basis, rechecked)
    check_windows(basis.declarations, rechecked, complete=complete, issued_at=basis.issued_at)
    if complete:
        _require_documents(basis, found)
    return EvidenceStep(
        rechecked,
        _unchecked(basis, rechecked, found),
        (*_said(basis, rechecked, found), *_beside_readings(basis, records)),
        tuple(_open(basis, rechecked, found, missing=basis.evidence.count - len(records))),
        tuple(_hidden(basis, rechecked)),
        len(found.money),
    )


def _documents(records: Mapping[int, Record], basis: Basis, rechecked: Rechecked) -> _Found:
    """Every document compared with its line. Raises `VerificationError`."""
    every = records.values()
    money = check_money([record for record in every if isinstance(record, MoneyDocument)], basis.money)
    held = check_held([record for record in every if isinstance(record, DeclaredBalance)], basis.held)
    forms, figures = recheck_declarations(records, basis.declarations, rechecked.whole_assets(basis.reserves))
    cover = recheck_documents(records, basis.cover, basis.prices)
    declared = {record.leaf for record in every if isinstance(record, DeclarationRecord)}
    declared |= {window.leaf for window in rechecked.windows.values()}
    prices = not basis.prices or any(isinstance(record, PriceList) for record in every)
    return _Found(money, held, cover, frozenset(declared), prices, forms, figures)


def _leaves(basis: Basis) -> Iterator[tuple[str, bytes]]:
    """Every line that rests on a document, in words, with the leaf of its record."""
    for money in basis.money:
        yield f"{money.purpose} money in {money.currency}", money.evidence_leaf
    for held in basis.held:
        yield f"{held.asset} held by {held.custodian}", held.evidence_leaf
    for cover in basis.cover or ():
        yield f"cover by {cover.form} in {cover.currency}", cover.evidence_leaf
    for item in basis.declarations:
        yield f"a declaration of {item.kind} {item.name}", item.evidence_leaf


def _require_documents(basis: Basis, found: _Found) -> None:
    lines = [what for what, leaf in _leaves(basis) if leaf not in found.leaves]
    lines += [] if found.prices else ["prices"]
    if lines:
        raise VerificationError(
            "recheck/documents", f"it states {lines[0]}, and none of its records, all of which are here, is behind it"
        )


def _unchecked(basis: Basis, rechecked: Rechecked, found: _Found) -> Unchecked:
    lines = []
    for (asset, chain, purpose, storage, _), shown in rechecked.shown.items():
        if not shown.disclosed:
            lines.append(UncheckedLine(asset, chain, purpose, storage, shown.stated - shown.amount, "unavailable"))
        if shown.waiting:
            lines.append(UncheckedLine(asset, chain, purpose, storage, shown.waiting_amount, "dump"))
    lines += [
        UncheckedLine(line.currency, None, line.purpose, None, line.amount, "unavailable")
        for line in basis.money
        if line.evidence_leaf not in found.money
    ]
    return Unchecked(
        tuple(lines),
        frozenset(leaf for _, leaf in _leaves(basis) if leaf not in found.leaves),
        frozenset((item.name, str(item.unit)) for item in not_recomputed(basis.declarations, rechecked)),
        not found.prices,
    )


def _said(basis: Basis, rechecked: Rechecked, found: _Found) -> Iterator[str]:
    yield f"{rechecked.readings} of {rechecked.readings_stated} balances recomputed from their evidence"
    yield f"{len(found.money)} of {len(basis.money)} bank documents named by digest"
    if basis.declarations:
        yield (
            f"of {len(basis.declarations)} declarations, {found.forms} signed forms named by digest and "
            f"{found.figures} figures recomputed"
        )
    if stated := len(basis.cover or ()) + bool(basis.prices):
        there = len(found.cover) + (bool(basis.prices) and found.prices)
        yield f"{there} of {stated} contracts and price lists named by digest"
    if basis.held:
        yield f"{len(found.held)} of {len(basis.held)} documents of custodians named by digest, which count nowhere"


def _beside_readings(basis: Basis, records: Mapping[int, Record]) -> Iterator[str]:
    """Coins that a custodian's document and readings of its wallets may both be of."""
    read = {
        (record.custodian, record.asset)
        for record in records.values()
        if isinstance(record, Reading) and record.custodian is not None
    }
    read |= {(item.name, str(item.unit)) for item in basis.declarations if item.kind == "custodian"}
    for custodian, asset in sorted({(line.custodian, line.asset) for line in basis.held} & read):
        yield f"{asset} of {custodian} was read from chains too, and its document may be of the same coins"


def _open(basis: Basis, rechecked: Rechecked, found: _Found, *, missing: int) -> Iterator[str]:
    hidden = [*_hidden(basis, rechecked)]
    papers = sum(leaf not in found.leaves for _, leaf in _leaves(basis)) + (not found.prices)
    if missing == basis.evidence.count:
        yield f"none of the {missing} records is available here"
    elif hidden or papers:
        parts = [*hidden]
        parts += [f"nothing of {papers} of the documents and declarations"] if papers else []
        yield f"not available here: {missing} of {basis.evidence.count} records; shown is {', '.join(parts)}"
    if waiting := sorted({f"{key[0]} on {key[1]}" for key, shown in rechecked.shown.items() if shown.waiting}):
        yield f"that its outputs are unspent, only a dump of all of them shows: {', '.join(waiting)}"
    if unknown := not_recomputed(basis.declarations, rechecked):
        names = ", ".join(f"{item.unit} on {item.name}" for item in unknown)
        yield f"not recomputed, for wallets or descriptors are not available: lowest count of {names}"


def _hidden(basis: Basis, rechecked: Rechecked) -> Iterator[str]:
    decimals = {item.asset: item.decimals for item in basis.assets}
    for key, shown in rechecked.shown.items():
        if not shown.disclosed:
            yield _line_shown(key, shown, decimals[key[0]])


def _line_shown(key: LineKey, shown: Shown, decimals: int) -> str:
    amounts = f"{format_amount(shown.amount, decimals)} of {format_amount(shown.stated, decimals)}"
    return f"{amounts} {' '.join(key)} in {shown.wallets} of {shown.wallets_stated} wallets"
