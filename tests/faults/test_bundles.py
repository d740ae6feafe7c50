"""A few rounds of adding to one bundle at once, with kills; `tests/release` runs many."""

from __future__ import annotations

from pathlib import Path

from tests.faults import bundles


def test_nothing_is_lost_and_nothing_is_twice_when_several_add_to_a_bundle_and_some_are_killed(tmp_path: Path) -> None:
    assert bundles.run(tmp_path, seed=7, rounds=2)["rounds"] == 2
