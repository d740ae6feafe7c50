"""The Safes among the evidence: who owned them at the pinned block, by proof, and whether they signed."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import NamedTuple

from attest.chains.ethereum.records import EthereumSafe
from attest.errors import VerificationError
from attest.reserves.ethereum_proof import by_hash
from attest.reserves.records import Place, Record, naming
from attest.reserves.safe import proven_safe


class State(NamedTuple):
    """The state root of a chain's pinned block, and the trie nodes that the chain's records share."""

    root: bytes
    shared: dict[bytes, bytes]


def recheck_safes(records: Mapping[int, Record], states: Mapping[str, State]) -> int:
    """How many Safes in `records` are what their proofs show.

    `states` are those of the pinned blocks, by chain. Raises `VerificationError` naming the record that is not, or that
    is the second of one Safe.
    """
    seen: set[Place] = set()
    for index, record in records.items():
        if not isinstance(record, EthereumSafe):
            continue
        with naming(index, record):
            _check(record, states)
            if record.place in seen:
                raise VerificationError("recheck/twice", "another record is of the same Safe")
        seen.add(record.place)
    return len(seen)


def _check(record: EthereumSafe, states: Mapping[str, State]) -> None:
    state = states.get(record.chain)
    if state is None:
        raise VerificationError("recheck/header", f"there is no header for {record.chain}")
    safe = proven_safe(state.root, record.address, ChainMap(by_hash(record.proof), state.shared))
    if safe is None:
        raise VerificationError("recheck/safe", "its proof shows that there is no known Safe")
    for name, said, shown in (
        ("owners", record.owners, safe.owners),
        ("threshold", record.threshold, safe.threshold),
        ("version", record.version, safe.version),
    ):
        if said != shown:
            raise VerificationError("recheck/safe", f"its proof shows another {name} than it says")
