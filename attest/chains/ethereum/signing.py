"""How the keys of an EVM address show that they control it: EIP-191, EIP-712, the owners of a Safe, other contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from attest.chains.challenge import Challenge, ContractKind, Method
from attest.chains.contract_account import ContractAccount
from attest.chains.pins import Block
from attest.chains.signature_forms import evm_forms, hex_bytes
from attest.chains.signing import AskedAddress, AskedItem
from attest.chains.wallets import Wallet
from attest.errors import AttestError, MalformedError

if TYPE_CHECKING:
    from attest.chains.nodes.quorum import Quorum
    from attest.chains.nodes.rpc import Node


class EthereumSigning:
    """An account is of an address that is a contract."""

    def addresses(
        self,
        quorum: Quorum,  # noqa: ARG002
        block: Block,  # noqa: ARG002
        wallet: Wallet,  # noqa: ARG002
        places: Sequence[str | bytes],
        funded: frozenset[bytes] | None,  # noqa: ARG002
    ) -> list[AskedAddress]:
        """The wallet's address in its EIP-55 spelling."""
        return [AskedAddress(place) for place in places if isinstance(place, str)]

    def accounts(self, quorum: Quorum, block: Block, places: Sequence[str | bytes]) -> dict[str, ContractAccount]:
        """The contracts among addresses, of Safes with their owners at `block`. Raises `AttestError`."""
        from attest.chains.ethereum import contract_account
        from attest.chains.ethereum.contracts import contracts

        addresses = list(dict.fromkeys(place for place in places if isinstance(place, str)))
        found = contracts(quorum, block, addresses)
        return {address: contract_account.account_of(contract) for address, contract in found.items()}

    def files(self, item: AskedItem) -> dict[str, bytes]:
        """The document that a wallet shows instead of the text, and for a contract what its signers have to know."""
        from attest.chains.ethereum import contract_account
        from attest.chains.ethereum.messages import typed_challenge

        if item.account is not None:
            return contract_account.files(item.account, item.name, item.challenge)
        document = json.dumps(typed_challenge(item.challenge), indent=1)
        return {f"{item.name}.typed.json": document.encode() + b"\n"}

    def device_advice(self, items: Sequence[AskedItem]) -> Iterator[str]:  # noqa: ARG002
        """None: wallets sign the text or the document."""
        return iter(())

    def is_address(self, challenge: Challenge, named: str) -> bool:
        """Whether both have the same digits, with or without 0x and in capitals or not."""
        digits = named if named[:2] in {"0x", "0X"} else f"0x{named}"
        return digits.lower() == challenge.address.lower()

    def published(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> str:
        """0x and the hex of r, s and v as 27 or 28; what no key of the address made in any form is left as it is."""
        if account is not None:
            from attest.chains.ethereum import contract_account

            return contract_account.published(account, challenge, signature)
        data = hex_bytes(signature)
        forms = ["0x" + form.hex() for form in evm_forms(data or b"")]
        for form in forms:
            with suppress(AttestError):
                self.check(challenge, form, None)
                return form
        return next(iter(forms), signature if data is None else "0x" + data.hex())

    def combine(self, item: AskedItem, parts: Mapping[str, str], asked: str | None) -> str:  # noqa: ARG002
        """The signatures of owners of a Safe as the one that it takes."""
        if item.account is None:
            raise no_bitcoin(item.challenge.chain)
        from attest.chains.ethereum import contract_account

        return contract_account.combine(item.account, item.challenge, parts)

    def check(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> Method | None:
        """How `signature`, 0x and hex, was made: over the text, over the document, or by owners of a Safe."""
        from attest.chains.ethereum import contract_account
        from attest.chains.ethereum.messages import check_key

        return (
            check_key(challenge, signature)
            if account is None
            else contract_account.check(account, challenge, signature)
        )

    def ask_contract(self, node: Node, block: Block, challenge: Challenge, signature: str) -> ContractKind:
        """The word of the contract by EIP-1271, over the hash that personal_sign signs of the text."""
        from attest.chains.ethereum.contract_answers import ask_contract
        from attest.chains.ethereum.messages import eip191_digest, signature_bytes

        digest = eip191_digest(challenge.text)
        return ask_contract(node, block, challenge.address, digest, signature_bytes(signature)).kind


def no_bitcoin(chain: str) -> MalformedError:
    """The error for what only a chain of Bitcoin's kind has."""
    return MalformedError(
        "bitcoin/chain",
        f"{chain} is not a known Bitcoin or Litecoin network",
        hint="the id is bip122: and the first 32 digits of the genesis block's hash (CAIP-2)",
    )
