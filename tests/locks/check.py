"""Whether the lists of versions beside this are those that pyproject.toml asks for: python -m tests.locks.check

Nothing is fetched. A list that is older than pyproject.toml is named, with what differs and the command that makes it
again.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS = Path(__file__).parent
PROJECT = LOCKS.parents[1] / "pyproject.toml"
SYSTEMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
    ("win32", "Windows", "AMD64"),
)
PYTHONS = tuple(f"3.{minor}" for minor in range(11, 21))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of a list; `asked` where pyproject.toml itself names its project."""

    requirement: Requirement
    version: Version
    asked: bool


def main() -> None:
    """End with 1 and say why where a list is older than pyproject.toml."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    found = [
        f"tests/locks/{name}.txt {problem}"
        for name in ("tests", "release", "tools", "floors")
        for problem in dict.fromkeys(problems(name, (LOCKS / f"{name}.txt").read_text(encoding="utf-8"), project))
    ]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if found:
        sys.exit("tests/locks does not fit pyproject.toml: run tests/locks/make, with a network to PyPI, and commit it")


def problems(name: str, text: str, project: dict[str, Any]) -> Iterator[str]:
    """What differs between the list `name` and `project`, a sentence each, for some systems and Pythons or for all."""
    pins: dict[str, list[Pin]] = {}
    for line in _logical_lines(text):
        try:
            pin = _pin(line, hashed=name != "floors")
        except (ValueError, InvalidRequirement) as error:
            yield f"has a line that is no version of a project with its hashes: {line[:80]} ({error})"
        else:
            pins.setdefault(canonicalize_name(pin.requirement.name), []).append(pin)
    wanted = _wanted(name, project)
    names = {canonicalize_name(item.name) for item in wanted}
    for other in sorted(pins.keys() - names):
        if any(pin.asked for pin in pins[other]):
            yield f"has {other}, which pyproject.toml asks for no more"
    for environment in _environments(project["project"]["requires-python"]):
        for item in wanted:
            if item.marker is None or item.marker.evaluate(environment):
                yield from _unmet(
                    item, pins.get(canonicalize_name(item.name), []), environment, lowest=name == "floors"
                )


def _unmet(item: Requirement, pins: list[Pin], environment: dict[str, str], *, lowest: bool) -> Iterator[str]:
    there = [pin for pin in pins if pin.requirement.marker is None or pin.requirement.marker.evaluate(environment)]
    if not there:
        yield f"has no {item.name}, and pyproject.toml asks for {item}"
    for pin in there:
        if not pin.asked:
            yield f"has {item.name} for others alone, and pyproject.toml asks for {item}"
        if not item.extras <= pin.requirement.extras:
            yield f"has {pin.requirement.name} without its extras, and pyproject.toml asks for {item}"
        if not item.specifier.contains(pin.version, prereleases=True):
            yield f"has {item.name} {pin.version}, and pyproject.toml asks for {item}"
        elif lowest and pin.version not in {Version(bound.version) for bound in item.specifier}:
            yield f"has {item.name} {pin.version}, so what {item} admits below that cannot be installed: raise it"


def _pin(line: str, *, hashed: bool) -> Pin:
    text, _, comment = line.partition("#")
    words = text.split(" --hash=")
    hashes = [word.strip() for word in words[1:]]
    if hashed and (not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes)):
        raise ValueError("no SHA-256")
    requirement = Requirement(words[0].strip())
    bounds = list(requirement.specifier)
    if requirement.url is not None or len(bounds) != 1 or bounds[0].operator != "==" or "*" in bounds[0].version:
        raise ValueError("not exactly one version")
    return Pin(
        requirement=requirement,
        version=Version(bounds[0].version),
        asked="(pyproject.toml" in comment or "pyproject.toml:" in comment,
    )


def _logical_lines(text: str) -> Iterator[str]:
    """Each entry in one line, with the comments that follow it, which say who asks for it."""
    entry: list[str] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith((" ", "#")):
            if entry:
                yield " ".join(entry)
            entry = []
        if entry or not line.startswith("#"):
            entry.append(line.strip().removesuffix("\\").strip())
    if entry:
        yield " ".join(entry)


def _wanted(name: str, project: dict[str, Any]) -> list[Requirement]:
    """What the list is made from, with our own extras unfolded."""
    if name == "tools":
        return [Requirement(item) for item in project["dependency-groups"]["tools"]]
    todo = [Requirement(item) for item in project["project"]["dependencies"]]
    if name != "release":
        todo.append(Requirement(f"{project['project']['name']}[test]"))
    found: list[Requirement] = []
    while todo:
        item = todo.pop()
        if item.name == project["project"]["name"]:
            extras = project["project"]["optional-dependencies"]
            todo += [Requirement(text) for extra in item.extras for text in extras[extra]]
        else:
            found.append(item)
    return found


def _environments(pythons: str) -> Iterator[dict[str, str]]:
    """The environments that the lists are for: the Pythons that pyproject.toml admits, on each system."""
    admitted = SpecifierSet(pythons)
    for python in PYTHONS:
        if f"{python}.0" not in admitted:
            continue
        for platform, system, machine in SYSTEMS:
            yield {
                **{key: str(value) for key, value in default_environment().items()},
                "implementation_name": "cpython",
                "os_name": "nt" if platform == "win32" else "posix",
                "platform_machine": machine,
                "platform_python_implementation": "CPython",
                "platform_system": system,
                "python_full_version": f"{python}.0",
                "python_version": python,
                "sys_platform": platform,
            }


if __name__ == "__main__":
    main()
