"""Evidence: one record per reading or document, in a tree whose root the statement carries (protocol.md, section 4)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO, Final, Self

from pydantic import Field

from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.records import AnyRecord
from attest.canonical import dumps, is_canonical, loads
from attest.chains.read import WithRecords
from attest.documents import Count, Digest
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record, record_leaf
from attest.evidence.room import MAX_RECORDS, Room
from attest.evidence.tree import MAX_PATH, EvidenceTree, join
from attest.lines import MAX_FILE_BYTES, Content, lines, opened
from attest.merkle import fold

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_RECORD: Final = b',"record":'  # in a public line: what stands before it, an index and digests, cannot have it


class PublicLine(WithRecords):
    """One line of `evidence-public.jsonl`: a record, and the audit path that ties it to the evidence root."""

    index: Count
    path: Annotated[tuple[Digest, ...], Field(max_length=MAX_PATH)]
    record: AnyRecord

    @classmethod
    def records_field(cls) -> str:
        """The field of the record."""
        return "record"

    @staticmethod
    def leaf(line: bytes) -> bytes:
        """The leaf of the record in the canonical bytes of a `line`, of which it is the last field."""
        return record_leaf(line[line.index(_RECORD) + len(_RECORD) : -1])


class AuditorLine(WithRecords):
    """Wraps a line of `evidence.jsonl` for parsing; on disk the line is the record alone."""

    record: AnyRecord

    @classmethod
    def records_field(cls) -> str:
        """The field of the record."""
        return "record"

    @classmethod
    def of_record(cls, line: bytes, value: object, what: str) -> Self:
        """The record in `line`, strict JSON that says `value`. Raises `MalformedError`."""
        return cls._validated(b'{"record":%b}' % line, {"record": value}, what)


@dataclass(slots=True)
class Evidence:
    """Records in the order of their indices, each with whether anyone may see it or the auditor alone."""

    records: list[Record] = field(default_factory=list)
    _hidden: list[bool] = field(default_factory=list)

    def add(self, record: Record, *, public: bool) -> None:
        """Put `record` behind the others."""
        self.records.append(record)
        self._hidden.append(not public)

    @property
    def private(self) -> frozenset[int]:
        """The indices of the records that stay with the auditor."""
        return frozenset(index for index, hidden in enumerate(self._hidden) if hidden)

    def published(self) -> Iterator[Record]:
        """The records that anyone may see."""
        return (record for record, hidden in zip(self.records, self._hidden, strict=True) if not hidden)


def auditor_edition(records: Iterable[Record]) -> bytes:
    """`evidence.jsonl`: every record, one per line. Raises `AttestError` when there is more than a reader takes."""
    room = Room()
    written = bytearray()
    for row, record in enumerate(records, start=1):
        room.take(f"{AUDITOR_EVIDENCE} row {row}", record)
        _write(written, record.to_bytes(), AUDITOR_EVIDENCE, row)
    return bytes(written)


def public_edition(records: Sequence[Record], tree: EvidenceTree, private: Iterable[int] = ()) -> bytes:
    """`evidence-public.jsonl`: the records that anyone may see, each with its audit path.

    `private` holds the indices of records that stay with the auditor. Raises what `auditor_edition` raises.
    """
    hidden = set(private)
    written = bytearray()
    for index, record in enumerate(records):
        if index not in hidden:
            path = [node.hex() for node in tree.path(index)]
            line = dumps({"index": index, "path": path, "record": record.to_value()})
            _write(written, line, PUBLIC_EVIDENCE, index + 1)
    return bytes(written)


def _write(written: bytearray, line: bytes, what: str, row: int) -> None:
    written += line + b"\n"
    if row > MAX_RECORDS:
        raise _too_many(what)
    if len(line) > MAX_LINE_BYTES or len(written) > MAX_FILE_BYTES:
        raise MalformedError(
            "evidence/too-large",
            f"{what} row {row}: a line is at most {MAX_LINE_BYTES:,} bytes, and the file {MAX_FILE_BYTES:,}; "
            "nobody could check this one",
            hint="a wallet of many small outputs sweeps them into fewer, or is listed as several wallets",
        )


def read_auditor_edition(
    content: Content, *, root: bytes, count: int, leaves: Sequence[bytes] | None = None
) -> dict[int, Record]:
    """All records by index. Raises `MalformedError`, or `VerificationError` when the root or count differs.

    With the `leaves` that lead to the root, the error names the record that was changed. Raises `UnavailableError`
    when they take more memory than there is room for.
    """
    records: dict[int, Record] = {}
    with opened(content) as file:
        found = _leaves(file, count, leaves or ())
        if len(found) != count:
            raise VerificationError("evidence/root", f"evidence.jsonl has {len(found)} records, {count} were bound")
        if not found or EvidenceTree.build(found).root != root:
            raise VerificationError("evidence/root", "evidence.jsonl does not lead to the evidence root")
        room = Room()
        for index, line in enumerate(lines(file, AUDITOR_EVIDENCE, max_bytes=MAX_LINE_BYTES)):
            what = f"evidence.jsonl row {index + 1}"
            if index >= count or record_leaf(line) != found[index]:
                raise VerificationError("evidence/leaf", f"{what} was changed while it was read")
            records[index] = _record(line, what)
            room.take(what, records[index])
    return records


def _leaves(file: BinaryIO, count: int, bound: Sequence[bytes]) -> list[bytes]:
    """The leaves of the records in `file`, of which there are not to be more than `count`.

    Raises `VerificationError` at the first that is not the one of its place in `bound`.
    """
    found: list[bytes] = []
    for index, line in enumerate(lines(file, AUDITOR_EVIDENCE, max_bytes=MAX_LINE_BYTES)):
        if index >= count:
            raise VerificationError(
                "evidence/root", f"evidence.jsonl row {index + 1}: {count} records were bound, and here are more"
            )
        if index >= MAX_RECORDS:
            raise _too_many(AUDITOR_EVIDENCE)
        leaf = record_leaf(line)
        if index < len(bound) and leaf != bound[index]:
            raise VerificationError(
                "evidence/leaf", f"evidence.jsonl row {index + 1}: record {index} is not the one that was bound"
            )
        found.append(leaf)
    return found


def read_public_edition(
    content: Content,
    *,
    root: bytes,
    count: int,
    name: str = PUBLIC_EVIDENCE,
    room: Room | None = None,
    known: Container[int] = (),
) -> dict[int, Record]:
    """The disclosed records in the file `name` by index, each tied to `root` by its path.

    Those that are `known` from another file take no `room`. Raises `MalformedError`, or `VerificationError` naming the
    line whose record is not in the tree, `UnavailableError` when they take more memory than there is room for.
    """
    room = room or Room()
    records: dict[int, Record] = {}
    with opened(content) as file:
        for row, data_line in enumerate(lines(file, name, max_bytes=MAX_LINE_BYTES), start=1):
            if row > MAX_RECORDS:
                raise _too_many(name)
            what = f"{name} row {row}"
            line = PublicLine.from_canonical(data_line, what=what, max_bytes=MAX_LINE_BYTES)
            if line.index in records:
                raise VerificationError("evidence/twice", f"{what}: record {line.index} stands there twice")
            if fold(PublicLine.leaf(data_line), line.index, count, line.path, join) != root:
                raise VerificationError(
                    "evidence/path",
                    f"{what}: record {line.index} ({line.record.type}) does not lead to the evidence root",
                )
            if line.index not in known:
                room.take(what, line.record)
            records[line.index] = line.record
    return records


def _too_many(what: str) -> MalformedError:
    return MalformedError("evidence/too-many", f"{what} has more than {MAX_RECORDS:,} records")


def _record(line: bytes, what: str) -> Any:
    value = loads(line, what=what, max_bytes=MAX_LINE_BYTES)
    record = AuditorLine.of_record(line, value, what).record
    if not is_canonical(line, value):
        raise MalformedError("document/not-canonical", f"{what} is not in RFC 8785 form")
    return record
