"""The records that every family of chains has: headers, agreements, readings, windows (protocol.md, 4)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from attest.chains.challenge import Challenge
from attest.chains.namespaces import ChainId
from attest.chains.wallets import Level, Wallet, WalletId
from attest.documents import Amount, AssetName, Count, Document, Text
from attest.evidence.record import Record
from attest.purposes import Purpose, Storage

NodeNames = Annotated[tuple[Text, ...], Field(max_length=64)]
DrawnNonce = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2}){16,64}$")]
MAX_WINDOW_DRAWS: Final = 32
ASKED: Final = "balanceOf"  # of a token's contract, where no slot shows a balance
MAX_WINDOW: Final = 2**20  # blocks on either side of the pin: on Ethereum five months


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
    def nonce_bytes(self) -> bytes:
        """The nonce that drew the blocks."""
        return bytes.fromhex(self.nonce)

    @property
    def rests_on(self) -> str:
        """The blocks, and what drew them."""
        return f"blocks {', '.join(map(str, self.heights))}, drawn by {self.nonce}"


ContractPlace = tuple[str, str]
"""A chain, and the address of a token contract there, in lower case."""


def contract_place(chain: str, contract: str) -> ContractPlace:
    """A token contract in the spelling by which two are compared."""
    return chain, contract.lower()


def places_of(reading: Reading) -> set[Place]:
    """Where a balance lies; nowhere when a Bitcoin wallet has no output. Raises `MalformedError` for no address."""
    return set(reading.amounts())
