"""The real anvil, geth and bitcoind, which tests/install-nodes puts into .tools/bin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"
WITHOUT_GETH = pytest.StashKey[int]()


@pytest.fixture(scope="module", autouse=True)
def programs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(TOOLS), prepend=os.pathsep)
        missing = [name for name in ("anvil", "bitcoind") if shutil.which(name) is None]
        if missing and "CI" not in os.environ:
            pytest.skip(f"{' and '.join(missing)} not found: run tests/install-nodes")
        yield


@pytest.fixture(scope="module", params=["anvil", pytest.param("geth", marks=pytest.mark.geth)])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of Ethereum node, for `sandbox`."""
    return str(request.param)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs geth where it cannot be had, for it is built from source; CI has it and must run this."""
    if "CI" in os.environ or shutil.which("geth", path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"):
        return
    left_out = [item for item in items if item.get_closest_marker("geth")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        config.stash[WITHOUT_GETH] = len(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(WITHOUT_GETH, 0):
        terminalreporter.write_line(
            f"{count} tests over a real geth were left out, because there is none here: install Go 1.25 or later, "
            "then run tests/install-nodes"
        )
