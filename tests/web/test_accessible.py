"""axe-core finds no barrier in the page, in any of its states, languages, colours and sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.browser import Browser
from tests.web.states import STATES, enter, write_states

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
# Each state in each size and in each colours, but not in all ways of having them together.
VIEWS = [
    (name, size, colours)
    for number, name in enumerate(STATES)
    for size, colours in zip(SIZES, ("light", "dark") if number % 2 else ("dark", "light"), strict=True)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("states")
    write_states(made)
    return made


@pytest.mark.parametrize(("name", "size", "colours"), VIEWS)
def test_nothing_in_the_page_is_a_barrier(name: str, size: str, colours: str, folder: Path, chromium: Browser) -> None:
    width, height = SIZES[size]
    enter(chromium, folder, name, width=width, height=height, dark=colours == "dark")
    assert STATES[name].word in chromium.evaluate("document.querySelector('#verdict').innerText")
    for lang in ("en", "ja"):
        chromium.do("click", selector=f"#lang-{lang}")
        chromium.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert chromium.do("axe") == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert chromium.evaluate(overflow) <= 0, "the page is wider than the screen"
    assert chromium.evaluate("document.documentElement.lang") == "ja"


def test_a_barrier_that_is_put_into_the_page_is_found(folder: Path, chromium: Browser) -> None:
    enter(chromium, folder, "start")
    chromium.evaluate("document.documentElement.removeAttribute('lang')")
    assert [one["id"] for one in chromium.do("axe")] == ["html-has-lang"]
