"""Small states of a chain, built by the trie library, and the proofs of some wallets in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rlp
from trie import HexaryTrie
from trie.constants import BLANK_NODE_HASH

from attest.chains.ethereum.proof import DENY_BIT, Token, balance_slot, decode_header, keccak
from attest.chains.ethereum.records import EthereumBalance, EthereumHeader, EthereumTokenBalance, TrieNodes
from attest.chains.wallets import Pin
from attest.evidence.record import new_salt

CHAINS = ("eip155:1", "eip155:10")
CONTRACT = "0x" + keccak(b"token")[:20].hex()
TOKEN = Token(CONTRACT, 3)
TIME = datetime(2026, 10, 31, 15, tzinfo=UTC)
_NODE = 32  # shorter nodes stand inside their parents


def address(name: str) -> str:
    return "0x" + keccak(name.encode())[:20].hex()


def account(balance: int, storage_root: bytes) -> bytes:
    return bytes(rlp.encode([1, balance, storage_root, keccak(b"")]))


def proof(tree: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    nodes = [bytes(rlp.encode(node)) for node in tree.get_proof(key)]
    return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= _NODE)


@dataclass(frozen=True)
class World:
    """A chain's state at one block, and the readings of some wallets there with their whole proofs."""

    chain: str
    header: EthereumHeader
    readings: list[EthereumBalance | EthereumTokenBalance]

    @property
    def state_root(self) -> bytes:
        return decode_header(self.header.header).state_root

    @property
    def pin(self) -> Pin:
        header = decode_header(self.header.header)
        return Pin(chain=self.chain, height=header.number, block_hash=header.block_hash, time=header.time)


def world(
    chain: str, wallets: Sequence[str], strangers: int, *, absent: Iterable[str] = (), denied: Collection[str] = ()
) -> World:
    """`wallets` hold coins and tokens among `strangers` others; those that are `absent` have neither.

    The token denies transfers to those that are `denied`.
    """
    names = [name for name in wallets if name not in set(absent)] + [f"{chain} {number}" for number in range(strangers)]
    storage, state = HexaryTrie({}), HexaryTrie({})
    for number, name in enumerate(names, start=1):
        storage[keccak(balance_slot(TOKEN, address(name)))] = bytes(
            rlp.encode(number * 10**18 + (DENY_BIT if name in denied else 0))
        )
        state[keccak(bytes.fromhex(address(name)[2:]))] = account(number * 10**20, BLANK_NODE_HASH)
    state[keccak(bytes.fromhex(CONTRACT[2:]))] = account(0, storage.root_hash)
    fields: list[Any] = [b"\0" * 32, b"", b"", state.root_hash, b"", b"", b"", b"", 100, b"", b""]
    fields += [int(TIME.timestamp()), b"", b"", b""]
    readings: list[EthereumBalance | EthereumTokenBalance] = []
    for name in wallets:
        of: dict[str, Any] = {
            "chain": chain,
            "wallet": name,
            "purpose": "customer",
            "storage": "cold",
            "level": "proven",
            "address": address(name),
        }
        number = names.index(name) + 1 if name in names else 0
        own = proof(state, keccak(bytes.fromhex(address(name)[2:])))
        to_slot = proof(state, keccak(bytes.fromhex(CONTRACT[2:])))
        to_slot += proof(storage, keccak(balance_slot(TOKEN, address(name))))
        readings += [
            EthereumBalance(
                type="ethereum-balance", salt=new_salt(), **of, asset="ETH", amount=number * 10**20, proof=own
            ),
            EthereumTokenBalance(
                type="ethereum-token-balance",
                salt=new_salt(),
                **of,
                asset="DAI",
                amount=number * 10**18,
                contract=CONTRACT,
                slot=TOKEN.slot.to_bytes(32),
                layout="solidity",
                **({"denied": True} if name in denied else {}),
                proof=tuple(dict.fromkeys(to_slot)),
            ),
        ]
    header = EthereumHeader(type="ethereum-header", salt=new_salt(), chain=chain, header=bytes(rlp.encode(fields)))
    return World(chain, header, readings)


def nodes_in(records: Iterable[Any]) -> list[tuple[str, bytes]]:
    """The chain and node of everything that `records` hold, as often as they hold it."""
    return [
        (record.chain, node)
        for record in records
        for node in (record.nodes if isinstance(record, TrieNodes) else record.proof)
    ]


def used_by(worlds: Sequence[World], wallets: Iterable[str]) -> set[tuple[str, bytes]]:
    names = set(wallets)
    return set(nodes_in(reading for one in worlds for reading in one.readings if reading.wallet in names))
