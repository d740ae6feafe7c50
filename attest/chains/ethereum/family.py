"""Ethereum and the other EVM chains, as a family of chains."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.chains.ethereum.proof import Token, checksum_address, decode_header
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.chains.ethereum.signing import EthereumSigning, no_bitcoin
from attest.chains.family import BlockFacts, BlockReader, Dump, Family, HeaderFacts, Places, Reader, Shared
from attest.chains.pins import PinRule
from attest.chains.records import HeaderRecord, Reading, SharedProof
from attest.chains.settings import ChainSettings
from attest.chains.wallets import Pin, Wallet
from attest.errors import MalformedError
from attest.evidence.record import Record

if TYPE_CHECKING:
    from attest.chains.nodes.rpc import Node

_ID: Final = re.compile(r"eip155:[1-9][0-9]{0,31}", re.ASCII)
_DECIMALS: Final = 18


class EthereumFamily:
    """Chains whose coins are balances of accounts in a state trie; see `attest.chains.family.Family`."""

    namespace = "eip155"
    record_types: tuple[type[Record], ...] = (
        EthereumHeader,
        TrieNodes,
        EthereumBalance,
        EthereumTokenBalance,
        EthereumTokenAnswer,
        EthereumSafe,
    )
    signing = EthereumSigning()
    default_rule: PinRule = "finalized"
    scans = False
    takes_descriptors = False
    times_ascend = True

    def is_chain(self, chain: str) -> bool:
        """Whether the reference is a number (EIP-155)."""
        return _ID.fullmatch(chain) is not None

    def check_settings(self, settings: ChainSettings) -> None:
        """Raises `ValueError` for a folder of dumps."""
        if settings.utxo_set is not None:
            raise ValueError(
                f"chain {settings.id}: a utxo_set is for Bitcoin, and takes a second node that confirms it"
            )

    def decimals(self, chain: str) -> int:  # noqa: ARG002
        """Those of a coin in wei."""
        return _DECIMALS

    def places(self, wallet: Wallet) -> tuple[str, ...]:
        """The address in its EIP-55 spelling. Raises `MalformedError` naming the wallet."""
        try:
            return (checksum_address(wallet.address or ""),)
        except MalformedError as error:
            raise error.within(f"wallet {wallet.id}") from None

    def place(self, chain: str, address: str) -> str:  # noqa: ARG002
        """The EIP-55 spelling of an address. Raises `MalformedError`."""
        return checksum_address(address)

    def place_name(self, place: str | bytes, asset: str) -> str:
        """The asset at the address: others may lie at it in another wallet."""
        return f"{asset} at the address {place if isinstance(place, str) else place.hex()}"

    def token_contract(self, contract: str) -> str:
        """The EIP-55 spelling of a contract's address. Raises `MalformedError`."""
        return checksum_address(contract)

    def advice(self, wallets: Sequence[Wallet], register: Places) -> Iterator[str]:  # noqa: ARG002
        """None: an address stands for itself."""
        return iter(())

    def block_reader(self, chain: str) -> BlockReader:
        """A reader of no addresses."""
        from attest.chains.ethereum.reader import EthereumReader

        return EthereumReader(chain, "", {}, {}, {})

    def reader(
        self,
        settings: ChainSettings,
        register: Places,
        decimals: Mapping[str, int],
        folder: Path,  # noqa: ARG002
    ) -> Reader:
        """A reader of the coin and of the tokens that the config names. Raises `MalformedError` for no contract."""
        from attest.chains.ethereum.reader import EthereumReader
        from attest.chains.ethereum.tokens import TokenContract

        tokens = {}
        for item in settings.tokens:
            contract = checksum_address(item.contract)
            place = None if item.slot is None else Token(contract, item.slot, item.balance_layout)
            tokens[item.asset] = TokenContract(contract, place)
        addresses = {
            wallet: place for wallet, places in register.places.items() for place in places if isinstance(place, str)
        }
        return EthereumReader(settings.id, settings.native, tokens, decimals, addresses, settings.tokens_since)

    def header(self, chain: str, encoded: bytes) -> HeaderFacts:  # noqa: ARG002
        """What the RLP of a header says. Raises `VerificationError`."""
        header = decode_header(encoded)
        return HeaderFacts(header.block_hash, header.time, header.number)

    def has_work(self, chain: str, block_hash: bytes) -> bool:  # noqa: ARG002
        """True, because no hash shows any."""
        return True

    def facts(self, pin: Pin, pinned: BlockFacts | None) -> BlockFacts:  # noqa: ARG002
        """The facts of one block, which has trie nodes in common with the pin."""
        from attest.chains.ethereum.recheck import EthereumFacts

        return EthereumFacts(pinned if isinstance(pinned, EthereumFacts) else None)

    def share(self, records: Sequence[Record], hidden: Collection[str]) -> Shared:
        """Trie nodes that several proofs go through, in records of their own."""
        from attest.chains.ethereum.trie_nodes import share_nodes

        return share_nodes(records, hidden)

    def needed(self, header: HeaderRecord, records: Sequence[Record], shared: Mapping[int, SharedProof]) -> set[int]:
        """The records of trie nodes that the proofs of balances and Safes go through. Raises `VerificationError`."""
        from attest.chains.ethereum.trie_nodes import Proven, needed

        proven = [record for record in records if isinstance(record, Proven)]
        if not proven:
            return set()
        nodes = {index: record for index, record in shared.items() if isinstance(record, TrieNodes)}
        return needed(proven, decode_header(header.header).state_root, nodes)

    def read_dump(
        self,
        chain: str,
        path: Path,  # noqa: ARG002
        readings: Iterable[Reading],  # noqa: ARG002
        progress: Callable[[int], None],  # noqa: ARG002
    ) -> Dump:
        """None: an EVM chain has no unspent outputs."""
        raise no_bitcoin(chain)

    def reread(self, node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
        """Every balance, asked of `node` anew."""
        from attest.chains.ethereum.reread import reread_amounts

        return reread_amounts(node, pin, readings, progress)


FAMILY: Final[Family] = EthereumFamily()
