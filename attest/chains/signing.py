"""How the keys of a chain's addresses show that they control them: what they sign, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from attest.chains.challenge import Challenge, ContractKind, Method
from attest.chains.contract_account import ContractAccount
from attest.chains.pins import Block
from attest.chains.wallets import Wallet

if TYPE_CHECKING:
    from attest.chains.nodes.quorum import Quorum
    from attest.chains.nodes.rpc import Node


class AskedAddress(NamedTuple):
    """An address of a wallet that must sign, with its number in the wallet's descriptor if it has one."""

    address: str
    number: int | None = None


class AskedItem(NamedTuple):
    """A challenge, the `name` of its files, and the wallet of its address, where that is known.

    `number` is that of the address in the wallet's descriptor; `account` is there for an address that no single
    key controls.
    """

    name: str
    challenge: Challenge
    wallet: Wallet | None = None
    number: int | None = None
    account: ContractAccount | None = None


class Signing(Protocol):
    """What a family does for control: it asks for signatures, takes the forms that wallets write, and checks them.

    `account` says who signs for an address that no single key controls; it is None for all others.
    """

    def addresses(
        self,
        quorum: Quorum,
        block: Block,
        wallet: Wallet,
        places: Sequence[str | bytes],
        funded: frozenset[bytes] | None,
    ) -> list[AskedAddress]:
        """The addresses of a wallet that must sign; `places` are those of the wallet.

        Of a descriptor they are those of the scripts `funded`, or where that is None, of those that hold coins at
        `block` as the nodes of `quorum` agree. Raises `AttestError`.
        """

    def accounts(self, quorum: Quorum, block: Block, places: Sequence[str | bytes]) -> Mapping[str, ContractAccount]:
        """Those of `places` that no single key controls at `block`, and who signs for them. Raises `AttestError`."""

    def files(self, item: AskedItem) -> dict[str, bytes]:
        """What goes to the signers beside the text of the challenge, by file name. Raises `MalformedError`."""

    def device_advice(self, items: Sequence[AskedItem]) -> Iterator[str]:
        """Sentences about what keeps devices from signing some of `items`, and what helps."""

    def is_address(self, challenge: Challenge, named: str) -> bool:
        """Whether `named`, in a file that a wallet wrote, is the challenge's address in whatever spelling."""

    def published(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> str:
        """The one form of `signature` that is published, whatever form a wallet gave it; it is not checked here.

        `signature` is without white space. What is no form of a signature comes back as it is. Raises `MalformedError`.
        """

    def combine(self, item: AskedItem, parts: Mapping[str, str], asked: str | None) -> str:
        """The signature that the published `parts`, by the name of their files, are together.

        `asked` is the file of the challenge that signers were given to complete, in its published form, if it is there.
        Raises `MalformedError` for parts that do not belong together, `VerificationError`.
        """

    def check(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> Method | None:
        """How the keys of the challenge's address made `signature`; None when only a contract can say.

        Raises `VerificationError` when they did not make it, `MalformedError` for what is no signature.
        """

    def ask_contract(self, node: Node, block: Block, challenge: Challenge, signature: str) -> ContractKind:
        """Whose word it is that the contract at the challenge's address takes `signature` at `block`, by `node`.

        Raises `VerificationError` when the contract does not take it, `UnavailableError` when it cannot be asked.
        """
