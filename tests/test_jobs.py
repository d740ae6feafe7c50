"""The job files of .github/workflows: what they run exists, with no more rights than reading."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
JOBS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> list[Any]:
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_may_read_the_repository_and_nothing_else(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert not [name for name, job in workflow["jobs"].items() if "permissions" in job or "secrets" in job]
    assert "secrets." not in path.read_text(encoding="utf-8")
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_an_action_is_named_by_its_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    foreign = [action for action in used if not action.startswith("./")]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in foreign)
    assert all((REPOSITORY / action).is_file() for action in used if action.startswith("./"))


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_runs_programs_that_are_here(path: Path) -> None:
    programs = [step["run"] for step in steps(path) if "run" in step]
    assert programs or path.stem == "release"
    assert all(os.access(REPOSITORY / program, os.X_OK) for program in programs), programs


def test_all_kinds_of_versions_are_tried() -> None:
    tried = {
        entry["versions"]
        for job in read(REPOSITORY / ".github/workflows/tests.yml")["jobs"].values()
        for entry in job["strategy"]["matrix"].get("include", [])
    }
    weekly = read(REPOSITORY / ".github/workflows/newest.yml")
    assert tried | {weekly["jobs"]["tests"]["env"]["VERSIONS"]} == {"locked", "floors", "newest"}
    assert weekly[True]["schedule"], "YAML 1.1 reads the word on as true"
