"""The records of the evidence: every reading, block header and document (protocol.md, section 4)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from attest.documents import Amount, AssetName, Base64, Count, Digest, Document, Hex, LongText, Text, Time
from attest.errors import AttestError, VerificationError
from attest.merkle import tagged_hash
from attest.purposes import Purpose, Storage
from attest.reserves.challenge import Challenge, Confirmation, ContractKind, Method
from attest.reserves.ethereum_proof import Layout
from attest.reserves.safe import MAX_OWNERS
from attest.reserves.sampling import Sample
from attest.reserves.wallets import ChainId, Level, Wallet, WalletId

Salt = Annotated[Hex, Field(min_length=16, max_length=16)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
NodeNames = Annotated[tuple[Text, ...], Field(max_length=64)]
Nodes = Annotated[tuple[Hex, ...], Field(max_length=140)]
Owners = Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_OWNERS)]
MAX_SAFE_NODES: Final = 4096  # a slot for each owner, and the nodes on the way to them
DrawnNonce = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2}){16,64}$")]
MAX_WINDOW_DRAWS: Final = 32
MAX_WINDOW: Final = 2**20  # blocks on either side of the pin: on Ethereum five months


def _only_true(value: object) -> object:
    """`value`, which is true: 1 is equal to it and is not it."""
    if value is not True:
        raise ValueError("must be true")
    return value


OnlyTrue = Annotated[bool, BeforeValidator(_only_true), WithJsonSchema({"type": "boolean", "const": True})]


def new_salt() -> bytes:
    """16 random bytes for one record."""
    return secrets.token_bytes(16)


def record_leaf(record: bytes) -> bytes:
    """The leaf of a record's RFC 8785 bytes in the evidence tree."""
    return tagged_hash("attest/v1/evidence", record)


class Record(Document):
    """One record. `salt` keeps a record that stays private from being guessed from its leaf."""

    salt: Salt

    @property
    def leaf(self) -> bytes:
        """The record's leaf in the evidence tree."""
        return record_leaf(self.to_bytes())


class EthereumHeader(Record):
    """The RLP of a header; its Keccak-256 is the block hash. Without `window` it is that of the pinned block."""

    type: Literal["ethereum-header"]
    chain: ChainId
    window: Count | None = None
    header: Hex


class BitcoinHeader(Record):
    """80 bytes; their double SHA-256 is the block hash. Without `window` they are the header of the pinned block."""

    type: Literal["bitcoin-header"]
    chain: ChainId
    window: Count | None = None
    header: Annotated[Hex, Field(min_length=80, max_length=80)]


class DroppedNode(Document):
    """A node whose answers were not taken; `reason` is the code of the error, such as `nodes/differs`."""

    name: Text
    reason: Text


class NodeAgreement(Record):
    """The nodes that gave every figure of a chain alike, at least `needed`, and those that did not."""

    type: Literal["nodes"]
    chain: ChainId
    window: Count | None = None
    needed: Annotated[Count, Field(ge=1)]
    agreed: NodeNames
    dropped: Annotated[tuple[DroppedNode, ...], Field(max_length=64)]


class TrieNodes(Record):
    """Nodes of a chain's state and storage tries that more than one reading's proof needs."""

    type: Literal["ethereum-trie-nodes"]
    chain: ChainId
    nodes: Annotated[tuple[Hex, ...], Field(min_length=1, fail_fast=True)]


class Reading(Record):
    """The balance of one wallet in one asset, in base units: at the chain's pin, or at the height `window`."""

    chain: ChainId
    window: Count | None = None
    wallet: WalletId
    purpose: Purpose
    storage: Storage
    custodian: Text | None = None
    asset: AssetName
    level: Level
    amount: Amount

    @property
    def line(self) -> tuple[str, ...]:
        """Which line of the statement the reading belongs to: `ReserveLine.key` without the control."""
        return (self.asset, self.chain, self.purpose, self.storage, self.level)


def reading_fields(wallet: Wallet) -> dict[str, Any]:
    """The fields of a `Reading` that say which wallet it is of."""
    fields = {"chain": wallet.chain, "wallet": wallet.id, "purpose": wallet.purpose, "storage": wallet.storage}
    return fields if wallet.custodian is None else {**fields, "custodian": wallet.custodian}


class EthereumReading(Reading):
    """A reading at an address. `proof` holds the trie nodes that this reading alone needs (EIP-1186)."""

    level: Literal["proven"]
    address: Address
    proof: Nodes


class EthereumBalance(EthereumReading):
    """A native balance: trie nodes lead from the header's state root to the account."""

    type: Literal["ethereum-balance"]


class EthereumTokenBalance(EthereumReading):
    """A token balance: trie nodes lead to the contract's account and on to the holder's slot in its storage.

    The word there is the amount; with `denied` it is 2^255 more, the bit by which the token denies it to move.
    """

    type: Literal["ethereum-token-balance"]
    contract: Address
    slot: Digest
    layout: Layout
    denied: OnlyTrue = False


class EthereumTokenAnswer(Reading):
    """What the nodes answered to `balanceOf`, of a token that keeps no balance in a storage slot."""

    type: Literal["ethereum-token-answer"]
    level: Literal["agreed", "single"]
    address: Address
    contract: Address


class Utxo(Document):
    """An unspent output: `txid` as explorers show it, the scriptPubKey, the height that confirmed it."""

    txid: Digest
    vout: Count
    script: Hex
    amount: Amount
    height: Count


class EthereumSafe(Record):
    """The owners of the Safe at an address of a wallet, of whom `threshold` must sign; `proof` as of a reading."""

    type: Literal["ethereum-safe"]
    chain: ChainId
    wallet: WalletId
    address: Address
    owners: Owners
    threshold: Annotated[Count, Field(ge=1)]
    version: Text
    proof: Annotated[tuple[Hex, ...], Field(max_length=MAX_SAFE_NODES)]


class BitcoinUtxos(Reading):
    """The unspent outputs of one wallet's scripts at the pin; `proven` only beside a `bitcoin-utxo-set` record."""

    type: Literal["bitcoin-utxos"]
    level: Literal["proven", "agreed", "single"]
    utxos: Annotated[tuple[Utxo, ...], Field(fail_fast=True)]


class BitcoinUtxoSet(Record):
    """The hashes of all unspent outputs at the pin, recomputed from a node's dump; `confirmed_by` gave the same."""

    type: Literal["bitcoin-utxo-set"]
    chain: ChainId
    outputs: Count
    hash_serialized: Digest
    muhash: Digest
    confirmed_by: Annotated[NodeNames, Field(min_length=1)]


class Window(Record):
    """Further blocks of a chain at which customers' wallets were read, drawn from `nonce`, an auditor's, in hex.

    `heights` are out of those from `before` blocks before the pin to `after` blocks after it, ascending.
    """

    type: Literal["window"]
    chain: ChainId
    nonce: DrawnNonce
    before: Annotated[Count, Field(le=MAX_WINDOW)]
    after: Annotated[Count, Field(le=MAX_WINDOW)]
    heights: Annotated[tuple[Count, ...], Field(min_length=1, max_length=MAX_WINDOW_DRAWS)]


class BitcoinDescriptor(Record):
    """The descriptor behind a wallet's scripts. Never public: it reveals every future address."""

    type: Literal["bitcoin-descriptor"]
    wallet: WalletId
    descriptor: LongText
    range: tuple[Count, Count] | None = None


class OwnWallet(Record):
    """Where the exchange keeps coins of its own, none of which count: an address, or a Bitcoin wallet's scripts."""

    type: Literal["own-wallet"]
    chain: ChainId
    wallet: WalletId
    address: Address | None = None
    scripts: Annotated[tuple[Hex, ...], Field(min_length=1, fail_fast=True)] | None = None


class ChallengeBlock(Record):
    """The header of a block that challenges name; it may be `max_age` days older than the snapshot."""

    type: Literal["control-block"]
    chain: ChainId
    height: Count
    header: Hex
    max_age: Annotated[Count, Field(ge=1, le=366)]


class Challenged(Record):
    """What came back for the challenge of one of a wallet's addresses."""

    wallet: WalletId
    challenge: Challenge
    signature: Annotated[str, StringConstraints(min_length=1, max_length=2**18, pattern=r"^[!-~]*$")]


class ControlProof(Challenged):
    """What the keys of one of a wallet's addresses signed, and how they did."""

    type: Literal["control"]
    method: Method


class ContractControl(Challenged):
    """A signature that a contract took at the pinned block, as the nodes `said_by` say: the word of a contract.

    `kind` is whose word it is. Both are missing while no node has been asked that had the state of that block.
    """

    type: Literal["control-contract"]
    kind: ContractKind | None = None
    said_by: NodeNames = ()


class CustodyConfirmation(Record):
    """What a custodian signed with the key `public_key`, an SPKI; that the key is its own is for the reader to know.

    `sig` is the signature of a DSSE envelope whose payload is the RFC 8785 form of `confirmation`.
    """

    type: Literal["custody-confirmation"]
    public_key: Annotated[Base64, Field(min_length=1, max_length=1024)]
    confirmation: Confirmation
    sig: Annotated[Base64, Field(min_length=1, max_length=1024)]


class ControlSample(Record):
    """That wallets of many addresses signed for those that a sample drew."""

    type: Literal["control-sample"]
    sample: Sample


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
    def counts(self) -> tuple[bytes, str]:
        """What the document counts: two records that count the same are one, whatever their salts and purposes."""
        return (self.sha256, self.currency)


class DeclaredBalance(Record):
    """What a custodian or bank certified that it holds of a coin, with the SHA-256 of its document: no reading."""

    type: Literal["declared-balance"]
    asset: AssetName
    chain: ChainId | None
    purpose: Purpose
    custodian: Text
    amount: Amount
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str]:
        """What the document counts, by which `MoneyDocument.counts` is compared with it too."""
        return (self.sha256, self.asset)


class CoverDocument(Record):
    """A contract of insurance or guarantee, with the SHA-256 of its document; its conditions are in the statement."""

    type: Literal["cover"]
    form: Text
    currency: AssetName
    limit: Amount
    institution: Text
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str]:
        """What the contract counts, as of `MoneyDocument`: it is of one form, and no money."""
        return (self.sha256, self.currency)


class PriceList(Record):
    """Where the statement's prices, `count` of them, were taken from: a file, with its SHA-256."""

    type: Literal["prices"]
    document: Text
    sha256: Digest
    count: Count


class DeclarationRecord(Record):
    """What management declares, with the SHA-256 of the form that `signatory` signed; or what the readings add up to.

    The fields are those of the statement's declaration, which names this record's leaf.
    """

    type: Literal["declaration"]
    kind: Text
    name: Text
    unit: AssetName | None = None
    amount: Amount | None = None
    tier: Text | None = None
    since: Time | None = None
    until: Time | None = None
    signatory: Text | None = None
    document: Text | None = None
    sha256: Digest | None = None


AnyReading = Annotated[
    EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | BitcoinUtxos, Field(discriminator="type")
]
AnyRead = Annotated[
    EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | EthereumSafe | BitcoinUtxos | BitcoinUtxoSet,
    Field(discriminator="type"),
]
AnyRecord = Annotated[
    EthereumHeader
    | BitcoinHeader
    | NodeAgreement
    | TrieNodes
    | EthereumBalance
    | EthereumTokenBalance
    | EthereumTokenAnswer
    | EthereumSafe
    | BitcoinUtxos
    | BitcoinUtxoSet
    | Window
    | BitcoinDescriptor
    | OwnWallet
    | ChallengeBlock
    | ControlProof
    | ContractControl
    | CustodyConfirmation
    | ControlSample
    | MoneyDocument
    | DeclaredBalance
    | CoverDocument
    | PriceList
    | DeclarationRecord,
    Field(discriminator="type"),
]


@contextmanager
def naming(index: int, record: Record) -> Iterator[None]:
    """Name the record in an error about it: whatever is wrong with evidence, it does not hold."""
    try:
        yield
    except AttestError as error:
        message = f"record {index} ({_subject(record)}): {error.message}"
        raise VerificationError(error.code, message, hint=error.hint) from None


def _subject(record: Record) -> str:
    kind = getattr(record, "type", "record")
    where = "" if (height := getattr(record, "window", None)) is None else f" at block {height}"
    match record:
        case Reading():
            return f"{kind}, {record.asset} of wallet {record.wallet}{where}"
        case Challenged():
            return f"{kind} of wallet {record.wallet}"
        case CustodyConfirmation():
            return f"{kind} of {record.confirmation.custodian}"
        case ChallengeBlock():
            return f"{kind} of {record.chain}"
        case _:
            return f"{kind}{where}"
