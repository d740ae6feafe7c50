"""Several nodes of one chain, of which so many must say the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.reserves.pins import PinLostError
from attest.reserves.records import DroppedNode, NodeAgreement, new_salt
from attest.reserves.rpc import Node

T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """What one node answered."""

    node: Node
    value: T


class Quorum:
    """Asks every node the same, and goes on with those that agree while they are at least `needed`.

    A node that fails or differs once is out for good, and `tell` hears which and why. `needed` must be more than
    half of the nodes, so that two groups can never both be right.
    """

    def __init__(self, chain: str, nodes: Sequence[Node], needed: int, tell: Callable[[str], None]) -> None:
        if not len(nodes) < 2 * needed <= 2 * len(nodes):
            raise ValueError("more than half of the nodes must be needed, and no more than there are")
        self._chain = chain
        self.needed = needed
        self.tell = tell
        self._nodes = list(nodes)
        self._dropped: dict[str, AttestError] = {}
        self._passed_over: set[Node] = set()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that agreed so far."""
        return tuple(self._nodes)

    @property
    def several(self) -> bool:
        """Whether a figure that passes was given by more than one node."""
        return self.needed > 1

    def record(self) -> NodeAgreement:
        """Which nodes agreed on everything that was read, as evidence."""
        return NodeAgreement(
            type="nodes",
            salt=new_salt(),
            chain=self._chain,
            needed=self.needed,
            agreed=tuple(node.name for node in self._nodes),
            dropped=tuple(DroppedNode(name=name, reason=error.code) for name, error in self._dropped.items()),
        )

    def each(self, question: Callable[[Node], T]) -> list[Answer[T]]:
        """The answers of at least `needed` nodes, which may differ. Raises `AttestError`."""
        answers = []
        for node, answer in self._in_parallel(question):
            if isinstance(answer, AttestError):
                self.drop(node, answer)
            else:
                answers.append(Answer(node, answer))
        self._require()
        return answers

    def ask(self, question: Callable[[Node], T], difference: Callable[[T, T], str]) -> T:
        """The answer that at least `needed` nodes give.

        `difference` says in what a node's answer differs from that of the others. Raises the node's own error when
        no node answers, `UnavailableError` when too few answer, `VerificationError` when too few agree, and
        `PinLostError` when the pinned block is gone on so many that too few can.
        """
        answers = self.each(question)
        groups = [[other for other in answers if other.value == answer.value] for answer in answers]
        agreed = max(groups, key=len)
        value = agreed[0].value
        if len(agreed) < self.needed:
            named = "; ".join(
                f"{other.node.name} {difference(value, other.value)}" for other in answers if other not in agreed
            )
            raise VerificationError(
                "nodes/disagree",
                f"{self._chain}: {len(agreed)} of {len(answers)} nodes agree, {self.needed} must. "
                f"Against {agreed[0].node.name}: {named}",
                hint="find out which node is wrong; nothing was taken from any of them",
            )
        for node, other in answers:
            if other != value:
                self.drop(node, VerificationError("nodes/differs", f"node {node.name} {difference(value, other)}"))
        return value

    def first(self, question: Callable[[Node], T]) -> T:
        """The answer of the first node that gives one, for what proves itself.

        A node whose answer is false is out; one that cannot answer is passed over, and asked last from then on.
        Raises `AttestError`.
        """
        failures: list[AttestError] = []
        for node in sorted(self._nodes, key=self._passed_over.__contains__):
            try:
                return question(node)
            except UnavailableError as error:
                self._passed_over.add(node)
                failures.append(error)
            except AttestError as error:
                failures.append(error)
                self.drop(node, error)
                self._require()
        raise failures[0]

    def go_on_after(self, kept: NodeAgreement) -> None:
        """Go on without the nodes that did not agree on what was read before.

        Raises `MalformedError` when what is left cannot vouch for it as it says.
        """
        able = {node.name for node in self._nodes} & {*kept.agreed}
        if len(able) < self.needed or (kept.needed > 1) != self.several:
            raise MalformedError(
                "journal/nodes",
                f"{self._chain}: {kept.needed} of {len(kept.agreed)} nodes gave what the unfinished reading holds "
                f"({', '.join(kept.agreed)}); {self.needed} of the config's must, and {len(able)} of these did",
                hint="name those nodes in the config again, or move the unfinished reading away to read anew",
            )
        reasons = {node.name: node.reason for node in kept.dropped}
        for node in self.nodes:
            if node.name not in kept.agreed:
                reason = reasons.get(node.name, "nodes/not-asked")
                self.drop(node, UnavailableError(reason, f"node {node.name} did not agree on what was read before"))

    def drop(self, node: Node, error: AttestError) -> None:
        """Go on without `node`."""
        self._nodes.remove(node)
        self._dropped[node.name] = error
        if self._nodes:
            self.tell(f"going on without node {node.name}: {error.message}")

    def _require(self) -> None:
        if len(self._nodes) >= self.needed:
            return
        errors = list(self._dropped.values())
        if not self._nodes and len({error.code for error in errors}) == 1:
            raise errors[0]  # the node's own words, with its hint
        lost = [error for error in errors if isinstance(error, PinLostError)]
        if len(self._nodes) + len(errors) - len(lost) < self.needed:
            raise lost[0]  # too few can have the pinned block, whatever becomes of the other nodes
        lied = any(isinstance(error, VerificationError) for error in errors)
        raise (VerificationError if lied else UnavailableError)(
            "nodes/too-few",
            f"{self._chain}: {len(self._nodes)} of {len(self._nodes) + len(errors)} nodes are left, {self.needed} must "
            f"agree. {'. '.join(error.message for error in errors)}",
            hint="mend the nodes, or name others in the config",
        )

    def _in_parallel(self, question: Callable[[Node], T]) -> list[tuple[Node, T | AttestError]]:
        if len(self._nodes) == 1:
            return [(self._nodes[0], _caught(question, self._nodes[0]))]
        answers: dict[str, T | AttestError | BaseException] = {}

        def run(node: Node) -> None:
            try:
                answers[node.name] = _caught(question, node)
            except BaseException as error:  # noqa: BLE001 (a bug in a thread is raised where the caller sees it)
                answers[node.name] = error

        # Daemon threads: an interrupted run does not wait for a scan of an hour.
        threads = [threading.Thread(target=run, args=(node,), daemon=True) for node in self._nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results: list[tuple[Node, T | AttestError]] = []
        for node in self._nodes:
            answer = answers[node.name]
            if isinstance(answer, BaseException) and not isinstance(answer, AttestError):
                raise answer
            results.append((node, answer))
        return results


def _caught(question: Callable[[Node], T], node: Node) -> T | AttestError:
    try:
        return question(node)
    except AttestError as error:
        return error
