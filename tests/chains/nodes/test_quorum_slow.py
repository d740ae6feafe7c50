"""Nodes that are slower than the others: waited for as long as they are needed, and for a grace when they are not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.errors import AttestError, VerificationError
from tests.world.faults import FaultServer, honest, reset
from tests.world.many import CHAIN, NAMES, Many, down, lie

NO_GRACE = 0.0  # whoever is not needed is dropped as soon as it is late
FOR_EVER = 1e6


class Gates:
    """Nodes that answer when a test lets them."""

    def __init__(self) -> None:
        self._gates = {name: threading.Event() for name in NAMES}
        self.answered = {name: threading.Event() for name in NAMES}
        self.asked: list[str] = []

    def open(self, names: str) -> None:
        for name in names:
            self._gates[name].set()

    def says(self, **answers: Any) -> Callable[[Node], Any]:
        """A question; a node whose gate is closed answers when it is opened. A callable there is called first."""

        def question(node: Node) -> Any:
            self.asked.append(node.name)
            assert self._gates[node.name].wait(30)
            answer = answers[node.name]
            self.answered[node.name].set()
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return question


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.open(NAMES)


def differs(one: object, other: object) -> str:
    return f"says {other}, not {one}"


def reasons(many: Many) -> dict[str, str]:
    return {node.name: node.reason for node in many.quorum.record().dropped}


@pytest.mark.parametrize(("nodes", "needed", "fast"), [(3, 2, "ab"), (3, 2, "bc"), (5, 3, "ace"), (4, 3, "abd")])
def test_a_node_that_is_not_needed_is_dropped_as_slow_and_accused_of_nothing(
    nodes: int, needed: int, fast: str, gates: Gates
) -> None:
    many = Many(nodes, needed, NO_GRACE)
    gates.open(fast)
    slow = set(NAMES[:nodes]) - set(fast)
    assert many.quorum.ask(gates.says(**dict.fromkeys(NAMES, 7)), differs) == 7
    assert (many.left, reasons(many)) == (fast, dict.fromkeys(sorted(slow), "nodes/slow"))
    assert many.quorum.needed == needed
    for name in slow:
        assert f"going on without node {name}: node {name} is slower than the others" in "\n".join(many.told)


def test_one_question_to_each_is_the_same_as_to_all(gates: Gates) -> None:
    many = Many(3, 2, NO_GRACE)
    gates.open("ac")
    assert [answer.node.name for answer in many.quorum.each(gates.says(a=7, b=7, c=7))] == ["a", "c"]
    assert reasons(many) == {"b": "nodes/slow"}


@pytest.mark.parametrize("late", [7, 8, down("c"), lie("c")], ids=repr)
def test_what_a_node_says_after_it_was_dropped_is_ignored(late: Any, gates: Gates) -> None:
    many = Many(3, 2, NO_GRACE)
    gates.open("ab")
    many.quorum.ask(gates.says(a=7, b=7, c=late), differs)
    told = list(many.told)
    gates.open("c")
    assert gates.answered["c"].wait(30)
    assert many.ask([1, 1, 1]) == 1
    assert (many.left, reasons(many), many.told) == ("ab", {"c": "nodes/slow"}, told)


@pytest.mark.parametrize(
    ("late", "reason"),
    [(8, "nodes/differs"), (down("c"), "node/unreachable"), (lie("c"), "ethereum/proof")],
    ids=["differs", "down", "contradicts"],
)
def test_a_node_that_answers_otherwise_within_its_grace_is_never_called_slow(
    late: Any, reason: str, gates: Gates
) -> None:
    many = Many(3, 2, FOR_EVER)
    gates.open("ab")
    threading.Timer(0.05, gates.open, "c").start()
    assert many.quorum.ask(gates.says(a=7, b=7, c=late), differs) == 7
    assert reasons(many) == {"c": reason}


def test_a_node_that_agrees_within_its_grace_stays(gates: Gates) -> None:
    many = Many(3, 2, FOR_EVER)
    gates.open("ab")
    threading.Timer(0.05, gates.open, "c").start()
    assert many.quorum.ask(gates.says(a=7, b=7, c=7), differs) == 7
    assert many.left == "abc"


NEEDED: dict[str, tuple[int, int, dict[str, Any], str]] = {
    "the only node": (1, 1, {"a": 7}, ""),
    "one of two": (2, 2, {"a": 7, "b": 7}, "b"),
    "one of three, of which all are needed": (3, 3, {"a": 7, "b": 7, "c": 7}, "bc"),
    "one of three, as another is down": (3, 2, {"a": down("a"), "b": 7, "c": 7}, "ab"),
    "one of three, as another contradicts": (3, 2, {"a": lie("a"), "b": 7, "c": 7}, "ab"),
    "one of three, as the others differ": (3, 2, {"a": 8, "b": 7, "c": 7}, "ab"),
    "two of five, as two others differ": (5, 3, {"a": 8, "b": 8, "c": 7, "d": 7, "e": 7}, "abc"),
}


@pytest.mark.parametrize("case", NEEDED)
def test_a_node_that_is_needed_is_waited_for_without_a_grace(case: str, gates: Gates) -> None:
    nodes, needed, answers, fast = NEEDED[case]
    many = Many(nodes, needed, NO_GRACE)
    gates.open(fast)
    threading.Timer(0.1, gates.open, ["".join(set(NAMES) - set(fast))]).start()
    assert many.quorum.ask(gates.says(**answers), differs) == 7
    assert many.left == "".join(name for name, answer in answers.items() if answer == 7)


def test_answers_that_may_differ_are_waited_for_while_too_few_are_equal(gates: Gates) -> None:
    """So that of three a slow sound one keeps a false one from choosing how old a block is."""
    many = Many(3, 2, NO_GRACE)
    gates.open("ab")
    threading.Timer(0.1, gates.open, "c").start()
    answers = many.quorum.each(gates.says(a=1, b=100, c=101))
    assert [answer.value for answer in answers] == [1, 100, 101]
    assert many.left == "abc"


def test_the_grace_is_for_all_questions_together_and_each_node_has_its_own(
    gates: Gates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time stands still but for a slow node, which takes 12 s for a question for which the others take none."""
    clock = [0.0]
    many = Many(5, 3, 30.0)
    patience = many.quorum._patience
    monkeypatch.setattr("attest.chains.nodes.patience.time.monotonic", lambda: clock[0])

    def put(slow: str) -> None:
        patience._took.clear()

        def question(node: Node) -> int:
            if node.name == slow:
                while len(patience._took) < len(many.quorum.nodes) - 1:
                    threading.Event().wait(0.001)
                clock[0] += 12.0
            return 7

        many.quorum.ask(question, differs)

    for slow in ("a", "b", "a", "b", "a"):
        put(slow)
    assert many.left == "abcde"
    gates.open("bcde")
    many.quorum.ask(gates.says(**dict.fromkeys(NAMES, 7)), differs)
    assert reasons(many) == {"a": "nodes/slow"}
    put("c")
    assert many.left == "bcde"


def test_what_proves_itself_is_asked_of_the_fastest_node(gates: Gates) -> None:
    many = Many(3, 2, FOR_EVER)

    def in_turn() -> None:
        for name in "cba":
            gates.open(name)
            assert gates.answered[name].wait(30)
            threading.Event().wait(0.02)

    threading.Thread(target=in_turn).start()
    many.quorum.ask(gates.says(a=7, b=7, c=7), differs)
    assert "".join(node.name for node in many.quorum.by_speed) == "cba"
    assert many.first([1, 2, 3]) == 3
    assert many.first([1, 2, down("c")]) == 2
    assert "".join(many.asked) == "ccb"


def hanging(names: str, **answers: Any) -> Callable[[Node], Any]:
    """A question to which some nodes say nothing until they are hung up on."""

    def question(node: Node) -> Any:
        if node.name in names:
            assert node._hung_up.wait(30)
            raise down(node.name)
        return answers[node.name]

    return question


def test_a_node_that_takes_long_for_a_proof_is_left_for_the_next_and_asked_last_from_then_on() -> None:
    many = Many(3, 2)
    many.quorum._alone_seconds = 0.01
    assert many.quorum.first(hanging("a", b=2, c=3)) == 2
    assert "".join(node.name for node in many.quorum.by_speed) == "bca"
    assert many.first([1, 2, 3]) == 2
    assert (many.left, many.told) == ("abc", [])


def test_the_last_node_that_may_have_a_proof_is_waited_for(gates: Gates) -> None:
    many = Many(2, 2)
    many.quorum._alone_seconds = 0.01
    threading.Timer(0.1, gates.open, "b").start()
    gates.open("a")
    assert many.quorum.first(gates.says(a=down("a"), b=2)) == 2


def test_nodes_that_all_take_long_for_a_proof_are_given_the_time_in_the_end() -> None:
    many = Many(3, 2)
    many.quorum._alone_seconds = 0.01
    times = dict.fromkeys("abc", 0)

    def question(node: Node) -> str:
        times[node.name] += 1
        if times["c"] == 0 or node.name == "c":
            if node.name == "c":
                raise down("c")
            assert node._hung_up.wait(30)
            raise down(node.name)
        return node.name

    assert many.quorum.first(question) == "a"
    assert times == {"a": 2, "b": 1, "c": 1}
    assert many.quorum._alone_seconds == 0.04


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"b": 2, "c": 3}, [2, 3]),
        ({"b": down("b"), "c": 3}, ["node/unreachable", 3]),
        ({"b": down("b"), "c": down("c")}, ["node/unreachable", "node/unreachable", 1]),
    ],
    ids=["both others answer", "one answers", "none answers"],
)
def test_a_hint_that_takes_long_is_waited_for_when_no_other_node_gives_one(
    others: dict[str, Any], said: list[Any]
) -> None:
    many = Many(3, 2)
    many.quorum._alone_seconds = 0.01
    asked: list[str] = []

    def question(node: Node) -> Any:
        asked.append(node.name)
        if node.name == "a":
            if asked.count("a") == 1:
                assert node._hung_up.wait(30)
                raise down("a")
            return 1
        if isinstance(answer := others[node.name], AttestError):
            raise answer
        return answer

    assert [getattr(answer, "code", answer) for answer in many.quorum.in_turn(question)] == said
    assert many.left == "abc"
    if 1 not in said:
        asked.clear()
        list(many.quorum.in_turn(question))
        assert "a" not in asked


def test_too_few_after_a_slow_one_was_dropped_bring_it_back(gates: Gates) -> None:
    many = Many(3, 2, NO_GRACE)
    gates.open("ab")
    many.quorum.ask(gates.says(a=7, b=7, c=7), differs)
    gates.open("c")
    many.quorum._patience._threads[many.quorum._out["c"].node].join(30)
    assert many.ask([1, down("b"), 1]) == 1
    assert (many.left, reasons(many)) == ("ac", {"b": "node/unreachable"})


def test_a_slow_node_that_is_still_busy_is_not_asked_at_the_same_time(gates: Gates) -> None:
    many = Many(3, 2, NO_GRACE)
    gates.open("ab")
    many.quorum.ask(gates.says(a=7, b=7, c=7), differs)
    gates.asked.clear()
    with pytest.raises(AttestError) as caught:
        many.quorum.ask(gates.says(a=1, b=down("b"), c=1), differs)
    assert caught.value.code == "nodes/too-few"
    assert "node c is slower than the others" in caught.value.message
    assert not isinstance(caught.value, VerificationError)
    assert sorted(gates.asked) == ["a", "b"]


def test_a_slow_node_is_hung_up_on_and_asked_nothing_more_until_it_comes_back(server: FaultServer) -> None:
    def silent(handler: BaseHTTPRequestHandler, request: Any) -> None:
        server.closing.wait(30)
        honest(handler, request)

    one, other = FaultServer(), FaultServer()
    server.behaviour = silent
    hasty: dict[str, Any] = {"sleep": lambda _: None}
    nodes = [Node("a", one.url), Node("b", other.url, **hasty), Node("c", server.url)]
    quorum = Quorum(CHAIN, nodes, 2, lambda _: None, grace=NO_GRACE)

    def twice(node: Node) -> Any:
        return node.call("eth_getBalance", 1), node.call("eth_getBalance", 2)

    try:
        assert quorum.ask(twice, differs) == ("0x1", "0x2")
        assert [(node.name, node.reason) for node in quorum.record().dropped] == [("c", "nodes/slow")]
        quorum._patience._threads[nodes[2]].join(10)
        assert quorum._patience.is_free(nodes[2])
        assert server.requests == 1
        server.behaviour = honest
        other.behaviour = reset
        assert quorum.ask(lambda node: node.call("eth_getBalance", 3), differs) == "0x3"
        assert [node.name for node in quorum.nodes] == ["a", "c"]
    finally:
        one.close()
        other.close()
