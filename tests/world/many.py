"""A quorum whose nodes answer from a script, without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attest.chains.nodes.patience import GRACE_SECONDS
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError
from attest.chains.records import DroppedNode, NodeAgreement
from attest.errors import UnavailableError, VerificationError

CHAIN = "eip155:1"
NAMES = "abcdef"
NODES = [Node(name, "http://127.0.0.1:1") for name in NAMES]  # nothing is sent there


class Many:
    """A quorum of nodes that answer from a script, and what it told and asked."""

    def __init__(self, nodes: int, needed: int, grace: float = GRACE_SECONDS) -> None:
        self.told: list[str] = []
        self.asked: list[str] = []
        for node in NODES:
            node.resume()  # another test may have hung up on it
        self.quorum = Quorum(CHAIN, NODES[:nodes], needed, self.told.append, grace=grace)

    def says(self, script: Sequence[Any] | str) -> Callable[[Node], Any]:
        """A question that each node answers with its place in the script, which an exception there is raised for."""
        by_name = dict(zip(NAMES, script, strict=False))

        def question(node: Node) -> Any:
            self.asked.append(node.name)
            answer = by_name[node.name]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return question

    def ask(self, script: Sequence[Any] | str) -> Any:
        return self.quorum.ask(self.says(script), lambda one, other: f"says {other}, not {one}")

    def first(self, script: Sequence[Any] | str) -> Any:
        return self.quorum.first(self.says(script))

    @property
    def left(self) -> str:
        return "".join(node.name for node in self.quorum.nodes)


def down(name: str) -> UnavailableError:
    return UnavailableError("node/unreachable", f"node {name}: no answer", hint="start it")


def lie(name: str) -> VerificationError:
    return VerificationError("ethereum/proof", f"node {name} lied")


def gone(name: str) -> PinLostError:
    return PinLostError("pin/reorganised", f"node {name} has another block")


def kept(agreed: str, needed: int = 2, **dropped: str) -> NodeAgreement:
    return NodeAgreement(
        type="nodes",
        salt=bytes(16),
        chain=CHAIN,
        needed=needed,
        agreed=tuple(agreed),
        dropped=tuple(DroppedNode(name=name, reason=reason) for name, reason in dropped.items()),
    )
