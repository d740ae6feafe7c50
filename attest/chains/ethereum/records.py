"""The records of an EVM chain: headers, trie nodes, balances by proof, what tokens answer, and Safes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from attest.chains.challenge import Challenge
from attest.chains.contract_account import Address, Owners
from attest.chains.ethereum.proof import Layout, checksum_address
from attest.chains.namespaces import ChainId
from attest.chains.records import Authority, HeaderRecord, Place, Reading, SharedProof, TokenSource
from attest.chains.wallets import WalletId
from attest.documents import Count, Digest, Hex, Text

Nodes = Annotated[tuple[Hex, ...], Field(max_length=140)]
MAX_SAFE_NODES: Final = 4096  # a slot for each owner, and the nodes on the way to them
_SHORT_SLOT: Final = 2**32


def _only_true(value: object) -> object:
    """`value`, which is true: 1 is equal to it and is not it."""
    if value is not True:
        raise ValueError("must be true")
    return value


OnlyTrue = Annotated[bool, BeforeValidator(_only_true), WithJsonSchema({"type": "boolean", "const": True})]


class EthereumHeader(HeaderRecord):
    """The RLP of a header; its Keccak-256 is the block hash. Without `window` it is that of the pinned block."""

    type: Literal["ethereum-header"]
    chain: ChainId
    window: Count | None = None
    header: Hex


class TrieNodes(SharedProof):
    """Nodes of a chain's state and storage tries that more than one reading's proof needs."""

    type: Literal["ethereum-trie-nodes"]
    chain: ChainId
    nodes: Annotated[tuple[Hex, ...], Field(min_length=1, fail_fast=True)]

    @property
    def rests_on(self) -> str:
        """How many nodes it has."""
        return f"{len(self.nodes):,} trie nodes"


class AddressReading(Reading):
    """A reading at one address."""

    if TYPE_CHECKING:  # a field of every subclass, at its own place among the fields of the schema
        address: str

    def amounts(self) -> dict[Place, int]:
        """The balance at the address in its EIP-55 spelling. Raises `MalformedError` for no address."""
        return {(self.chain, checksum_address(self.address)): self.amount}

    def counts(self) -> Iterator[tuple[Hashable, ...]]:
        """The balance of the address, in the token if it is one."""
        if self.token is None:
            yield (self.chain, self.address.lower())
        else:
            yield (self.chain, self.address.lower(), self.token.lower())

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """The wallet, the asset, the address, and the token if it is one."""
        place = (self.address.lower(),) if self.token is None else (self.address.lower(), self.token.lower())
        return (*super().identity, *place)

    @property
    def rests_on(self) -> str:
        """The address, and where the token has the balance."""
        if self.source is None:
            return self.address
        return f"{self.address} in the token {self.source}" + (", denied transfers by it" if self.denied_amount else "")


class EthereumReading(AddressReading):
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

    @property
    def token(self) -> str:
        """The token's contract."""
        return self.contract

    @property
    def denied_amount(self) -> int:
        """All of the balance where the token denies its holder transfers, else 0."""
        return self.amount if self.denied else 0

    @property
    def source(self) -> TokenSource:
        """The contract, and the slot that holds the mapping of balances."""
        slot = int.from_bytes(self.slot)
        where = f"slot {slot if slot < _SHORT_SLOT else hex(slot)}"
        return TokenSource(self.contract, where if self.layout == "solidity" else f"{where} ({self.layout})")

    def agrees_with(self, other: Reading) -> bool:
        """Whether the balance was proven in the same slot; one that only nodes tell is in none."""
        return not isinstance(other, EthereumTokenBalance) or (self.slot, self.layout) == (other.slot, other.layout)


class EthereumTokenAnswer(AddressReading):
    """What the nodes answered to `balanceOf`, of a token that keeps no balance in a storage slot."""

    type: Literal["ethereum-token-answer"]
    level: Literal["agreed", "single"]
    address: Address
    contract: Address

    @property
    def token(self) -> str:
        """The token's contract."""
        return self.contract

    @property
    def source(self) -> TokenSource:
        """The contract, which was asked."""
        return TokenSource(self.contract)


class EthereumSafe(Authority):
    """The owners of the Safe at an address of a wallet, of whom `threshold` must sign; `proof` as of a reading."""

    type: Literal["ethereum-safe"]
    chain: ChainId
    wallet: WalletId
    address: Address
    owners: Owners
    threshold: Annotated[Count, Field(ge=1)]
    version: Text
    proof: Annotated[tuple[Hex, ...], Field(max_length=MAX_SAFE_NODES)]

    @property
    def place(self) -> Place:
        """The Safe's address. Raises `MalformedError` for one that is none."""
        return self.chain, checksum_address(self.address)

    @property
    def stated(self) -> tuple[Hashable, ...]:
        """The address, the owners, and how many must sign."""
        return self.address, self.owners, self.threshold

    def check(self, challenge: Challenge, signature: str) -> None:
        """See that so many owners made `signature` over `challenge`. Raises `VerificationError`, `MalformedError`."""
        from attest.chains.ethereum.safe.challenge import check_safe

        check_safe(challenge, signature, self.owners, self.threshold)

    @property
    def subject(self) -> str:
        """The Safe, and whose it is."""
        return f"{self.type_name}, {self.address} of wallet {self.wallet}"

    @property
    def rests_on(self) -> str:
        """Who owns the Safe."""
        owners = f"{self.threshold} of {len(self.owners)} owners {', '.join(self.owners)}"
        return f"{self.address}, a Safe {self.version}: {owners}"
