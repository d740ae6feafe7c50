"""That `tests` is this folder, although a library installs a package of that name (bitcoinlib has its tests in one)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LONGEST

REPOSITORY = Path(__file__).parents[1]
COLLECT = ["--collect-only", "--quiet", "-p", "no:cacheprovider"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose path begins with another package `tests`, before all that is installed."""
    (tmp_path / "stray/tests").mkdir(parents=True)
    (tmp_path / "stray/tests/__init__.py").write_text("raise SystemExit('another package of the name tests')\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "stray")}


@pytest.mark.parametrize(
    "name",
    ["tests.bench.reserves", "tests.fuzz.run", "tests.locks.check", "tests.mutation.run", "tests.release.__main__"],
)
def test_a_command_started_in_the_repository_is_ours(name: str, environment: dict[str, str]) -> None:
    found = f"from importlib.util import find_spec; print(find_spec({name!r}).origin)"
    ran = subprocess.run(
        [sys.executable, "-c", found], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()) == REPOSITORY / f"{name.replace('.', '/')}.py"


def test_a_command_runs_although_another_package_stands_before_it(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "tests.locks.check"], cwd=REPOSITORY, env=environment, check=True)


@pytest.mark.parametrize("start", [".", "tests/cli", "/"])
def test_pytest_collects_ours_wherever_it_is_started(start: str, environment: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *COLLECT, str(REPOSITORY / "tests/test_locks.py")],
        cwd=REPOSITORY / start,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tests/test_locks.py::test_each_list_fits_pyproject[tests]" in ran.stdout


def test_what_is_tried_first_is_there() -> None:
    assert [name for name in LONGEST if not (REPOSITORY / "tests" / name).is_file()] == []
