"""Nodes that failed and are asked again: they count when they say the same of everything, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attest.chains.nodes.rpc import Node
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from tests.world.many import NAMES, Many, down, gone, kept, lie


def reasons(many: Many) -> dict[str, str]:
    return {node.name: node.reason for node in many.quorum.record().dropped}


class Script:
    """Questions by number, whose answers by node can change while a test goes on; it counts who was asked what."""

    def __init__(self, many: Many) -> None:
        self.many = many
        self.answers: dict[tuple[int, str], Any] = {}
        self.asked: list[tuple[int, str]] = []

    def question(self, number: int) -> Callable[[Node], Any]:
        def question(node: Node) -> Any:
            self.asked.append((number, node.name))
            answer = self.answers.get((number, node.name), number)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return question

    def ask(self, number: int, **answers: Any) -> Any:
        """Put a question. A node answers with its number, unless it is said otherwise."""
        self.answers |= {(number, name): answer for name, answer in answers.items()}
        return self.many.quorum.ask(self.question(number), lambda one, other: f"says {other}, not {one}")

    def mend(self, name: str) -> None:
        """Let a node give the right answers from now on."""
        self.answers = {key: answer for key, answer in self.answers.items() if key[1] != name}


def test_a_node_that_failed_is_asked_again_for_everything_when_the_others_become_too_few() -> None:
    script = Script(many := Many(3, 2))
    script.ask(1)
    script.ask(2, a=down("a"))
    script.ask(3)
    assert (many.left, reasons(many)) == ("bc", {"a": "node/unreachable"})
    script.mend("a")
    script.asked.clear()
    assert script.ask(4, b=down("b")) == 4
    assert (many.left, reasons(many)) == ("ac", {"b": "node/unreachable"})
    assert [number for number, name in script.asked if name == "a"] == [1, 2, 3, 4]
    assert many.told[-2:] == [
        "asking again for what was read so far: a",
        "node a says the same as the others: it counts again",
    ]


def test_nobody_is_asked_again_while_enough_agree() -> None:
    script = Script(many := Many(3, 2))
    script.ask(1, a=down("a"))
    script.mend("a")
    script.asked.clear()
    script.ask(2)
    assert "a" not in {name for _, name in script.asked}
    assert reasons(many) == {"a": "node/unreachable"}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_other_answer_to_what_was_agreed_on_keeps_a_node_out_for_good(number: int) -> None:
    script = Script(many := Many(3, 2))
    script.ask(1)
    script.ask(2, a=down("a"))
    script.ask(3)
    script.mend("a")
    script.answers[number, "a"] = 99
    with pytest.raises(VerificationError, match="1 of 3 nodes are left") as caught:
        script.ask(4, b=down("b"))
    assert "node a, asked again, gave another answer than the others" in caught.value.message
    assert reasons(many)["a"] == "nodes/differs"
    assert many.quorum.failed == ("b",)


@pytest.mark.parametrize("error", [lie("a"), 99], ids=["contradicts itself", "differs"])
def test_a_node_that_gave_another_answer_is_not_asked_again(error: Any) -> None:
    script = Script(many := Many(3, 2))
    script.ask(1, a=error)
    script.mend("a")
    script.asked.clear()
    with pytest.raises(AttestError):
        script.ask(2, b=down("b"))
    assert "a" not in {name for _, name in script.asked}
    assert many.quorum.failed == ("b",)


def test_a_node_that_had_another_block_for_a_while_is_asked_again() -> None:
    script = Script(many := Many(3, 2))
    script.ask(1, a=gone("a"))
    script.mend("a")
    assert script.ask(2, b=down("b")) == 2
    assert many.left == "ac"


def test_a_node_that_failed_settles_what_the_others_disagree_on() -> None:
    script = Script(many := Many(3, 2))
    script.ask(1, a=down("a"))
    script.mend("a")
    assert script.ask(2, b=99) == 2
    assert (many.left, reasons(many)) == ("ac", {"b": "nodes/differs"})


def test_a_node_that_failed_gives_the_proof_that_the_others_cannot() -> None:
    script = Script(many := Many(3, 2))
    script.ask(1, a=down("a"))
    script.mend("a")
    script.answers |= {(2, "b"): down("b"), (2, "c"): down("c")}
    assert many.quorum.first(script.question(2)) == 2
    assert many.left == "abc"


def test_what_has_just_failed_is_not_asked_again_at_once() -> None:
    script = Script(Many(3, 2))
    with pytest.raises(UnavailableError, match="1 of 3 nodes are left"):
        script.ask(1, a=down("a"), b=down("b"))
    assert sorted(script.asked) == [(1, "a"), (1, "b"), (1, "c")]


def test_a_node_that_comes_and_goes_is_asked_again_so_many_times_and_no_more() -> None:
    script = Script(many := Many(3, 2))
    script.ask(0, a=down("a"))
    out, other = "a", "b"
    for number in range(1, 7):
        script.mend(out)
        script.ask(number, **{other: down(other)})
        out, other = other, out
    script.mend(out)
    with pytest.raises(UnavailableError, match="nodes are left"):
        script.ask(7, **{other: down(other)})
    assert len([text for text in many.told if text.startswith("asking again")]) == 6


def test_checks_are_passed_again_too() -> None:
    script = Script(many := Many(3, 2))

    def on_chain(node: Node) -> None:
        if script.question(1)(node) != 1:
            raise VerificationError("ethereum/chain", f"node {node.name} is on another chain")

    many.quorum.require(on_chain)
    script.ask(2, a=down("a"))
    script.mend("a")
    script.answers[1, "a"] = 5
    with pytest.raises(VerificationError, match="node a is on another chain"):
        script.ask(3, b=down("b"))


class Kept:
    """What an earlier run kept, as nodes give it now: all the same, but for those in `others`."""

    def __init__(self, **others: AttestError) -> None:
        self.others = others
        self.asked: list[str] = []

    def check(self, node: Node) -> None:
        self.asked.append(node.name)
        if (error := self.others.get(node.name)) is not None:
            raise error


AGAIN: dict[str, tuple[int, Any, str, Kept, str, dict[str, str]]] = {
    "it says the same": (3, kept("bc", a="node/unreachable"), "a", Kept(), "abc", {}),
    "it was slow then": (3, kept("bc", a="nodes/slow"), "a", Kept(), "abc", {}),
    "it fails again": (
        3,
        kept("bc", a="nodes/slow"),
        "a",
        Kept(a=down("a")),
        "bc",
        {"a": "node/unreachable"},
    ),
    "it says otherwise": (3, kept("bc", a="node/http"), "a", Kept(a=lie("a")), "bc", {"a": "ethereum/proof"}),
    "it was not asked then": (3, kept("ab"), "", Kept(), "abc", {}),
    "it differed then": (3, kept("bc", a="nodes/differs"), "", Kept(), "bc", {"a": "nodes/differs"}),
    "it contradicted itself then": (3, kept("bc", a="bitcoin/scan"), "", Kept(), "bc", {"a": "bitcoin/scan"}),
    "two of five failed, one of them again": (
        5,
        kept("abc", needed=3, d="node/http", e="nodes/slow"),
        "de",
        Kept(e=down("e")),
        "abcd",
        {"e": "node/unreachable"},
    ),
    "one failed and one differed": (
        5,
        kept("abc", needed=3, d="node/http", e="nodes/differs"),
        "d",
        Kept(),
        "abcd",
        {"e": "nodes/differs"},
    ),
    "another node stands in the config for one that gave it": (2, kept("ac"), "", Kept(), "ab", {}),
    "others stand in the config for all that gave it": (2, kept("ef"), "", Kept(), "ab", {}),
}


@pytest.mark.parametrize("case", AGAIN)
def test_after_an_interruption_nodes_count_that_say_the_same_of_what_was_kept(case: str) -> None:
    nodes, before, failed, now, left, out = AGAIN[case]
    many = Many(nodes, before.needed)
    now.asked.clear()
    many.quorum.go_on_after(before, failed, now.check, "the journal")
    assert (many.left, reasons(many)) == (left, out)
    differed = {node.name for node in before.dropped} - {*failed}
    assert set(now.asked) == set(NAMES[:nodes]) - {*before.agreed} - differed


def test_a_node_that_failed_saves_a_reading_that_goes_on() -> None:
    many = Many(3, 2)
    many.quorum.go_on_after(kept("bc", a="node/unreachable"), ["a"], Kept().check, "the journal")
    assert many.ask([7, 7, 8]) == 7
    assert many.left == "ab"


def test_a_node_that_gave_what_was_kept_is_not_asked_for_it_again() -> None:
    many, before = Many(3, 2), Kept()
    many.quorum.go_on_after(kept("bc", a="node/unreachable"), ["a"], before.check, "the journal")
    script = Script(many)
    script.ask(1, b=down("b"))
    script.mend("b")
    before.asked.clear()
    script.ask(2, c=down("c"))
    assert (many.left, before.asked) == ("ab", [])


def test_a_node_that_failed_before_and_now_is_asked_for_what_was_kept_when_it_is_needed() -> None:
    many, before = Many(3, 2), Kept(a=down("a"))
    many.quorum.go_on_after(kept("bc", a="node/unreachable"), ["a"], before.check, "the journal")
    before.others.clear()
    before.asked.clear()
    assert Script(many).ask(1, b=down("b")) == 1
    assert (many.left, before.asked) == ("ac", ["a"])


def test_nodes_that_still_fail_are_no_fault_of_the_config() -> None:
    many = Many(3, 3)
    with pytest.raises(UnavailableError, match="node a: no answer") as caught:
        many.quorum.go_on_after(kept("bc", a="node/http"), ["a"], Kept(a=down("a")).check, "the journal")
    assert caught.value.code == "nodes/too-few"


def test_too_few_that_can_vouch_are_told_which_file_to_move_and_what_that_costs() -> None:
    many = Many(2, 2)
    with pytest.raises(MalformedError) as caught:
        many.quorum.go_on_after(kept("ac"), (), Kept(b=lie("b")).check, "private/2026-10.reading")
    assert caught.value.code == "journal/nodes"
    assert "what 2 nodes gave (a, c); of the config's nodes 1 say the same, and 2 must. node b lied" in str(
        caught.value
    )
    assert "move private/2026-10.reading away to read anew" in str(caught.value.hint)
    assert "no longer have the state" in str(caught.value.hint)
