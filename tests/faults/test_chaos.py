"""Some cases of the chaos, one of each kind; `tests/release` runs all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import chaos

CASES = dict(chaos.cases())
CHOSEN = ["seed 000", "seed 001", "seed 002", "seed 003", "seed 009"]


@pytest.mark.parametrize("name", [name for name in CASES if name[:8] in CHOSEN])
def test_no_trouble_of_nodes_makes_a_wrong_total_or_stops_a_month(name: str, tmp_path: Path) -> None:
    assert CASES[name](tmp_path)
