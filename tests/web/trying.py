"""Many things that are made of good ones, given to the page in node and to attest in Python."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from tests.web.given import Outcome, differences, is_code
from tests.web.mutated import Maker
from tests.web.page import PageInNode


class Tried:
    """How far what was tried came, and what is wrong, each in a sentence that says how to have it again."""

    def __init__(self) -> None:
        names = ("tried", "to the end", "past step 5", "left to others", "of another code")
        self.figures: dict[str, int] = dict.fromkeys(names, 0)
        self.faults: list[str] = []

    def count(self, outcome: Outcome) -> None:
        self.figures["tried"] += 1
        self.figures["to the end"] += outcome.code is None
        self.figures["past step 5"] += len(outcome.steps) > 6
        self.figures["left to others"] += bool(outcome.beyond - {14})


def hold_against_python(page: PageInNode, maker: Maker, seed: int, numbers: Iterable[int]) -> Tried:
    """What the page says and what Python says of each that is drawn with the seed and one of `numbers`."""
    tried = Tried()
    for number in numbers:
        kind, given = maker.given(Random(f"{seed} {number}"))
        where = f"Random('{seed} {number}'), {kind}"
        try:
            outcome = page.judge(given)
            tried.count(outcome)
            for difference in differences(outcome, given.in_python()):
                if is_code(difference):
                    tried.figures["of another code"] += 1
                else:
                    tried.faults.append(f"{where}: {difference}")
        except AssertionError as error:
            tried.faults.append(f"{where}: {error}")
    return tried


def try_anyhow(page: PageInNode, maker: Maker, seed: int, numbers: Iterable[int]) -> Tried:
    """Whether anything but the page's own errors comes of bytes that were changed anyhow."""
    tried = Tried()
    for number in numbers:
        random = Random(f"anyhow {seed} {number}")
        given = random.choice((maker.anyhow, maker.anyhow, maker.anyhow_beside))(random)
        try:
            tried.count(page.judge(given))
        except AssertionError as error:
            tried.faults.append(f"Random('anyhow {seed} {number}'): {error}")
    return tried
