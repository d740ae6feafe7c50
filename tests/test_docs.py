"""What the instructions tell people to do can be done."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from attest.cli import group
from tests.world.links import linked

DOCS = Path(__file__).parents[1] / "docs"
OF_THE_PAGE = ("check-your-balance.md", "host-the-page.md", "the-page-in-an-app.md", "publish-a-site.md")


def blocks(name: str, language: str) -> list[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(name: str) -> Iterator[list[str]]:
    """Every command of attest in a document, in blocks and in sentences."""
    text = re.sub(r"^```.*?^```$", "", (DOCS / name).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    for line in (*lines, *re.findall(r"`([^`]+)`", text)):
        first, *rest = shlex.split(line, comments=True) or [""]
        if first == "attest" and rest and not rest[0].startswith("-"):
            yield rest


@pytest.mark.parametrize("name", OF_THE_PAGE)
def test_every_command_is_one_of_ours(name: str) -> None:
    for arguments in commands(name):
        command: click.Command = group
        rest = arguments
        while isinstance(command, click.Group) and rest:
            command, rest = command.commands[rest[0]], rest[1:]
        if rest:
            command.make_context(command.name, list(rest))


@pytest.mark.parametrize("name", OF_THE_PAGE)
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (DOCS / name).read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target


def test_the_program_for_links_makes_one_that_is_read_as_specified() -> None:
    (program,) = blocks("host-the-page.md", "python")
    names: dict[str, object] = {}
    exec(program, names)  # noqa: S102 (what the reader is told to run)
    file = '{"format":"attest/pack/v1","bundle":"株式会社"}'.encode() * 50
    made = names["link"]("https://auditor.example/verify.html", file)  # type: ignore[operator]
    page, _, fragment = made.partition("#")
    assert page == "https://auditor.example/verify.html"
    assert linked(f"#{fragment}") == file


@pytest.mark.parametrize("name", ["check-your-balance.md", "the-page-in-an-app.md"])
def test_the_browsers_that_were_tried_are_named_and_the_one_that_was_not(name: str) -> None:
    text = " ".join((DOCS / name).read_text(encoding="utf-8").split())
    assert re.search(r"was tried in Chromium \d+ and (in )?Firefox ESR \d+", text)
    assert re.search(r"\*\*[^*]*Safari[^*]*\*\*", text)


def test_contributors_are_sent_to_files_that_exist() -> None:
    root = DOCS.parent
    text = (root / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ways = text.partition("## Four ways through it\n")[2].partition("## Words\n")[0]
    named = {name for name in re.findall(r"`([\w/.-]+)`", ways) if "/" in name or name.endswith(".py")}
    there = {
        path.relative_to(root).as_posix()
        for folder in ("attest", "tests", "fixtures")
        for path in (root / folder).rglob("*")
    }
    missing = {name for name in named if not any(f"/{path}".endswith(f"/{name.rstrip('/')}") for path in there)}
    assert len(named) > 20
    assert not missing
