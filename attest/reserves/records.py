"""The records of the evidence: every reading, block header and document (protocol.md, section 4)."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from attest.chains.challenge import Challenge, Confirmation, ContractKind, Method
from attest.chains.contract_account import Address
from attest.chains.namespaces import ChainId
from attest.chains.wallets import Level, Wallet, WalletId
from attest.documents import Amount, AssetName, Base64, Count, Digest, Document, Hex, Text, Time
from attest.errors import AttestError, VerificationError
from attest.merkle import tagged_hash
from attest.purposes import Purpose, Storage
from attest.reserves.sampling import Sample

Salt = Annotated[Hex, Field(min_length=16, max_length=16)]
NodeNames = Annotated[tuple[Text, ...], Field(max_length=64)]
DrawnNonce = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2}){16,64}$")]
MAX_WINDOW_DRAWS: Final = 32
ASKED: Final = "balanceOf"  # of a token's contract, where no slot shows a balance
MAX_WINDOW: Final = 2**20  # blocks on either side of the pin: on Ethereum five months


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

    @property
    def type_name(self) -> str:
        """The type by which the record is told from others."""
        return str(getattr(self, "type", "record"))

    @property
    def block(self) -> int | None:
        """The height of the block of a window that the record belongs to; None for the pin, and for no block."""
        height: int | None = getattr(self, "window", None)
        return height

    @property
    def at_pin(self) -> bool:
        """Whether the record belongs to no block of a window."""
        return self.block is None

    @property
    def subject(self) -> str:
        """What the record is of, in an error about it."""
        return self.type_name if self.at_pin else f"{self.type_name} at block {self.block}"

    @property
    def rests_on(self) -> str:
        """What the record says or rests on, in a few words of a table."""
        return str(getattr(self, "address", ""))


class ChainRecord(Record):
    """What the records of one block of a chain have in common: each is of the pin, or of a block of its window."""

    if TYPE_CHECKING:  # a field of every subclass, at its own place among the fields of the schema
        chain: str


class HeaderRecord(ChainRecord):
    """A block's header. Without `window` it is that of the pinned block."""

    if TYPE_CHECKING:  # as of `ChainRecord`
        window: int | None
        header: bytes


class SharedProof(ChainRecord):
    """A part of the proofs of several readings, which is disclosed with the readings that need it."""


class DroppedNode(Document):
    """A node whose answers were not taken; `reason` is the code of the error, such as `nodes/differs`."""

    name: Text
    reason: Text


class NodeAgreement(ChainRecord):
    """The nodes that gave every figure of a chain alike, at least `needed`, and those that did not."""

    type: Literal["nodes"]
    chain: ChainId
    window: Count | None = None
    needed: Annotated[Count, Field(ge=1)]
    agreed: NodeNames
    dropped: Annotated[tuple[DroppedNode, ...], Field(max_length=64)]

    @property
    def rests_on(self) -> str:
        """Which nodes agreed, and why others did not."""
        dropped = "".join(f", not {node.name} ({node.reason})" for node in self.dropped)
        return f"{len(self.agreed)} agreed, {self.needed} needed: {', '.join(self.agreed)}{dropped}"


Place = tuple[str, str | bytes]
"""A chain, and an address in its one spelling or a script there."""

Outpoint = tuple[bytes, int]
"""What names an output of a transaction: its hash as explorers show it, and its number."""


class TokenSource(NamedTuple):
    """Where a token's balance was found: in the `slot` of its `contract`, or by asking the contract."""

    contract: str
    slot: str | None = None

    def __str__(self) -> str:
        """The contract, and the slot or the name of what was asked."""
        return f"{self.contract} {ASKED if self.slot is None else self.slot}"


class Reading(Record):
    """The balance of one wallet in one asset, in base units: at the chain's pin, or at the height `window`.

    A family of chains says with its own types of readings what its balances count and rest on.
    """

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
        """Which line of the statement the reading belongs to: `ReserveLine.without_control`."""
        return (self.asset, self.chain, self.purpose, self.storage, self.level)

    def amounts(self) -> dict[Place, int]:
        """How much of the balance lies at each place, in base units; the sum is `amount`.

        Raises `MalformedError` for a place that is none.
        """
        raise NotImplementedError

    def counts(self) -> Iterable[tuple[Hashable, ...]]:
        """What the balance counts, in a spelling that two readings of one thing share: no two may count it."""
        raise NotImplementedError

    def outputs(self) -> Iterable[tuple[Outpoint, Hashable]]:
        """The outputs that add up to the balance, each with what it is at every block; none where accounts have it."""
        return ()

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """What is one at every block of a window: two readings of it there would be of one balance."""
        return (self.wallet, self.asset, self.purpose, self.storage, self.custodian)

    def agrees_with(self, other: Reading) -> bool:  # noqa: ARG002
        """Whether the reading `other` of one `identity`, at another block, was read from one place."""
        return True

    @property
    def token(self) -> str | None:
        """The contract of the token that the balance is of; None for the chain's own coin."""
        return None

    @property
    def native(self) -> bool:
        """Whether the balance is of the chain's own coin."""
        return self.token is None

    @property
    def source(self) -> TokenSource | None:
        """Where a token's balance was found; None for the chain's own coin."""
        return None

    @property
    def denied_amount(self) -> int:
        """How much of the balance cannot move, because its token denies the holder transfers."""
        return 0

    @property
    def needs_dump(self) -> bool:
        """Whether only a dump of all unspent outputs of its chain shows that the balance is there."""
        return False

    @property
    def subject(self) -> str:
        """What was read, of which wallet, and where."""
        where = "" if self.window is None else f" at block {self.window}"
        return f"{self.type_name}, {self.asset} of wallet {self.wallet}{where}"


def reading_fields(wallet: Wallet) -> dict[str, Any]:
    """The fields of a `Reading` that say which wallet it is of."""
    fields = {"chain": wallet.chain, "wallet": wallet.id, "purpose": wallet.purpose, "storage": wallet.storage}
    return fields if wallet.custodian is None else {**fields, "custodian": wallet.custodian}


class Authority(Record):
    """Whose signatures count for an address of a wallet that no single key controls, as of the pinned block."""

    if TYPE_CHECKING:  # as of `ChainRecord`
        chain: str
        wallet: str

    @property
    def place(self) -> Place:
        """The address. Raises `MalformedError` for one that is none."""
        raise NotImplementedError

    @property
    def stated(self) -> tuple[Hashable, ...]:
        """The address, and who signs for it: what a node that is asked again must say too."""
        raise NotImplementedError

    def check(self, challenge: Challenge, signature: str) -> None:
        """See that enough of them made `signature` over `challenge`. Raises `VerificationError`, `MalformedError`."""
        raise NotImplementedError


class Descriptor(Record):
    """What a wallet's places are derived from. Never public, because it reveals every future one."""

    if TYPE_CHECKING:  # as of `ChainRecord`
        wallet: str

    def check(self, reading: Reading) -> None:
        """See that all that a `reading` of the wallet counts lies at such places. Raises `VerificationError`."""
        raise NotImplementedError


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

    @property
    def rests_on(self) -> str:
        """The blocks, and what drew them."""
        return f"blocks {', '.join(map(str, self.heights))}, drawn by {self.nonce}"


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

    @property
    def subject(self) -> str:
        """The chain of the block."""
        return f"{self.type_name} of {self.chain}"


class Challenged(Record):
    """What came back for the challenge of one of a wallet's addresses."""

    wallet: WalletId
    challenge: Challenge
    signature: Annotated[str, StringConstraints(min_length=1, max_length=2**18, pattern=r"^[!-~]*$")]

    @property
    def subject(self) -> str:
        """Whose wallet's address it is."""
        return f"{self.type_name} of wallet {self.wallet}"


class ControlProof(Challenged):
    """What the keys of one of a wallet's addresses signed, and how they did."""

    type: Literal["control"]
    method: Method

    @property
    def by_authority(self) -> bool:
        """Whether the signature counts because of who the record of an `Authority` says must sign."""
        return self.method == "eip1271-safe"

    @property
    def rests_on(self) -> str:
        """The address, and how it signed."""
        return f"{self.challenge.address} signed, {self.method}"


class ContractControl(Challenged):
    """A signature that a contract took at the pinned block, as the nodes `said_by` say: the word of a contract.

    `kind` is whose word it is. Both are missing while no node has been asked that had the state of that block.
    """

    type: Literal["control-contract"]
    kind: ContractKind | None = None
    said_by: NodeNames = ()

    @property
    def rests_on(self) -> str:
        """The contract, and by whose word it took the signature."""
        said = f"says yes by the word of {', '.join(self.said_by)}" if self.said_by else "was not asked"
        return f"{self.challenge.address}, a contract, {said}: counts as none"


class CustodyConfirmation(Record):
    """What a custodian signed with the key `public_key`, an SPKI; that the key is its own is for the reader to know.

    `sig` is the signature of a DSSE envelope whose payload is the RFC 8785 form of `confirmation`.
    """

    type: Literal["custody-confirmation"]
    public_key: Annotated[Base64, Field(min_length=1, max_length=1024)]
    confirmation: Confirmation
    sig: Annotated[Base64, Field(min_length=1, max_length=1024)]

    @property
    def subject(self) -> str:
        """Whose confirmation it is."""
        return f"{self.type_name} of {self.confirmation.custodian}"

    @property
    def rests_on(self) -> str:
        """How many addresses the custodian confirmed."""
        return f"{len(self.confirmation.challenges):,} addresses, confirmed by {self.confirmation.custodian}"


class ControlSample(Record):
    """That wallets of many addresses signed for those that a sample drew."""

    type: Literal["control-sample"]
    sample: Sample

    @property
    def rests_on(self) -> str:
        """How much was drawn, by which nonce."""
        return f"{self.sample.draws:,} draws a wallet by {self.sample.nonce.hex()}"


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

    @property
    def rests_on(self) -> str:
        """The document, and whose it is."""
        return f"{self.document} of {self.institution}"


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

    @property
    def rests_on(self) -> str:
        """The document, and whose it is."""
        return f"{self.document} of {self.custodian}, counted nowhere"


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


@contextmanager
def naming(index: int, record: Record) -> Iterator[None]:
    """Name the record in an error about it: whatever is wrong with evidence, it does not hold."""
    try:
        yield
    except AttestError as error:
        message = f"record {index} ({record.subject}): {error.message}"
        raise VerificationError(error.code, message, hint=error.hint) from None
