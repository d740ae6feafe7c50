"""What the records of one block of an EVM chain say, and whether they show balances and the owners of Safes."""

from __future__ import annotations

from collections import ChainMap
from typing import Self

from attest.chains.ethereum.proof import by_hash, decode_header
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.chains.ethereum.safe.storage import proven_safe
from attest.chains.ethereum.trie_nodes import proven_amount
from attest.chains.family import Dump
from attest.chains.records import Authority, Reading
from attest.errors import VerificationError
from attest.evidence.record import Record


class EthereumFacts:
    """The state root of one block, and the trie nodes that several records share, at whichever block of the chain."""

    def __init__(self, pinned: Self | None = None) -> None:
        self._trie: dict[bytes, bytes] = {} if pinned is None else pinned._trie  # noqa: SLF001 (its own class)
        self._state_root = b""
        self._storage_roots: dict[str, bytes] = {}

    def note(self, record: Record) -> None:
        """Keep the state root of a header, or trie nodes. Raises `VerificationError`."""
        match record:
            case EthereumHeader():
                self._state_root = decode_header(record.header).state_root
            case TrieNodes():
                self._trie.update(by_hash(record.nodes))

    def hold_against(self, dump: Dump) -> None:
        """There is no dump of an EVM chain."""
        raise TypeError(type(dump))

    def amount(self, reading: Reading) -> int:
        """What the reading's proof shows; of what nodes answered, the answer. Raises `VerificationError`."""
        if not isinstance(reading, EthereumBalance | EthereumTokenBalance):
            return reading.amount  # there is nothing but the nodes' word
        nodes = ChainMap(by_hash(reading.proof), self._trie)
        return proven_amount(reading, self._state_root, nodes, self._storage_roots)

    def check_authority(self, record: Authority) -> None:
        """See that a Safe has the owners that `record` says, by its proof. Raises `VerificationError`."""
        if not isinstance(record, EthereumSafe):
            raise TypeError(type(record))
        safe = proven_safe(self._state_root, record.address, ChainMap(by_hash(record.proof), self._trie))
        if safe is None:
            raise VerificationError("recheck/safe", "its proof shows that there is no known Safe")
        for name, said, shown in (
            ("owners", record.owners, safe.owners),
            ("threshold", record.threshold, safe.threshold),
            ("version", record.version, safe.version),
        ):
            if said != shown:
                raise VerificationError("recheck/safe", f"its proof shows another {name} than it says")
