"""The demo exchange: its files, and its nodes, recorded or run on this machine and always funded alike."""

from __future__ import annotations

from pathlib import Path


def fixture_path(name: str) -> Path:
    """The path of a fixture, in the installed package or else in the repository.

    `name`: its path below `fixtures`, such as `demo/funding.toml`.
    """
    package = Path(__file__).resolve().parent.parent
    inside = package / "fixtures" / name
    return inside if inside.exists() else package.parent / "fixtures" / name
