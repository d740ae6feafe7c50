"""The real anvil and bitcoind, which tests/install-nodes puts into .tools/bin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"


@pytest.fixture(scope="module", autouse=True)
def programs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(TOOLS), prepend=os.pathsep)
        missing = [name for name in ("anvil", "bitcoind") if shutil.which(name) is None]
        if missing and "CI" not in os.environ:
            pytest.skip(f"{' and '.join(missing)} not found: run tests/install-nodes")
        yield
