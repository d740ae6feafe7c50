"""Evidence: one record per reading or document, in a tree whose root the statement carries (protocol.md, section 4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Final, Literal

from blockcerts_merkletools import MerkleTools
from pydantic import Field

from attest.canonical import dumps, loads
from attest.documents import Amount, AssetName, Count, Digest, Document, Hex, Text
from attest.errors import MalformedError, VerificationError
from attest.merkle import fold, tagged_hash
from attest.reserves.wallets import ChainId, Level, Purpose, Storage, WalletId

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
MAX_PATH: Final = 64

Salt = Annotated[Hex, Field(min_length=16, max_length=16)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Nodes = Annotated[tuple[Hex, ...], Field(max_length=70)]


def new_salt() -> bytes:
    """16 random bytes for one record."""
    return secrets.token_bytes(16)


class Record(Document):
    """One record. `salt` keeps a record that stays private from being guessed from its leaf."""

    salt: Salt

    @property
    def leaf(self) -> bytes:
        """The record's leaf in the evidence tree."""
        return tagged_hash("attest/v1/evidence", self.to_bytes())


class EthereumHeader(Record):
    """The RLP of the pinned block's header; its Keccak-256 is the block hash."""

    type: Literal["ethereum-header"]
    chain: ChainId
    header: Hex


class BitcoinHeader(Record):
    """The 80 bytes of the pinned block's header; their double SHA-256 is the block hash."""

    type: Literal["bitcoin-header"]
    chain: ChainId
    header: Annotated[Hex, Field(min_length=80, max_length=80)]


class Reading(Record):
    """The balance of one wallet in one asset at the chain's pin, in base units."""

    level: ClassVar[Level]

    chain: ChainId
    wallet: WalletId
    purpose: Purpose
    storage: Storage
    asset: AssetName
    amount: Amount

    @property
    def line(self) -> tuple[str, ...]:
        """Which line of the statement the reading belongs to: `ReserveLine.key` without the control."""
        return (self.asset, self.chain, self.purpose, self.storage, self.level)


class EthereumBalance(Reading):
    """A native balance: the state trie's nodes from the header's state root to the account (EIP-1186)."""

    level: ClassVar[Level] = "proven"

    type: Literal["ethereum-balance"]
    address: Address
    account_proof: Nodes


class EthereumTokenBalance(Reading):
    """An ERC-20 balance: the proof of the contract's account, then of the mapping entry at `slot`."""

    level: ClassVar[Level] = "proven"

    type: Literal["ethereum-token-balance"]
    address: Address
    contract: Address
    slot: Count
    account_proof: Nodes
    storage_proof: Nodes


class Utxo(Document):
    """An unspent output: `txid` as explorers show it, the scriptPubKey, the height that confirmed it."""

    txid: Digest
    vout: Count
    script: Hex
    amount: Amount
    height: Count


class BitcoinUtxos(Reading):
    """The unspent outputs of one wallet's scripts, as one node listed them at the pin."""

    level: ClassVar[Level] = "single"

    type: Literal["bitcoin-utxos"]
    utxos: tuple[Utxo, ...]


class BitcoinDescriptor(Record):
    """The descriptor behind a wallet's scripts. Never public: it reveals every future address."""

    type: Literal["bitcoin-descriptor"]
    wallet: WalletId
    descriptor: Text
    range: tuple[Count, Count] | None = None


class MoneyDocument(Record):
    """What a bank or trustee certified, with the SHA-256 of its document."""

    type: Literal["money"]
    currency: AssetName
    purpose: Literal["customer", "compensation"]
    amount: Amount
    institution: Text
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str, str]:
        """What the document counts: two records that count the same are one, whatever their salts."""
        return (self.sha256, self.currency, self.purpose)


AnyRecord = Annotated[
    EthereumHeader
    | BitcoinHeader
    | EthereumBalance
    | EthereumTokenBalance
    | BitcoinUtxos
    | BitcoinDescriptor
    | MoneyDocument,
    Field(discriminator="type"),
]


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
    """The tree over the leaves of all records, built by merkletools."""

    _tree: MerkleTools

    @classmethod
    def build(cls, leaves: Sequence[bytes]) -> EvidenceTree:
        """Build over at least one leaf."""
        tree = MerkleTools(hash_type="sha256")
        tree.add_leaf([leaf.hex() for leaf in leaves])
        tree.make_tree()
        return cls(tree)

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


def read_auditor_edition(data: bytes, *, root: bytes, count: int) -> dict[int, Any]:
    """All records by index. Raises `MalformedError`, or `VerificationError` when the root or count differs."""
    records = {
        index: AuditorLine.from_value(
            {"record": loads(line, what=f"evidence.jsonl row {index + 1}", max_bytes=MAX_LINE_BYTES)},
            what=f"evidence.jsonl row {index + 1}",
        ).record
        for index, line in enumerate(_lines(data, "evidence.jsonl"))
    }
    leaves = [tagged_hash("attest/v1/evidence", line) for line in _lines(data, "evidence.jsonl")]
    if len(leaves) != count or not leaves or EvidenceTree.build(leaves).root != root:
        raise VerificationError("evidence/root", "evidence.jsonl is not the evidence that the statement binds")
    return records


def read_public_edition(data: bytes, *, root: bytes, count: int) -> dict[int, Any]:
    """The disclosed records by index, each tied to `root` by its path.

    Raises `MalformedError`, or `VerificationError` naming the line whose record is not in the tree.
    """
    records: dict[int, Any] = {}
    for row, data_line in enumerate(_lines(data, "evidence-public.jsonl"), start=1):
        what = f"evidence-public.jsonl row {row}"
        line = PublicLine.from_canonical(data_line, what=what, max_bytes=MAX_LINE_BYTES)
        if line.index in records:
            raise VerificationError("evidence/twice", f"{what}: record {line.index} stands there twice")
        if fold(line.record.leaf, line.index, count, line.path, join) != root:
            raise VerificationError("evidence/path", f"{what}: the record does not lead to the evidence root")
        records[line.index] = line.record
    return records


def _lines(data: bytes, what: str) -> Iterator[bytes]:
    if data and not data.endswith(b"\n"):
        raise MalformedError("evidence/truncated", f"{what} does not end with a line break")
    yield from data.split(b"\n")[:-1]
