"""The demo exchange: real nodes on this machine, funded the same way every time."""

from __future__ import annotations

from pathlib import Path


def fixture_path(name: str) -> Path:
    """Where the fixture `name` (such as `demo/funding.toml`) lies: in the package, else in the repository."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "fixtures" / name
    return inside if inside.exists() else package.parent / "fixtures" / name
