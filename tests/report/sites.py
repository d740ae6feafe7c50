"""Sites of invented months, made by the command line, and a server on loopback that has one."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli import main
from attest.documents import format_time
from tests.report.months import Made
from tests.web.browser import on_loopback

BROKEN: Final = "2026-08"


def ran(made: Made, *arguments: object) -> Any:
    """What a command that verifies invented months says as JSON."""
    code, text = _ran(made, *arguments, "--json")
    document = json.loads(text)
    assert code in {0, 1, 5}, document
    assert code != 1 or document["status"] == "failed", document
    return document


def said(made: Made, *arguments: object) -> str:
    """What a command that verifies invented months, and finds nothing wrong, says to people."""
    code, text = _ran(made, *arguments)
    assert code == 0, text
    return text


def _ran(made: Made, *arguments: object) -> tuple[object, str]:
    text = io.StringIO()
    options = ("--trust-root", made.trust_root, "--at", format_time(made.at))
    with redirect_stdout(text), redirect_stderr(io.StringIO()), pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in (*arguments, *options)])
    return exited.value.code or 0, text.getvalue()


def with_a_broken_month(made: Made, folder: Path) -> Made:
    """The same months, in one of which somebody changed the statement after it was signed."""
    shutil.copytree(made.publication, folder)
    path = folder / BROKEN / f"{BROKEN}.attest.json"
    bundle = json.loads(path.read_bytes())
    payload = bundle["envelope"]["payload"]
    bundle["envelope"]["payload"] = ("A" if payload[0] != "A" else "B") + payload[1:]
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return made._replace(publication=folder)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The URL of a folder on loopback, and what is asked of it meanwhile."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> Any:
            asked.append(self.path)
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    with on_loopback(partial(Handler, directory=str(folder))) as port:
        yield f"http://127.0.0.1:{port}/", asked
