"""Whether a campaign that was stopped goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.worker import Worker
from tests.release import __main__ as release

PART = "pairs"
CASE = "key new and key new: at once"


def test_a_line_that_was_cut_short_is_taken_off(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    state.write_text('{"case":"a"}\n{"case":"b"}\n{"ca')
    assert [item["case"] for item in release.read(state)] == ["a", "b"]
    assert state.read_text() == '{"case":"a"}\n{"case":"b"}\n'
    assert list(release.read(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("change", "again"),
    [({}, 0), ({"source": "other"}, 1), ({"seed": 2}, 1), ({"part": "kills"}, 1)],
    ids=["the same", "another source", "another seed", "another part"],
)
def test_what_is_done_is_not_done_again_but_for_another_source_or_seed(
    change: dict[str, Any], again: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(release, "cases_of", lambda *_, **__: {CASE: None})
    done: list[str] = []

    def run(_: Worker, part: str, name: str, *, seed: int) -> dict[str, Any]:
        done.append(name)
        return {"part": part, "case": name, "figures": {"command": "x", "pairs": seed}, "faults": [], "seconds": 1.0}

    monkeypatch.setattr(Worker, "run", run)
    state = tmp_path / "state.jsonl"
    known = {"source": release.source_digest(), "seed": 1, "part": PART, "case": CASE, "seconds": 2.0, "faults": []}
    state.write_text(json.dumps({**known, "figures": {"command": "x", "pairs": 12}, **change}) + "\n")
    monkeypatch.setattr("sys.argv", ["release", "--parts", PART, "--state", str(state)])
    assert release.main() == 0
    assert len(done) == again
    assert f"{12 if not again else 1} pairs" in capsys.readouterr().out


def test_a_fault_is_an_exit_code_and_none_of_it_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    items = [
        {
            "part": "kills",
            "case": "a: 1",
            "figures": {"command": "a", "kills": 3},
            "faults": ["half a file"],
            "seconds": 1,
        },
        {"part": "kills", "case": "a: 2", "figures": {"command": "a", "kills": 4}, "faults": [], "seconds": 1},
    ]
    assert release.report(items, 2) == 1
    out = capsys.readouterr().out
    assert "7 kills, 1 faults" in out
    assert "FAULT in kills: half a file" in out
    assert release.report(items[1:], 2) == 0


def test_a_worker_that_dies_is_a_fault_of_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "cases_of", lambda *_, **__: {CASE: None, "another": None})

    def run(_: Worker, part: str, name: str, *, seed: int) -> dict[str, Any]:
        raise RuntimeError(f"the worker ended at {part}, {name} {seed}")

    monkeypatch.setattr(Worker, "run", run)
    state = tmp_path / "state.jsonl"
    monkeypatch.setattr("sys.argv", ["release", "--parts", PART, "--state", str(state)])
    assert release.main() == 1
    assert len(state.read_text().splitlines()) == 2
