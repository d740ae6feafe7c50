"""Every case of the frozen corpus in the page's verifier: what attest once said of it, the page says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.web.given import Given, Outcome, corpus, differences
from tests.web.page import PageInNode

LEFT_TO_OTHERS = Path(__file__).parent / "left-to-others.json"
POLICIES = 14


@pytest.fixture(scope="module")
def outcomes(page: PageInNode) -> dict[str, tuple[Outcome, Outcome]]:
    """What the page says of each case, and what its index says."""
    return {
        name: (page.judge(Given.of_case(folder, case)), Outcome(tuple(case["steps"]), case["code"]))
        for name, (folder, case) in corpus().items()
    }


def test_the_page_says_of_every_step_what_the_index_of_the_corpus_says(
    outcomes: dict[str, tuple[Outcome, Outcome]],
) -> None:
    wrong = [f"{name}: {told}" for name, (mine, indexed) in outcomes.items() for told in differences(mine, indexed)]
    assert wrong == []


def test_what_the_page_leaves_to_others_is_known_by_name(outcomes: dict[str, tuple[Outcome, Outcome]]) -> None:
    left = {name: sorted(mine.beyond - {POLICIES}) for name, (mine, _) in outcomes.items()}
    known = json.loads(LEFT_TO_OTHERS.read_text(encoding="utf-8"))
    assert {name: steps for name, steps in left.items() if steps} == known


def test_the_page_verifies_steps_and_does_not_only_leave_them(outcomes: dict[str, tuple[Outcome, Outcome]]) -> None:
    all_of_them = [mine for mine, _ in outcomes.values()]
    # Without authorities of timestamps step 6 is verified of nothing; no node is asked, and no policy evaluated.
    for number in (*range(6), *range(7, 12), 13, 15):
        assert any(one.steps[number : number + 1] == ("VERIFIED",) for one in all_of_them), number
    for number in (*range(12), 13):
        assert any(len(one.steps) == number + 1 and one.steps[-1] == "FAILED" for one in all_of_them), number
    for number in (13, 15):
        assert any(one.steps[number : number + 1] == ("NOT MET",) for one in all_of_them), number
