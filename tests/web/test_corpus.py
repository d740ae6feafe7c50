"""Every case of the frozen corpus in the page's verifier: what attest once said of it, the page says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.web.given import Given, Outcome, corpus, differences
from tests.web.page import PageInNode

LEFT_TO_OTHERS = Path(__file__).parent / "left-to-others.json"
POLICIES = 14


def test_the_page_says_of_every_step_what_the_index_of_the_corpus_says(page: PageInNode) -> None:
    wrong, left = [], {}
    for name, (folder, case) in corpus().items():
        outcome = page.judge(Given.of_case(folder, case))
        expected = Outcome(tuple(case["steps"]), case["code"])
        wrong += [f"{name}: {difference}" for difference in differences(outcome, expected)]
        if steps := sorted(outcome.beyond - {POLICIES}):
            left[name] = steps
    assert wrong == []
    # What the page does not check is known by name, so that it cannot grow unseen.
    assert left == json.loads(LEFT_TO_OTHERS.read_text(encoding="utf-8"))


def test_the_page_verifies_steps_and_not_only_leaves_them(page: PageInNode) -> None:
    outcomes = [page.judge(Given.of_case(*case)) for case in corpus().values()]
    for number in (*range(12), 13, 15):
        assert any(number < len(one.steps) and one.steps[number] == "VERIFIED" for one in outcomes), number
        assert number == 15 or any(len(one.steps) == number + 1 and one.code for one in outcomes), number
    assert any(one.steps[13:14] == ("NOT MET",) for one in outcomes)
    assert any(one.steps[15:] == ("NOT MET",) for one in outcomes)
