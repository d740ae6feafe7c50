"""What several nodes must say alike before any of it is believed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError
from attest.chains.records import NodeAgreement
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from tests.world.many import CHAIN, NAMES, Many, down, gone, kept, lie


class Kept(NamedTuple):
    """Who is left, and what the record says of the others."""

    needed: int
    script: Sequence[Any]
    left: str
    reasons: Mapping[str, str]


KEPT = {
    "one node": Kept(1, [7], "a", {}),
    "two of two": Kept(2, [7, 7], "ab", {}),
    "one of three fails": Kept(2, [7, down("b"), 7], "ac", {"b": "node/unreachable"}),
    "one of three differs": Kept(2, [7, 7, 8], "ab", {"c": "nodes/differs"}),
    "the first of three differs": Kept(2, [8, 7, 7], "bc", {"a": "nodes/differs"}),
    "one of three lies": Kept(2, [lie("a"), 7, 7], "bc", {"a": "ethereum/proof"}),
    "two of five fail in two ways": Kept(
        3, [7, down("b"), 7, 8, 7], "ace", {"b": "node/unreachable", "d": "nodes/differs"}
    ),
    "two of five differ alike": Kept(3, [8, 8, 7, 7, 7], "cde", {"a": "nodes/differs", "b": "nodes/differs"}),
    "two of five differ each in its own way": Kept(
        3, [1, 7, 7, 2, 7], "bce", {"a": "nodes/differs", "d": "nodes/differs"}
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_who_agrees_is_kept_and_who_does_not_is_out_and_named(case: str) -> None:
    needed, script, left, reasons = KEPT[case]
    many = Many(len(script), needed)
    assert many.ask(script) == 7
    assert many.left == left
    record = many.quorum.record()
    assert (record.chain, record.needed, "".join(record.agreed)) == (CHAIN, needed, left)
    assert {node.name: node.reason for node in record.dropped} == reasons
    assert sorted(text[len("going on without node ")] for text in many.told) == sorted(reasons)


def test_it_is_told_in_what_a_node_differs() -> None:
    many = Many(3, 2)
    many.ask([7, 8, 7])
    assert many.told == ["going on without node b: node b says 8, not 7"]


class Refused(NamedTuple):
    """The error, and words of its message."""

    needed: int
    script: Sequence[Any]
    error: type[AttestError]
    code: str
    named: Sequence[str]


REFUSED = {
    "two nodes that differ": Refused(
        2, [7, 8], VerificationError, "nodes/disagree", ["1 of 2 nodes agree, 2 must", "Against a: b says 8, not 7"]
    ),
    "three nodes that all differ": Refused(
        2, [7, 8, 9], VerificationError, "nodes/disagree", ["1 of 3", "b says 8, not 7; c says 9, not 7"]
    ),
    "two camps of two": Refused(
        3, [7, 7, 8, 8], VerificationError, "nodes/disagree", ["2 of 4 nodes agree, 3 must", "Against a: c", "d says 8"]
    ),
    "the larger camp is too small": Refused(
        4, [8, 7, 7, 7, 8], VerificationError, "nodes/disagree", ["3 of 5 nodes agree", "Against b: a says 8, not 7"]
    ),
    "one of two is down": Refused(
        2, [7, down("b")], UnavailableError, "nodes/too-few", ["1 of 2 nodes are left, 2 must", "node b: no answer"]
    ),
    "one of two lies": Refused(2, [lie("a"), 7], VerificationError, "nodes/too-few", ["1 of 2", "node a lied"]),
    "one of three is down and one lies": Refused(
        2, [down("a"), 7, lie("c")], VerificationError, "nodes/too-few", ["node a: no answer. node c lied"]
    ),
    "those that are left differ": Refused(2, [down("a"), 7, 8], VerificationError, "nodes/disagree", ["1 of 2"]),
    "all fail in different ways": Refused(
        2, [down("a"), lie("b"), down("c")], VerificationError, "nodes/too-few", ["0 of 3", "node b lied"]
    ),
    "all are down": Refused(2, [down("a"), down("b")], UnavailableError, "node/unreachable", ["node a: no answer"]),
    "all lie": Refused(2, [lie("a"), lie("b"), lie("c")], VerificationError, "ethereum/proof", ["node a lied"]),
    "the pin is gone on all": Refused(2, [gone("a"), gone("b")], PinLostError, "pin/reorganised", ["node a has"]),
    "the pin is gone on so many that it can never be agreed on": Refused(
        2, [gone("a"), 7, gone("c")], PinLostError, "pin/reorganised", ["node a has another block"]
    ),
    "the pin is gone on one of two, of which both are needed": Refused(
        2, [7, gone("b")], PinLostError, "pin/reorganised", ["node b has another block"]
    ),
    "the pin is gone on one of three and another is down": Refused(
        2, [gone("a"), 7, down("c")], VerificationError, "nodes/too-few", ["node a has another block", "c: no answer"]
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_too_few_that_agree_are_an_error_that_says_who_said_what(case: str) -> None:
    needed, script, kind, code, named = REFUSED[case]
    many = Many(len(script), needed)
    with pytest.raises(AttestError) as caught:
        many.ask(script)
    assert (type(caught.value), caught.value.code) == (kind, code)
    for words in named:
        assert words in caught.value.message


@pytest.mark.parametrize("error", [down("a"), lie("a"), gone("a"), MalformedError("x/y", "z", hint="h")], ids=repr)
def test_the_error_of_a_single_node_is_its_own(error: AttestError) -> None:
    for call in (Many(1, 1).ask, Many(1, 1).first):
        with pytest.raises(AttestError) as caught:
            call([error])
        assert caught.value is error


def test_a_node_that_is_out_is_never_asked_again() -> None:
    many = Many(4, 3)
    many.ask([7, 7, 8, 7])
    many.asked.clear()
    assert many.ask([1, 1, 1, 1]) == 1
    assert many.first([1, 1, 1, 1]) == 1
    assert sorted(set(many.asked)) == ["a", "b", "d"]
    with pytest.raises(VerificationError, match=r"2 of 4 nodes are left.*node c says 8.*node a: no answer"):
        many.ask([down("a"), 1, 1, 1])


@pytest.mark.parametrize(("nodes", "needed"), [(1, 0), (1, 2), (2, 1), (2, 3), (3, 1), (4, 2), (0, 0), (3, -2)])
def test_half_of_the_nodes_or_fewer_or_more_than_there_are_cannot_be_enough(nodes: int, needed: int) -> None:
    with pytest.raises(ValueError, match="more than half"):
        Many(nodes, needed)


@pytest.mark.parametrize(("nodes", "needed", "several"), [(1, 1, False), (2, 2, True), (3, 2, True), (3, 3, True)])
def test_a_figure_is_given_by_several_when_several_are_needed(nodes: int, needed: int, *, several: bool) -> None:
    assert Many(nodes, needed).quorum.several is several


def says_otherwise(node: Node) -> None:
    raise VerificationError("nodes/differs", f"node {node.name} says something else of wallet w1")


GONE_ON = {
    "all gave it": (3, 2, kept("abc"), "abc", {}),
    "one differed then": (3, 2, kept("ac", b="nodes/differs"), "ac", {"b": "nodes/differs"}),
    "one was not asked then and says otherwise now": (3, 2, kept("ab"), "ab", {"c": "nodes/differs"}),
    "one that gave it is not asked any more": (2, 2, kept("abc", d="x"), "ab", {}),
    "more are needed now": (3, 3, kept("abc"), "abc", {}),
    "one node, then as now": (1, 1, kept("a", needed=1), "a", {}),
}


@pytest.mark.parametrize("case", GONE_ON)
def test_only_nodes_that_gave_what_was_read_before_go_on(case: str) -> None:
    nodes, needed, before, left, reasons = GONE_ON[case]
    many = Many(nodes, needed)
    many.quorum.go_on_after(before, (), says_otherwise, "the journal")
    assert many.left == left
    record = many.quorum.record()
    assert "".join(record.agreed) == left
    assert {node.name: node.reason for node in record.dropped} == reasons


@pytest.mark.parametrize(
    ("nodes", "needed", "before"),
    [
        (2, 2, kept("ac")),
        (2, 2, kept("ef")),
        (3, 3, kept("ab", c="nodes/differs")),
        (1, 1, kept("ab")),
        (2, 2, kept("ab", needed=1)),
    ],
    ids=["one was replaced", "all were replaced", "more are needed now", "one alone now", "one was enough then"],
)
def test_what_too_few_of_the_nodes_gave_is_not_gone_on_with(nodes: int, needed: int, before: NodeAgreement) -> None:
    many = Many(nodes, needed)
    with pytest.raises(MalformedError, match="unfinished reading") as caught:
        many.quorum.go_on_after(before, (), says_otherwise, "the journal")
    assert caught.value.code == "journal/nodes"
    assert "move the journal away" in str(caught.value.hint)


FIRST = {
    "the first answers": (2, [1, 2, 3], 1, "abc"),
    "one that is down is passed over and stays": (2, [down("a"), 2, 3], 2, "abc"),
    "one that lies is out": (2, [lie("a"), 2, 3], 2, "bc"),
    "one is down, one lies": (2, [down("a"), lie("b"), 3], 3, "ac"),
}


@pytest.mark.parametrize("case", FIRST)
def test_what_proves_itself_comes_from_the_first_node_that_gives_it(case: str) -> None:
    needed, script, answer, left = FIRST[case]
    many = Many(len(script), needed)
    assert many.first(script) == answer
    assert many.left == left
    assert "".join(many.asked) == NAMES[: script.index(answer) + 1]


def test_a_node_that_could_not_answer_is_asked_last_from_then_on() -> None:
    many = Many(3, 2)
    assert many.first([down("a"), 2, 3]) == 2
    many.asked.clear()
    assert many.first([1, down("b"), 3]) == 3
    assert "".join(many.asked) == "bc"
    many.asked.clear()
    assert many.first([1, 2, down("c")]) == 1
    assert "".join(many.asked) == "ca"
    assert many.left == "abc"


def test_what_no_node_can_give_is_the_error_of_the_first() -> None:
    many = Many(3, 2)
    with pytest.raises(UnavailableError, match="node a: no answer"):
        many.first([down("a"), down("b"), down("c")])
    assert many.left == "abc"


def test_liars_cannot_make_too_few_of_many_for_what_proves_itself() -> None:
    many = Many(3, 2)
    with pytest.raises(VerificationError, match="1 of 3 nodes are left") as caught:
        many.first([lie("a"), lie("b"), 3])
    assert caught.value.code == "nodes/too-few"
    assert many.asked == ["a", "b"]


@given(st.data())
def test_no_answer_of_fewer_than_needed_is_ever_returned(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    needed = data.draw(st.integers(count // 2 + 1, count))
    many = Many(count, needed)
    out: set[str] = set()
    for _ in range(data.draw(st.integers(1, 3))):
        script = [
            data.draw(st.one_of(st.integers(0, 2), st.sampled_from([down(name), lie(name), gone(name)])))
            for name in NAMES[:count]
        ]
        many.asked.clear()
        said = {name: answer for name, answer in zip(NAMES, script, strict=False) if name not in out}
        givers = {
            value: [name for name, answer in said.items() if answer == value and isinstance(answer, int)]
            for value in range(3)
        }
        enough = [value for value, names in givers.items() if len(names) >= needed]
        if not enough:
            with pytest.raises(AttestError):
                many.ask(script)
            return
        assert [many.ask(script)] == enough
        assert sorted(many.asked) == sorted(said)
        assert list(many.left) == givers[enough[0]]
        out = set(NAMES[:count]) - set(many.left)


def test_a_bug_in_a_thread_is_raised_where_the_caller_is() -> None:
    many = Many(3, 2)
    bug = KeyError("oops")
    with pytest.raises(KeyError) as caught:
        many.ask([7, bug, 7])
    assert caught.value is bug
    assert many.told == []


def test_nodes_are_asked_at_the_same_time() -> None:
    many = Many(3, 3)
    meeting = threading.Barrier(3, timeout=30)
    assert many.quorum.ask(lambda _: meeting.wait() >= 0, lambda *_: "")


def test_an_interruption_ends_the_wait_for_a_slow_node() -> None:
    many = Many(2, 2)
    release, ended = threading.Event(), threading.Event()

    def slow(node: Node) -> int:
        if node.name == "a":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            release.wait(60)
            ended.set()
        return 7

    try:
        with pytest.raises(KeyboardInterrupt):
            many.quorum.ask(slow, lambda *_: "")
        assert not ended.is_set()
        others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
        assert all(thread.daemon for thread in others)  # the interpreter does not wait for it either
    finally:
        release.set()
    assert ended.wait(30)
