"""Where the page and Python say something else, it is told."""

from __future__ import annotations

import pytest

from tests.web.given import Outcome, differences

V, F, OPEN, UNMET = "VERIFIED", "FAILED", "NOT CHECKED", "NOT MET"


@pytest.mark.parametrize(
    ("page", "python", "told"),
    [
        (Outcome((V, V), None), Outcome((V, V), None), False),
        (Outcome((V, V), None), Outcome((V, OPEN), None), True),
        (Outcome((V, UNMET), None), Outcome((V, V), None), True),
        (Outcome((V, F), "a/b"), Outcome((V, F), "a/b"), False),
        (Outcome((V, F), "a/b"), Outcome((V, F), "a/c"), True),
        (Outcome((V, F), "a/b"), Outcome((V, V, V), None), True),
        (Outcome((V, V, V), None), Outcome((V, F), "a/b"), True),
        (Outcome((), "a/b"), Outcome((V, V), None), True),
        (Outcome((V, OPEN, V), None, frozenset({1})), Outcome((V, V, V), None), False),
        (Outcome((V, OPEN, V), None, frozenset({1})), Outcome((V, UNMET, V), None), False),
        (Outcome((V, OPEN, V), None, frozenset({1})), Outcome((V, F), "a/b"), False),
        (Outcome((V, OPEN, V), None, frozenset({1})), Outcome((V, V, F), "a/b"), True),
        (Outcome((V, OPEN, F), "a/b", frozenset({1})), Outcome((V, V, V), None), True),
        (Outcome((V, V, V), None, frozenset({1})), Outcome((V, OPEN, V), None), True),
    ],
)
def test_a_difference_is_told_but_in_a_step_that_the_page_leaves_to_others(
    page: Outcome, python: Outcome, *, told: bool
) -> None:
    assert bool(list(differences(page, python))) is told
