"""What a command hands back: one document for `--json`, a text for people, and the exit code."""

from __future__ import annotations

import json
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest.cli.redaction import hidden
from attest.errors import AttestError

if TYPE_CHECKING:
    from attest.exchange.surroundings import Surroundings

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
show_names_option = click.option(
    "--show-names",
    is_flag=True,
    help="Let errors of the ledger show what stands in a row, names of customers too; else they say file and row.",
)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one command; `error` goes to stderr."""

    document: dict[str, Any]
    text: str
    exit_code: int = 0
    error: str = ""


def error_document(error: AttestError) -> dict[str, Any]:
    """An error as JSON has it."""
    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.hint is not None:
        document["hint"] = error.hint
    if error.details:
        document["details"] = list(error.details)
    return document


def error_text(error: AttestError) -> str:
    """An error as people read it."""
    lines = [f"attest: error: {error.message}", *(f"  {detail}" for detail in error.details)]
    if error.hint is not None:
        lines.append(f"attest: hint: {error.hint}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """`text` with escapes in place of characters that could rewrite the terminal, or what stands around them."""
    return "".join(char if _harmless(char) else ascii(char)[1:-1] for char in text)


def json_text(document: dict[str, Any]) -> str:
    """`document` as JSON, with escapes for the same characters; what is no text, as a name may be, has them too."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return "".join(char if _harmless(char) else json.dumps(char)[1:-1] for char in text)


def _harmless(char: str) -> bool:
    return char == "\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def words_text(words: Sequence[str]) -> str:
    """The words of a fingerprint in rows of six, in a table whose second column begins after 14 characters."""
    rows = (" ".join(f"{word:<8}" for word in words[i : i + 6]).rstrip() for i in range(0, len(words), 6))
    return f"\n{'':14}".join(rows)


def program() -> str:
    """How this command was called, to be called so again."""
    called = Path(sys.argv[0])
    if called.name != "attest":
        return f"{sys.executable} -m attest"
    return "attest" if shutil.which("attest") else str(called)


def tell(as_json: bool) -> Any:  # noqa: FBT001
    """A function that says what is going on, on stderr; silent with `--json`."""
    return (lambda _: None) if as_json else (lambda text: click.echo(printable(f"attest: {hidden(text)}"), err=True))


def surroundings(config: Path, advance: Callable[[str, int], None] = lambda *_: None, *, as_json: bool) -> Surroundings:
    """The surroundings of work on the config in a file: now, this process's environment, and who looks on here."""
    import os
    from datetime import UTC, datetime

    from attest.exchange.surroundings import Surroundings

    return Surroundings(config.parent, datetime.now(UTC), os.environ, tell(as_json), advance)


@contextmanager
def progress(*, as_json: bool) -> Iterator[Callable[[str, int], None]]:
    """A function that is told of what how many are done; a line on stderr with the rate where people look on."""
    if as_json or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    line = TextColumn("attest: {task.completed:,} {task.fields[unit]}, {task.fields[rate]}")
    bar = Progress(line, transient=True, console=Console(stderr=True))
    task = bar.add_task("", total=None, rate="", unit="", start=False)
    started, before = 0.0, 0

    def advance(unit: str, done: int) -> None:
        nonlocal started, before
        if (
            unit != bar.tasks[0].fields["unit"]
        ):  # not before there is something to show: a passphrase may be asked first
            started, before = time.monotonic(), done
            bar.start()
        rate = int((done - before) / max(time.monotonic() - started, 0.001))
        bar.update(task, completed=done, unit=unit, rate=f"{rate:,} a second")

    try:
        yield advance
    finally:
        bar.stop()
