"""Evidence: one record per reading or document, in a tree whose root the statement carries (protocol.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final

from blockcerts_merkletools import MerkleTools
from pydantic import Field

from attest.canonical import dumps, loads
from attest.documents import Count, Digest, Document
from attest.errors import MalformedError, VerificationError
from attest.merkle import fold
from attest.reserves.records import AnyRecord, Record, record_leaf

AUDITOR_EVIDENCE: Final = "evidence.jsonl"
PUBLIC_EVIDENCE: Final = "evidence-public.jsonl"
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
MAX_PATH: Final = 64


class PublicLine(Document):
    """One line of `evidence-public.jsonl`: a record, and the audit path that ties it to the evidence root."""

    index: Count
    path: Annotated[tuple[Digest, ...], Field(max_length=MAX_PATH)]
    record: AnyRecord


class AuditorLine(Document):
    """Wraps a line of `evidence.jsonl` for parsing; on disk the line is the record alone."""

    record: AnyRecord


def join(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes of the evidence tree: plain SHA-256, as merkletools has it."""
    return sha256(left + right).digest()


@dataclass(frozen=True, slots=True)
class EvidenceTree:
    """The tree over the `leaves` of all records, built by merkletools."""

    leaves: tuple[bytes, ...]
    _tree: MerkleTools

    @classmethod
    def build(cls, leaves: Sequence[bytes]) -> EvidenceTree:
        """Build over at least one leaf."""
        tree = MerkleTools(hash_type="sha256")
        tree.add_leaf([leaf.hex() for leaf in leaves])
        tree.make_tree()
        return cls(tuple(leaves), tree)

    @property
    def root(self) -> bytes:
        """The root's digest, 32 bytes."""
        return bytes.fromhex(self._tree.get_merkle_root())

    @property
    def count(self) -> int:
        """The number of records."""
        return int(self._tree.get_leaf_count())

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings of record `index`, from the leaf up."""
        steps: list[dict[str, str]] = self._tree.get_proof(index)
        return tuple(bytes.fromhex(sibling) for step in steps for sibling in step.values())


def auditor_edition(records: Iterable[Record]) -> bytes:
    """`evidence.jsonl`: every record, one per line."""
    return b"".join(record.to_bytes() + b"\n" for record in records)


def public_edition(records: Sequence[Record], tree: EvidenceTree, private: Iterable[int] = ()) -> bytes:
    """`evidence-public.jsonl`: the records that anyone may see, each with its audit path.

    `private` holds the indices of records that stay with the auditor.
    """
    hidden = set(private)
    lines = (
        {"index": index, "path": [node.hex() for node in tree.path(index)], "record": record.to_value()}
        for index, record in enumerate(records)
        if index not in hidden
    )
    return b"".join(dumps(line) + b"\n" for line in lines)


def read_auditor_edition(
    data: bytes, *, root: bytes, count: int, leaves: Sequence[bytes] | None = None
) -> dict[int, Any]:
    """All records by index. Raises `MalformedError`, or `VerificationError` when the root or count differs.

    With the `leaves` that lead to the root, the error names the record that was changed.
    """
    lines = list(_lines(data, "evidence.jsonl"))
    found = [record_leaf(line) for line in lines]
    for index, (leaf, bound) in enumerate(zip(found, leaves or (), strict=False)):
        if leaf != bound:
            raise VerificationError(
                "evidence/leaf", f"evidence.jsonl row {index + 1}: record {index} is not the one that was bound"
            )
    if len(found) != count:
        raise VerificationError("evidence/root", f"evidence.jsonl has {len(found)} records, {count} were bound")
    if not found or EvidenceTree.build(found).root != root:
        raise VerificationError("evidence/root", "evidence.jsonl does not lead to the evidence root")
    return {index: _record(line, f"evidence.jsonl row {index + 1}") for index, line in enumerate(lines)}


def read_public_edition(data: bytes, *, root: bytes, count: int, name: str = "evidence-public.jsonl") -> dict[int, Any]:
    """The disclosed records in the file `name` by index, each tied to `root` by its path.

    Raises `MalformedError`, or `VerificationError` naming the line whose record is not in the tree.
    """
    records: dict[int, Any] = {}
    for row, data_line in enumerate(_lines(data, name), start=1):
        what = f"{name} row {row}"
        line = PublicLine.from_canonical(data_line, what=what, max_bytes=MAX_LINE_BYTES)
        if line.index in records:
            raise VerificationError("evidence/twice", f"{what}: record {line.index} stands there twice")
        if fold(line.record.leaf, line.index, count, line.path, join) != root:
            raise VerificationError(
                "evidence/path", f"{what}: record {line.index} ({line.record.type}) does not lead to the evidence root"
            )
        records[line.index] = line.record
    return records


def _record(line: bytes, what: str) -> Any:
    value = loads(line, what=what, max_bytes=MAX_LINE_BYTES)
    record = AuditorLine.from_value({"record": value}, what=what).record
    if dumps(value) != line:
        raise MalformedError("document/not-canonical", f"{what} is not in RFC 8785 form")
    return record


def _lines(data: bytes, what: str) -> Iterator[bytes]:
    if data and not data.endswith(b"\n"):
        raise MalformedError("evidence/truncated", f"{what} does not end with a line break")
    yield from data.split(b"\n")[:-1]
