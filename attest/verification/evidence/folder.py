"""A folder with evidence: the records in it, and the document that binds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard

from attest.attestation.arithmetic import check_arithmetic
from attest.attestation.bundle import BUNDLE_ENDING, MAX_BUNDLE_BYTES, parse_bundle
from attest.attestation.editions import public_edition, read_auditor_edition, read_public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE, STATEMENT_FILE
from attest.attestation.reserves_file import RESERVES_FILE, read_reserves_file
from attest.attestation.statement import MAX_PAYLOAD_BYTES, parse_statement
from attest.chains.family import Dump, family
from attest.chains.pins import Block
from attest.chains.records import (
    Authority,
    ChainRecord,
    Descriptor,
    HeaderRecord,
    Reading,
    SharedProof,
    Window,
    places_of,
)
from attest.chains.wallets import Pin
from attest.control.records import ChallengeBlock, Challenged, ContractControl, ControlSample, CustodyConfirmation
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.evidence.room import Room
from attest.evidence.tree import EvidenceTree
from attest.files import is_file, names_in, read_beside, read_listed
from attest.lines import open_beside
from attest.verification.control.recheck import confirmed_by, place_of
from attest.verification.evidence.step import Basis, EvidenceStep, basis_of, check_against_records

DISCLOSED: Final = ".disclosed.jsonl"


class EvidenceFolder(NamedTuple):
    """The records that are available, by index, each of which leads to the root that `basis` names."""

    basis: Basis
    records: dict[int, Record]

    def check(self, dumps: Mapping[str, Dump]) -> EvidenceStep:
        """Hold all that `basis` says against the records. Raises `VerificationError` naming the record or the line."""
        return check_against_records(self.records, self.basis, dumps)

    def readings(self, chain: str, window: int | None = None) -> dict[int, Reading]:
        """The readings of one chain by index, at its pin or at the height `window`."""
        return {
            index: record
            for index, record in self.records.items()
            if isinstance(record, Reading) and (record.chain, record.window) == (chain, window)
        }

    def contracts(self, chain: str) -> dict[int, ContractControl]:
        """The signatures that only a contract of `chain` can speak for, by index."""
        return {
            index: record
            for index, record in self.records.items()
            if isinstance(record, ContractControl) and record.challenge.chain == chain
        }

    def block(self, pin: Pin) -> Block | None:
        """The pinned block, when its header is available."""
        header = self._header(pin.chain, None)
        if header is None or family(pin.chain).header(pin.chain, header.header).block_hash != pin.block_hash:
            return None
        return Block(pin, header.header)

    def whole(self) -> list[Record]:
        """All records in their order. Raises `UnavailableError` when some are withheld."""
        if len(self.records) != self.basis.evidence.count:
            raise UnavailableError(
                "evidence/partial",
                f"only {len(self.records)} of {self.basis.evidence.count} records are here",
                hint=f"the private folder has them all, in {AUDITOR_EVIDENCE}",
            )
        return [self.records[index] for index in range(len(self.records))]

    def disclose(self, wallet: str, *, descriptor: bool) -> bytes:
        """The lines of `evidence-public.jsonl` that show one wallet, to someone who has the statement.

        They hold what the wallet's proofs share with those of others, and its `descriptor` if so asked. Raises
        `MalformedError` when no record is of the wallet, `UnavailableError` when not all records are available.
        """
        records = self.whole()
        own = {
            index: record
            for index, record in enumerate(records)
            if isinstance(record, Reading) and record.wallet == wallet
        }
        if not own:
            raise MalformedError(
                "evidence/wallet",
                f"no balance of a wallet {wallet[:100]!r} is among the records",
                hint="attest evidence show lists them",
            )
        if descriptor and not any(isinstance(item, Descriptor) and item.wallet == wallet for item in records):
            raise MalformedError("evidence/descriptor", f"wallet {wallet} has no descriptor")
        chains = {reading.chain for reading in own.values()}
        places = {place for reading in own.values() for place in places_of(reading)}
        shown = own.keys() | {
            index
            for index, record in enumerate(records)
            if (_is_of_a_chain(record) and record.chain in chains)
            or (isinstance(record, Challenged) and record.wallet == wallet)
            or (descriptor and isinstance(record, Descriptor) and record.wallet == wallet)
            or (isinstance(record, Challenged) and place_of(record.challenge) in places)
            or (isinstance(record, Authority) and record.place in places)
            or (isinstance(record, CustodyConfirmation) and confirmed_by(record) <= places)
            or isinstance(record, ControlSample)
        }
        for chain, window in {(reading.chain, reading.window) for reading in own.values()}:
            shown |= self._shared_proofs(chain, window, [records[index] for index in sorted(shown)])
        tree = EvidenceTree.build([record.leaf for record in records])
        return public_edition(records, tree, set(range(len(records))) - shown)

    def _shared_proofs(self, chain: str, window: int | None, records: Sequence[Record]) -> set[int]:
        """Indices of the shared parts of proofs that the proofs in `records` of a chain, at one block, need."""
        header = self._header(chain, window)
        if header is None:
            return set()
        there = [
            record
            for record in records
            if isinstance(record, Reading | Authority) and (record.chain, record.block) == (chain, window)
        ]
        shared = {
            index: record
            for index, record in self.records.items()
            if isinstance(record, SharedProof) and record.chain == chain
        }
        return family(chain).needed(header, there, shared)

    def _header(self, chain: str, window: int | None) -> HeaderRecord | None:
        """The header of a chain's pinned block, or of a block of its window, when it is available."""
        return next(
            (
                record
                for record in self.records.values()
                if isinstance(record, HeaderRecord) and (record.chain, record.block) == (chain, window)
            ),
            None,
        )


def _is_of_a_chain(record: Record) -> TypeGuard[ChainRecord | ChallengeBlock | Window]:
    """Whether a record is of a chain as a whole, and no part of proofs that only some readings need."""
    return isinstance(record, ChainRecord | ChallengeBlock | Window) and not isinstance(record, SharedProof)


def open_evidence(folder: Path) -> EvidenceFolder:
    """The evidence in `folder` beside the bundle, the statement or `reserves.json` that binds it.

    All records where the auditor's edition is there, else those of the public edition and of disclosures; all that is
    there must hold. Signatures are not looked at. Raises `AttestError`; a changed record is named.
    """
    basis, leaves = _basis(folder)
    root, count = basis.evidence.root, basis.evidence.count
    records: dict[int, Record] = {}
    there = False
    room = Room()
    for name in (PUBLIC_EVIDENCE, *names_in(folder, DISCLOSED)):
        if (file := open_beside(folder, name)) is not None:
            there = True
            records |= read_public_edition(file, root=root, count=count, name=name, room=room, known=records.keys())
    if (file := open_beside(folder, AUDITOR_EVIDENCE)) is not None:
        records.clear()
        records = read_auditor_edition(file, root=root, count=count, leaves=leaves)
    elif not there:
        raise UnavailableError("evidence/missing", f"neither {AUDITOR_EVIDENCE} nor {PUBLIC_EVIDENCE} is in {folder}")
    return EvidenceFolder(basis, records)


def _basis(folder: Path) -> tuple[Basis, Sequence[bytes] | None]:
    """What binds the records, and their leaves where `reserves.json` lists them."""
    leaves: Sequence[bytes] | None = None
    first: Basis | None = None
    for name, bundle in _bundles(folder):
        first = _agreeing(first, _of_statement(name, parse_bundle(bundle, what=name).envelope.payload))
    if (data := read_beside(folder, STATEMENT_FILE, MAX_PAYLOAD_BYTES)) is not None:
        first = _agreeing(first, _of_statement(STATEMENT_FILE, data))
    if is_file(folder / RESERVES_FILE):
        own = read_reserves_file(folder)
        first = _agreeing(
            first,
            Basis(
                RESERVES_FILE,
                own.assets,
                own.pins,
                own.reserves,
                own.money,
                own.held,
                own.declarations,
                own.evidence,
            ),
        )
        leaves = own.leaves
    if first is None:
        raise UnavailableError(
            "evidence/unbound",
            f"nothing in {folder} says what the evidence must be",
            hint=f"put the bundle beside it (*.attest.json), or {STATEMENT_FILE} or {RESERVES_FILE}",
        )
    return first, leaves


def _agreeing(first: Basis | None, other: Basis) -> Basis:
    """The first of the files that bind the records. Raises `VerificationError` when another one says otherwise."""
    if first is not None and not other.agrees(first):
        raise VerificationError(
            "evidence/bound-twice",
            f"{first.name} and {other.name} do not say the same",
            hint="keep the files of each month in a folder of their own",
        )
    return first or other


def _bundles(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in names_in(folder, BUNDLE_ENDING):
        yield name, read_listed(folder, name, MAX_BUNDLE_BYTES)


def _of_statement(name: str, payload: bytes) -> Basis:
    statement = parse_statement(payload)
    check_arithmetic(statement)
    return basis_of(statement.predicate, name)
