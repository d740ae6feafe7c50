"""What attest once said of a bundle it says for ever: every version of the corpus, verified from its files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FIXTURES
from tests.world.corpus import outcome

VERSIONS = sorted(path.parent for path in (FIXTURES / "corpus").glob("*/index.json"))
CASES = [
    pytest.param(folder, case, id=f"{folder.name}: {case['name']}")
    for folder in VERSIONS
    for case in json.loads((folder / "index.json").read_text(encoding="utf-8"))["cases"]
]


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_an_old_bundle_has_the_outcome_that_it_had(folder: Path, case: Any) -> None:
    assert outcome(folder, case) == {"steps": case["steps"], "code": case["code"]}


def test_the_corpus_has_good_and_bad_of_every_step_that_can_fail_offline() -> None:
    index = json.loads((FIXTURES / "corpus" / "v1" / "index.json").read_text(encoding="utf-8"))
    failing = {len(case["steps"]) - 1 for case in index["cases"] if case["code"] is not None}
    # Nothing is read at step 12 here, and what is stale or adverse is true nevertheless.
    assert failing == set(range(15)) - {12}
    passing = [case["steps"] for case in index["cases"] if case["code"] is None]
    assert {len(steps) for steps in passing} == {16}
    for number in (*range(12), 14, 15):
        assert any(steps[number] == "VERIFIED" for steps in passing), number
    assert any(steps[number] == "NOT MET" for steps in passing for number in (13, 14, 15))


def test_every_file_of_the_corpus_is_in_a_case() -> None:
    for folder in VERSIONS:
        index = (folder / "index.json").read_text(encoding="utf-8")
        unused = [path.name for path in folder.iterdir() if path.name != "index.json" and f'"{path.name}"' not in index]
        assert unused == []
