"""What the source of a release holds, of which anyone can build the wheel and the page again."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_the_source_has_that_of_the_page_and_nothing_that_npm_installed(tmp_path: Path) -> None:
    build = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    ran = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    with tarfile.open(tmp_path / ran.stdout.splitlines()[-1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"attest/web/{name}" for name in ("verify.html", "verify/build.mjs", "verify/package-lock.json")} <= names
    assert {"docs/check-your-balance.md", "docs/host-the-page.md", "docs/the-page-in-an-app.md"} <= names
    assert not [name for name in names if "node_modules" in name]
