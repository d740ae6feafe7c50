"""What a command hands back: one document for `--json`, the same as text, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from attest.errors import AttestError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


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


def tell(as_json: bool) -> Any:  # noqa: FBT001
    """A function that says what is going on, on stderr; silent with `--json`."""
    return (lambda _: None) if as_json else (lambda text: click.echo(f"attest: {text}", err=True))
