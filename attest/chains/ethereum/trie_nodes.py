"""Trie nodes: those that several proofs need are stored once, as two accounts share the nodes near the state root."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import Final

from attest.chains.ethereum.proof import (
    DENY_BIT,
    Nodes,
    Token,
    by_hash,
    proven_balance,
    proven_storage_root,
    proven_token_balance,
)
from attest.chains.ethereum.records import EthereumBalance, EthereumSafe, EthereumTokenBalance, TrieNodes
from attest.chains.ethereum.safe.storage import proven_safe
from attest.chains.family import Shared
from attest.errors import VerificationError
from attest.evidence.record import Record, new_salt

_MAX_NODES: Final = 4000  # of at most 532 bytes: a line of some 4 MB

_Place = tuple[str, bytes]
"""A chain, and a trie node there."""

Proven = EthereumBalance | EthereumTokenBalance | EthereumSafe
"""What the trie nodes in its `proof` show."""


def share_nodes(records: Sequence[Record], hidden: Collection[str]) -> Shared:
    """Move trie nodes that several proofs use into records of their own.

    Public records do not depend on `hidden` wallets, because the position of a node reveals how the hashes of the
    addresses below it begin. Nodes that only hidden wallets share are grouped by the exact set of wallets that need
    them, so that disclosing one wallet discloses nothing of another.
    """
    uses: dict[_Place, int] = {}
    hidden_uses: dict[_Place, list[str]] = {}
    for record in records:
        if isinstance(record, Proven):
            for place in dict.fromkeys((record.chain, node) for node in record.proof):
                if record.wallet in hidden:
                    hidden_uses.setdefault(place, []).append(record.wallet)
                else:
                    uses[place] = uses.get(place, 0) + 1
    everyone: frozenset[str] = frozenset()
    public = {place: everyone for place, count in uses.items() if count > 1}
    private = {
        place: frozenset(wallets) for place, wallets in hidden_uses.items() if len(wallets) > 1 and place not in public
    }
    own = [
        record.model_copy(
            update={
                "proof": tuple(
                    node
                    for node in record.proof
                    if (place := (record.chain, node)) not in public
                    and not (record.wallet in hidden and place in private)
                )
            }
        )
        if isinstance(record, Proven)
        else record
        for record in records
    ]
    return Shared(own, tuple(_records(public)), tuple(_records(private)))


def proven_amount(
    reading: EthereumBalance | EthereumTokenBalance,
    state_root: bytes,
    nodes: Nodes,
    storage_roots: MutableMapping[str, bytes],
) -> int:
    """The base units that trie `nodes` show for a reading. Raises `VerificationError`.

    `storage_roots` keeps the proven root of each contract's storage, which many readings share.
    """
    if isinstance(reading, EthereumBalance):
        return proven_balance(state_root, reading.address, nodes)
    if reading.contract not in storage_roots:
        storage_roots[reading.contract] = proven_storage_root(state_root, reading.contract, nodes)
    token = Token(reading.contract, int.from_bytes(reading.slot), reading.layout)
    word = proven_token_balance(storage_roots[reading.contract], token, reading.address, nodes)
    if reading.denied and word < DENY_BIT:
        raise VerificationError("recheck/denied", "it says that its holder is denied transfers, and its proof does not")
    return word - DENY_BIT if reading.denied else word


class _Asked(dict[bytes, bytes]):
    """Trie nodes that remember which of them were asked for."""

    def __init__(self, nodes: dict[bytes, bytes]) -> None:
        super().__init__(nodes)
        self.names: set[bytes] = set()

    def __getitem__(self, name: bytes) -> bytes:
        self.names.add(name)
        return super().__getitem__(name)


def needed(records: Iterable[Proven], state_root: bytes, shared: Mapping[int, TrieNodes]) -> set[int]:
    """The indices of those `shared` records that the proofs of `records` go through. Raises `VerificationError`."""
    asked = _Asked({name: node for record in shared.values() for name, node in by_hash(record.nodes).items()})
    for record in records:
        nodes = ChainMap(by_hash(record.proof), asked)
        if isinstance(record, EthereumSafe):
            proven_safe(state_root, record.address, nodes)
        else:
            proven_amount(record, state_root, nodes, {})
    return {index for index, record in shared.items() if not asked.names.isdisjoint(by_hash(record.nodes))}


def _records(users: Mapping[_Place, frozenset[str]]) -> Iterator[TrieNodes]:
    """The nodes of each chain that the same wallets need."""
    groups: dict[tuple[str, frozenset[str]], list[bytes]] = {}
    for (chain, node), wallets in users.items():
        groups.setdefault((chain, wallets), []).append(node)
    for (chain, _), nodes in groups.items():
        rest = iter(sorted(nodes))
        while part := tuple(islice(rest, _MAX_NODES)):
            yield TrieNodes(type="ethereum-trie-nodes", salt=new_salt(), chain=chain, nodes=part)
