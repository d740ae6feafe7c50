"""One question put to several nodes at once, and how long the slow ones are waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from attest.chains.nodes.rpc import Node
from attest.errors import AttestError, UnavailableError

T = TypeVar("T")

GRACE_SECONDS: Final = 30.0


class Patience:
    """How long nodes are waited for that are not needed, because enough others have given one answer.

    A node may be late by `grace` seconds, all its questions together. It is late once it takes more than twice the time
    that the others took, because scans of the same outputs take minutes and no two disks are alike. Each node has a
    grace of its own, because a slow node must not use up what a sound one may need some day.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._late: dict[Node, float] = {}
        self._took: dict[Node, float] = {}
        self._threads: dict[Node, threading.Thread] = {}

    def took(self, node: Node) -> float:
        """The seconds that `node` took for all questions that were put to several nodes at once."""
        return self._took.get(node, 0.0)

    def is_free(self, node: Node) -> bool:
        """Whether no thread speaks to `node` any more: it serves one at a time."""
        thread = self._threads.get(node)
        return thread is None or not thread.is_alive()

    def forget(self, node: Node) -> None:
        """Give `node` its whole grace again."""
        self._late.pop(node, None)

    def put(self, nodes: Sequence[Node], question: Callable[[Node], T], enough: int) -> dict[Node, T | AttestError]:
        """The answer of each of `nodes`, or its error, which is `nodes/slow` for one that used up its grace.

        The grace begins when `enough` nodes have given one answer. While fewer have, because the others failed or
        differ, every node is waited for to its own deadlines: each may be the one that is needed.
        """
        if len(nodes) == 1 and enough > 0:
            return {nodes[0]: _caught(question, nodes[0])}
        asked = time.monotonic()
        arrived = self._start(nodes, question)
        given: dict[Node, T | AttestError] = {}
        late_from = asked if enough <= 0 else None
        while waiting := [node for node in nodes if node not in given]:
            try:
                node, answer = arrived.get(timeout=self._left(waiting, late_from))
            except Empty:
                given |= {node: self._slow(node) for node in waiting if self._left([node], late_from) == 0}
                continue
            if isinstance(answer, BaseException) and not isinstance(answer, AttestError):
                raise answer  # a bug is raised where the caller sees it
            if node in given:
                continue  # it was out already
            given[node] = answer
            now = time.monotonic()
            self._took[node] = self.took(node) + now - asked
            if late_from is not None:
                self._late[node] = self._late.get(node, 0.0) + max(0.0, now - late_from)
            elif sum(other == answer for other in given.values() if not isinstance(other, AttestError)) >= enough:
                late_from = now + (now - asked)
        return {node: given[node] for node in nodes}

    def _start(
        self, nodes: Sequence[Node], question: Callable[[Node], T]
    ) -> SimpleQueue[tuple[Node, T | BaseException]]:
        arrived: SimpleQueue[tuple[Node, T | BaseException]] = SimpleQueue()
        for node in nodes:
            # Daemon threads: neither an interrupted run nor its end waits for a scan of an hour.
            thread = threading.Thread(target=_answer, args=(question, node, arrived), daemon=True)
            self._threads[node] = thread
            thread.start()
        return arrived

    def within(self, seconds: float, node: Node, question: Callable[[Node], T]) -> T:
        """The answer of `node`, which has so long for it, and can be asked again afterwards.

        Raises `UnavailableError` when it takes longer, `AttestError`.
        """
        try:
            _, answer = (arrived := self._start([node], question)).get(timeout=seconds)
        except Empty:
            node.hang_up()
            _, answer = arrived.get()  # what was hung up on ends at once
            node.resume()
            if isinstance(answer, AttestError):
                raise UnavailableError("nodes/slow", f"node {node.name} took more than {seconds:,.0f} s") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _left(self, waiting: Sequence[Node], late_from: float | None) -> float | None:
        """The seconds until the grace of the first of `waiting` is used up; None while none of them can be late."""
        if late_from is None:
            return None
        late = time.monotonic() - late_from
        return max(0.0, min(self._grace - self._late.get(node, 0.0) for node in waiting) - late)

    def _slow(self, node: Node) -> UnavailableError:
        node.hang_up()
        return UnavailableError(
            "nodes/slow",
            f"node {node.name} is slower than the others: it was waited for {self._grace:,.0f} s in all "
            "after enough of them had given one answer",
            hint="what it says may be right: give it more time, with grace in its table of [[chains]], or name another",
        )


def _answer(question: Callable[[Node], T], node: Node, arrived: SimpleQueue[tuple[Node, T | BaseException]]) -> None:
    try:
        arrived.put((node, _caught(question, node)))
    except BaseException as error:  # noqa: BLE001 (the thread that asked raises it)
        arrived.put((node, error))


def _caught(question: Callable[[Node], T], node: Node) -> T | AttestError:
    """The answer of `node`, or the error that it gives none."""
    try:
        return question(node)
    except AttestError as error:
        return error
