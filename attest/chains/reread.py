"""What a node that is asked again says of readings, where it is something else than the evidence says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.chains.records import Reading
from attest.errors import VerificationError

if TYPE_CHECKING:
    from attest.chains.nodes.rpc import Node


def differs(node: Node, index: int, reading: Reading, what: str) -> VerificationError:
    """The error of a node that `what`, a verb with its object, of the `reading` that is record `index`."""
    return VerificationError(
        "reread/differs",
        f"record {index}: node {node.name} {what} for {reading.asset} of wallet {reading.wallet}, "
        f"the record says {reading.amount}",
    )
