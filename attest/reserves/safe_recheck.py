"""The Safes among the evidence: who owned them at the pinned block, by proof, and whether they signed."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from attest.errors import AttestError, VerificationError
from attest.reserves.control_safe import check_safe
from attest.reserves.counting import Place
from attest.reserves.ethereum_proof import by_hash, checksum_address
from attest.reserves.records import ControlProof, EthereumSafe, Record
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
        try:
            _check(record, states)
            if (place := place_of_safe(record)) in seen:
                raise VerificationError("recheck/twice", "another record is of the same Safe")
        except AttestError as error:
            subject = f"record {index} (ethereum-safe, {record.address} of wallet {record.wallet})"
            raise VerificationError(error.code, f"{subject}: {error.message}") from None
        seen.add(place)
    return len(seen)


def safes_by_place(records: Iterable[Record]) -> dict[Place, EthereumSafe]:
    """The Safes among `records`, which `recheck_safes` has checked, by where they are."""
    return {place_of_safe(record): record for record in records if isinstance(record, EthereumSafe)}


def place_of_safe(record: EthereumSafe) -> Place:
    """Where a Safe is. Raises `MalformedError` for an address that is none."""
    return record.chain, checksum_address(record.address)


def check_safe_proof(proof: ControlProof, place: Place, safes: Mapping[Place, EthereumSafe]) -> None:
    """Check that enough owners whom the Safe at `place` had at the pinned block signed. Raises `VerificationError`."""
    safe = safes.get(place)
    if safe is None:
        raise VerificationError(
            "control/no-safe", f"no record shows who owned a Safe at {proof.challenge.address} at the pinned block"
        )
    check_safe(proof.challenge, proof.signature, safe.owners, safe.threshold)


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
