"""How the keys of a Bitcoin script show that they control it: messages by BIP-322 and BIP-137, and PSBTs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attest.chains.challenge import Challenge, ContractKind, Method
from attest.chains.contract_account import ContractAccount
from attest.chains.pins import Block
from attest.chains.signature_forms import bitcoin_form, nested_form
from attest.chains.signing import AskedAddress, AskedItem
from attest.chains.wallets import Wallet
from attest.errors import AttestError, UnavailableError

if TYPE_CHECKING:
    from attest.chains.nodes.quorum import Quorum
    from attest.chains.nodes.rpc import Node

_COLDCARD: Final = 330  # of the message in a PSBT (shared/psbt.py of its firmware); of a text it signs 240


class BitcoinSigning:
    """Every script signs by itself, so that no address has an account of signers."""

    def addresses(
        self,
        quorum: Quorum,
        block: Block,
        wallet: Wallet,
        places: Sequence[str | bytes],
        funded: frozenset[bytes] | None,
    ) -> list[AskedAddress]:
        """The wallet's address, or those of its descriptor whose scripts are `funded`; see `Signing.addresses`."""
        from attest.chains.bitcoin.scripts import address_of
        from attest.chains.bitcoin.unspent import difference, unspent_at

        if wallet.address is not None:
            return [AskedAddress(wallet.address)]
        indexes: dict[bytes, int] = {}
        for index, script in enumerate(places, start=wallet.range[0] if wallet.range else 0):
            if isinstance(script, bytes):
                indexes.setdefault(script, index)
        if funded is None:
            unspent = quorum.ask(
                lambda node: unspent_at(node, block.pin, sorted(indexes), tell=quorum.tell), difference
            )
            funded = frozenset(utxo.script for utxo in unspent)
        return [
            AskedAddress(address_of(wallet.chain, script), indexes[script])
            for script in sorted(funded, key=indexes.__getitem__)
        ]

    def accounts(self, quorum: Quorum, block: Block, places: Sequence[str | bytes]) -> dict[str, ContractAccount]:  # noqa: ARG002
        """None."""
        return {}

    def files(self, item: AskedItem) -> dict[str, bytes]:
        """A PSBT that signs the text, for wallets that show no text. Raises `MalformedError`."""
        from attest.chains.bitcoin.messages.psbt import psbt_to_sign

        psbt = psbt_to_sign(
            item.challenge.chain,
            item.challenge.address,
            item.challenge.text,
            descriptor=None if item.wallet is None else item.wallet.descriptor,
            index=None if item.wallet is None or item.wallet.range is None else item.number,
        )
        return {f"{item.name}.psbt": psbt.encode()}

    def device_advice(self, items: Sequence[AskedItem]) -> Iterator[str]:
        """What a Coldcard or Ledger does not sign."""
        if plain := [item for item in items if item.wallet is None or item.wallet.descriptor is None]:
            yield (
                f"{len(plain)} PSBTs name no key, such as {plain[0].name}.psbt: they are for wallets that know the "
                "address as theirs. A device such as a Coldcard or Ledger is to be told where its key comes from: "
                'write descriptor = "wpkh([FINGERPRINT/84h/0h/0h/0/5]PUBLIC KEY)" into the wallet\'s table instead of '
                "the address; getaddressinfo of Bitcoin Core shows it as desc"
            )
        if long := [item for item in items if len(item.challenge.text) > _COLDCARD]:
            yield (
                f"{len(long)} texts, such as {long[0].name}.txt, have more than the {_COLDCARD} characters that a "
                "Coldcard signs; a nonce of 16 bytes keeps them shorter"
            )

    def is_address(self, challenge: Challenge, named: str) -> bool:
        """Whether both have one script."""
        from attest.chains.bitcoin.scripts import address_script

        try:
            return address_script(challenge.chain, named) == address_script(challenge.chain, challenge.address)
        except AttestError:
            return False

    def published(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> str:  # noqa: ARG002
        """Base64 with the prefix of BIP-322 where it says which kind it is; a PSBT stays one."""
        from attest.chains.bitcoin.messages.message import message_bytes
        from attest.chains.bitcoin.scripts import address_script

        form = bitcoin_form(signature)
        script = address_script(challenge.chain, challenge.address)
        return nested_form(script, message_bytes(challenge.text), form)

    def combine(self, item: AskedItem, parts: Mapping[str, str], asked: str | None) -> str:
        """The signature of PSBTs, each of which some of the signers signed."""
        from attest.chains.bitcoin.messages.psbt import psbt_to_sign, signature_of_psbts

        challenge = item.challenge
        given = asked or psbt_to_sign(challenge.chain, challenge.address, challenge.text)
        return signature_of_psbts(list(parts.values()), given)

    def check(self, challenge: Challenge, signature: str, account: ContractAccount | None) -> Method | None:  # noqa: ARG002
        """How the keys of the challenge's address made `signature`, base64 with or without the prefix of BIP-322."""
        from attest.chains.bitcoin.messages.message import verify_message

        return verify_message(challenge.chain, challenge.address, challenge.text, signature).kind

    def ask_contract(self, node: Node, block: Block, challenge: Challenge, signature: str) -> ContractKind:  # noqa: ARG002
        """There is none to ask."""
        raise UnavailableError("control/contract", f"{challenge.chain} has no contracts")
