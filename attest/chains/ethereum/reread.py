"""The amounts of readings and the owners of Safes, asked of a node again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attest.chains.ethereum.answers import amounts, at_block
from attest.chains.ethereum.records import AddressReading, EthereumSafe
from attest.chains.nodes.rpc import Node
from attest.chains.records import Reading
from attest.chains.reread import differs
from attest.chains.wallets import Pin
from attest.errors import VerificationError
from attest.evidence.record import Record

_CHUNK: Final = 500


def reread_amounts(node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
    """How many of `readings`, by index, have the amount that `node` says at `pin`; `progress` hears how many so far.

    Raises `VerificationError` naming the record and the node, `UnavailableError`.
    """
    by_contract: dict[str | None, dict[int, AddressReading]] = {}
    for index, reading in readings.items():
        if isinstance(reading, AddressReading):
            by_contract.setdefault(reading.token, {})[index] = reading
    done = 0
    for contract, found in by_contract.items():
        indices = list(found)
        for start in range(0, len(indices), _CHUNK):
            part = indices[start : start + _CHUNK]
            addresses = [found[index].address for index in part]
            said = amounts(node, contract, addresses, at_block(pin.block_hash))
            for index, amount in zip(part, said, strict=True):
                if amount != found[index].amount:
                    raise differs(node, index, found[index], f"says {amount}")
            done += len(part)
            progress(done)
    return done


def check_safes(node: Node, pin: Pin, kept: Iterable[Record], said: Iterable[EthereumSafe]) -> None:
    """See that the Safes that were `kept` of a block are those that `node` shows. Raises `VerificationError`."""
    if {item.stated for item in said} != {item.stated for item in kept if isinstance(item, EthereumSafe)}:
        raise VerificationError(
            "nodes/differs",
            f"node {node.name} says other Safes at block {pin.height}, differently from the others",
        )
