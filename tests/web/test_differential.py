"""The page and Python say the same of what was changed and signed again; `tests/release` tries fifty times as many."""

from __future__ import annotations

from tests.web.mutated import Maker
from tests.web.page import PageInNode
from tests.web.trying import hold_against_python

COUNT = 1000


def test_the_page_and_python_say_the_same(page: PageInNode, maker: Maker) -> None:
    tried = hold_against_python(page, maker, 1, range(COUNT))
    assert tried.faults == []
    # Were most of it refused at once, nothing would have been compared.
    assert tried.figures["past step 5"] > COUNT // 3
    assert tried.figures["to the end"] > COUNT // 10
    assert tried.figures["left to others"] < COUNT // 5
    assert tried.figures["of another code"] <= COUNT // 200
