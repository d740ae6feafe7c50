"""What `pip install .` gives: the demo runs from the wheel alone, far from the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from attest.policy.rulesets import ruleset_names

REPOSITORY = Path(__file__).parents[1]


def test_the_wheel_holds_the_demo_and_the_specification_and_no_scripts(tmp_path: Path) -> None:
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(REPOSITORY),
    ]
    subprocess.run(wheel, check=True)
    (path,) = tmp_path.glob("attest_por-*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert {"attest/protocol.md", "attest/py.typed", "attest/fixtures/demo/ledger.csv"} <= set(names)
    assert {f"attest/policy/rulesets/{name}.toml" for name in ruleset_names()} <= set(names)
    drawn = REPOSITORY / "attest" / "report"
    others = {path for part in ("fonts", "templates") for path in (drawn / part).rglob("*") if path.is_file()}
    assert {path.relative_to(REPOSITORY).as_posix() for path in others} <= set(names)
    assert [name for name in names if ".dist-info/licenses/" in name and name.endswith("OFL.txt")]
    assert not [name for name in names if name.endswith((".sol", "/make_ledger.py", "demo/record.py"))]
    page = (REPOSITORY / "attest" / "web" / "verify.html").read_bytes()
    assert (tmp_path / "installed" / "attest" / "web" / "verify.html").read_bytes() == page
    assert not [name for name in names if name.startswith("attest/web/verify/") or "node_modules" in name]
    ran = subprocess.run(
        [sys.executable, "-m", "attest", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "101.33 %" in ran.stdout
