"""Several nodes of one chain, of which a number must agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from attest.chains.nodes.patience import GRACE_SECONDS, Patience
from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError
from attest.chains.records import DroppedNode, NodeAgreement
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.evidence.record import new_salt

T = TypeVar("T")

# A node that takes longer for what any one of them can give is asked after the others; each time it is twice as long,
# so that nodes which all need longer have it.
_ALONE_SECONDS: Final = 10.0
_RETURNS: Final = 3  # so many times in a run a node that failed is asked again


class Answer(NamedTuple, Generic[T]):
    """What one node answered."""

    node: Node
    value: T


@dataclass(slots=True)
class _Out:
    """A node that is out, and why.

    `passing` says that it gave no answer, or had another block, which may be better later; a node that gave another
    answer stays out. `returns` counts how often it was asked again.
    """

    node: Node
    error: AttestError
    passing: bool
    returns: int


class Quorum:
    """Asks every node each question, and goes on with those that agree while they are at least `needed`.

    A node that fails or differs once is out, and `tell` hears which and why. Where the others become too few, one that
    only failed is asked again for everything they agreed on, and counts when it says the same. `needed` must be more
    than half of the nodes, so that two groups can never both be right. A node that is not needed may be late by `grace`
    seconds in all (`Patience`).
    """

    def __init__(
        self,
        chain: str,
        nodes: Sequence[Node],
        needed: int,
        tell: Callable[[str], None],
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        if not len(nodes) < 2 * needed <= 2 * len(nodes):
            raise ValueError("more than half of the nodes must be needed, and no more than there are")
        self._chain = chain
        self.needed = needed
        self.tell = tell
        self._all = tuple(nodes)
        self._out: dict[str, _Out] = {}
        self._returns: dict[str, int] = {}
        self._asked_last: set[Node] = set()
        self._took_long: set[Node] = set()
        self._alone_seconds = _ALONE_SECONDS
        self._patience = Patience(grace)
        # What nodes that come back are asked: what was agreed on in this run, and what earlier runs kept, unless they
        # gave it then.
        self._agreed: list[tuple[Callable[[Node], Any], Any]] = []
        self._check_kept: Callable[[Node], None] = lambda _: None
        self._gave_kept: frozenset[str] = frozenset(node.name for node in nodes)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that agreed so far."""
        return tuple(node for node in self._all if node.name not in self._out)

    @property
    def by_speed(self) -> tuple[Node, ...]:
        """The nodes that agreed so far, the fastest first; at the end those that did not help with a proof."""
        return tuple(sorted(self.nodes, key=lambda node: (node in self._asked_last, self._patience.took(node))))

    @property
    def several(self) -> bool:
        """Whether a figure that passes was given by more than one node."""
        return self.needed > 1

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the nodes that are out and gave no other answer, so that a later run may ask them again."""
        return tuple(name for name, out in self._out.items() if out.passing)

    def record(self) -> NodeAgreement:
        """Which nodes agreed on everything that was read, as evidence."""
        return NodeAgreement(
            type="nodes",
            salt=new_salt(),
            chain=self._chain,
            needed=self.needed,
            agreed=tuple(node.name for node in self.nodes),
            dropped=tuple(DroppedNode(name=name, reason=out.error.code) for name, out in self._out.items()),
        )

    def require(self, check: Callable[[Node], None]) -> None:
        """Go on with the nodes that pass `check`; one that comes back later must pass it too. Raises `AttestError`."""
        self.each(check)
        self._agreed.append((check, None))

    def each(self, question: Callable[[Node], T]) -> list[Answer[T]]:
        """The answers of at least `needed` nodes, which may differ. Raises `AttestError`."""
        return self._each(question)[0]

    def ask(self, question: Callable[[Node], T], difference: Callable[[T, T], str]) -> T:
        """The answer that at least `needed` nodes give.

        `difference` says in what a node's answer differs from that of the others. Raises the node's own error when
        no node answers, `UnavailableError` when too few answer, `VerificationError` when too few agree, and
        `PinLostError` when the pinned block is gone on so many that too few can.
        """
        answers, asked = self._each(question)
        while len(agreed := _largest_group(answers)) < self.needed:
            if not (back := self._bring_back(asked, self.needed - len(agreed))):
                raise self._disagree(answers, agreed, difference)
            answers += self._put(back, question)
            asked += back
        value = agreed[0].value
        for node, other in answers:
            if other != value:
                self.drop(node, VerificationError("nodes/differs", f"node {node.name} {difference(value, other)}"))
        self._agreed.append((question, value))
        return value

    def first(self, question: Callable[[Node], T]) -> T:
        """The answer of the first node that gives one, the fastest first, for what proves itself.

        A node whose answer is false is out; one that cannot answer, or takes long for it, is asked last from then on.
        Raises `AttestError`.
        """
        failures: list[AttestError] = []
        tried: list[Node] = []
        cut: list[Node] = []
        while left := (
            [node for node in self.by_speed if node not in tried]
            or [cut.pop(0) for _ in cut[:1]]
            or self._bring_back(tried, 1)
        ):
            node = left[0]
            tried.append(node)
            try:
                return self._alone(question, node, last=len(left) == 1)
            except UnavailableError as error:
                self._asked_last.add(node)
                failures.append(error)
                if error.code == "nodes/slow":
                    self._alone_seconds *= 2
                    cut.append(node)
            except AttestError as error:
                failures.append(error)
                self.drop(node, error)
                missing = self.needed - len(self.nodes)
                if missing > 0 and len(self._bring_back(tried, missing)) < missing:
                    raise self._too_few() from None
        raise failures[0]

    def in_turn(self, question: Callable[[Node], T]) -> Iterator[T | UnavailableError]:
        """What each node answers, or why it does not, the fastest first. All of them stay.

        One that takes long is only waited for when no other has answered. Raises `AttestError`.
        """
        answered = False
        turns = sorted(self.by_speed, key=self._took_long.__contains__)
        cut: list[Node] = []
        while turns or (cut and not answered):
            node = turns.pop(0) if turns else cut.pop(0)
            if answered and node in self._took_long:
                continue
            try:
                yield self._alone(question, node, last=not turns and not answered)
                answered = True
            except UnavailableError as error:
                if error.code == "nodes/slow":
                    self._took_long.add(node)
                    cut.append(node)
                else:
                    yield error

    def go_on_after(
        self, kept: NodeAgreement, failed: Collection[str], check: Callable[[Node], None], place: object
    ) -> None:
        """Go on with the nodes that gave what an earlier run kept at `place`: those that `kept` says agreed.

        Nodes that only `failed` then, and those that were not asked, are asked now: they count when they pass `check`,
        which raises an error where a node says otherwise than was kept. Raises `MalformedError` when what is left
        cannot vouch for what was kept as it says, `AttestError`.
        """
        self._check_kept = check
        self._gave_kept = frozenset(kept.agreed)
        reasons = {node.name: node.reason for node in kept.dropped}
        for node in self.nodes:
            if node.name in kept.agreed:
                continue
            reason = reasons.get(node.name, "nodes/not-asked")
            passing = node.name in failed or node.name not in reasons
            kind = UnavailableError if passing else VerificationError
            error = kind(reason, f"node {node.name} did not agree on what was read before")
            self._put_out(node, error)
            if not passing:
                self.tell(f"going on without node {node.name}: {error.message}")
        if (kept.needed > 1) != self.several:
            raise self._cannot_vouch(kept, place)
        self._bring_back([], max(0, self.needed - len(self.nodes)))
        if (missing := self.needed - len(self.nodes)) > 0:
            raise self._too_few() if missing <= len(self.failed) else self._cannot_vouch(kept, place)

    def drop(self, node: Node, error: AttestError) -> None:
        """Go on without `node`."""
        self._put_out(node, error)
        if self.nodes:
            self.tell(f"going on without node {node.name}: {error.message}")

    def _each(self, question: Callable[[Node], T]) -> tuple[list[Answer[T]], list[Node]]:
        """The answers of at least `needed` nodes, and the nodes that were asked."""
        asked = list(self.nodes)
        answers = self._put(asked, question)
        while (missing := self.needed - len(self.nodes)) > 0:
            if not (back := self._bring_back(asked, missing)):
                raise self._too_few()
            answers += self._put(back, question)
            asked += back
        return answers, asked

    def _put(self, nodes: Sequence[Node], question: Callable[[Node], T]) -> list[Answer[T]]:
        """The answers of `nodes`; those that give none, or are too late, are dropped."""
        answers: list[Answer[T]] = []
        for node, answer in self._patience.put(nodes, question, self.needed).items():
            if isinstance(answer, AttestError):
                self.drop(node, answer)
            else:
                answers.append(Answer(node, answer))
        return answers

    def _alone(self, question: Callable[[Node], T], node: Node, *, last: bool) -> T:
        """The answer of one node. Raises `UnavailableError` when it takes long and is not the `last` to be asked."""
        if last:
            return question(node)
        return self._patience.within(self._alone_seconds, node, question)

    def _put_out(self, node: Node, error: AttestError) -> None:
        passing = isinstance(error, UnavailableError | PinLostError)
        self._out[node.name] = _Out(node, error, passing, self._returns.get(node.name, 0))

    def _bring_back(self, asked: Collection[Node], missing: int) -> list[Node]:
        """The nodes that failed earlier and now give every answer that the others gave: they count again.

        What has just been `asked` in vain is not asked again at once. So many as are `missing` are waited for to their
        own deadlines, the others for the grace.
        """
        ready = [
            out
            for out in self._out.values()
            if out.passing and out.node not in asked and out.returns < _RETURNS and self._patience.is_free(out.node)
        ]
        if not ready:
            return []
        self.tell(f"asking again for what was read so far: {', '.join(out.node.name for out in ready)}")
        for out in ready:
            out.returns = self._returns[out.node.name] = out.returns + 1
            out.node.resume()
            self._patience.forget(out.node)
        back: list[Node] = []
        for node, answer in self._patience.put([out.node for out in ready], self._says_the_same, missing).items():
            if isinstance(answer, AttestError):
                self._put_out(node, answer)
                self.tell(f"still without node {node.name}: {answer.message}")
            else:
                del self._out[node.name]
                back.append(node)
                self.tell(f"node {node.name} says the same as the others: it counts again")
        return back

    def _says_the_same(self, node: Node) -> Literal[True]:
        """Ask `node` everything that the nodes agreed on. Raises `AttestError` when it does not say the same."""
        if node.name not in self._gave_kept:
            self._check_kept(node)
        for question, value in self._agreed:
            if question(node) != value:
                raise VerificationError(
                    "nodes/differs", f"node {node.name}, asked again, gave another answer than the others"
                )
        return True

    def _disagree(
        self, answers: Sequence[Answer[T]], agreed: Sequence[Answer[T]], difference: Callable[[T, T], str]
    ) -> VerificationError:
        named = "; ".join(
            f"{other.node.name} {difference(agreed[0].value, other.value)}" for other in answers if other not in agreed
        )
        return VerificationError(
            "nodes/disagree",
            f"{self._chain}: {len(agreed)} of {len(answers)} nodes agree, {self.needed} must. "
            f"Against {agreed[0].node.name}: {named}",
            hint="find out which node is wrong; nothing was taken from any of them",
        )

    def _too_few(self) -> AttestError:
        errors = [out.error for out in self._out.values()]
        left = len(self.nodes)
        if not left and len({error.code for error in errors}) == 1:
            return errors[0]  # the node's own words, with its hint
        lost = [error for error in errors if isinstance(error, PinLostError)]
        if left + len(errors) - len(lost) < self.needed:
            return lost[0]  # too few can have the pinned block, whatever becomes of the other nodes
        contradicted = any(isinstance(error, VerificationError) for error in errors)
        return (VerificationError if contradicted else UnavailableError)(
            "nodes/too-few",
            f"{self._chain}: {left} of {left + len(errors)} nodes are left, {self.needed} must agree. "
            f"{'. '.join(error.message for error in errors)}",
            hint="mend the nodes, or name others in the config",
        )

    def _cannot_vouch(self, kept: NodeAgreement, place: object) -> MalformedError:
        gave = ", ".join(kept.agreed)
        what = f"the unfinished reading {place} holds what {len(kept.agreed)} nodes gave ({gave})"
        if (kept.needed > 1) != self.several:
            then, now = ("one node", "several nodes") if self.several else ("several nodes", "one node")
            why = f"a figure took {then} then, and takes {now} by the config"
        else:
            others = ". ".join(out.error.message for out in self._out.values())
            why = f"of the config's nodes {len(self.nodes)} say the same, and {self.needed} must. {others}"
        return MalformedError(
            "journal/nodes",
            f"{self._chain}: {what}; {why}",
            hint=f"name these nodes in the config again, or move {place} away to read anew: at another block, where "
            "the nodes no longer have the state of this one",
        )


def _largest_group(answers: Sequence[Answer[T]]) -> list[Answer[T]]:
    """The answers that are equal to each other and that most nodes gave."""
    return max(([other for other in answers if other.value == answer.value] for answer in answers), key=len)
