"""A browser that does what it is told, and a server on loopback from which it gets the page."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.web.given import Given, Outcome, said
from tests.web.page import HERE, Lines

_PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "firefox": ("firefox-esr", "firefox"),
}


def program(kind: str) -> str | None:
    """The browser of this machine."""
    return next((found for name in _PROGRAMS[kind] if (found := shutil.which(name))), None)


class Browser(Lines):
    """A headless browser with one page at a time."""

    def __init__(self, kind: str) -> None:
        found = program(kind)
        if found is None:
            raise RuntimeError(f"no {kind} here: run tests/install-web")
        self.kind = kind
        # Firefox does not start for root in the home of somebody else, as which containers of CI have theirs.
        self._home = tempfile.TemporaryDirectory(prefix="attest-browser-", ignore_cleanup_errors=True)
        super().__init__(HERE / "browse.mjs", kind, found, HOME=self._home.name, TMPDIR=self._home.name)

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self._home.cleanup()

    def do(self, name: str, **options: Any) -> Any:
        """The value of a command of `browse.mjs`. Raises `AssertionError` with what went wrong."""
        answer = self.ask({"do": name, **options})
        assert "error" not in answer, f"{name}: {answer['error']}"
        return answer["value"]

    def open(self, url: str | Path, **options: Any) -> None:
        """Open a page, in the place of the one before."""
        self.do("open", url=url.as_uri() if isinstance(url, Path) else url, **options)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; the page's own rules hold for what it does."""
        return self.do("evaluate", script=script)

    def choose(self, *files: Path) -> None:
        """Choose files in the page's picker."""
        self.do("choose", selector="input[type=file]", files=[str(file) for file in files])

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        self.do("wait", script=script)

    def judge(self, given: Sequence[Given]) -> list[Outcome]:
        """What the verifier says, in a page that has the bundle of `judge.ts`."""
        return [said(answer) for answer in self.do("judge", requests=[one.request() for one in given])]


def page_around(script: Path, folder: Path) -> Path:
    """A page that has only the bundle of `judge.ts`."""
    html = f'<!doctype html><meta charset="utf-8"><title>judge</title><script src="{script.name}"></script>'
    (folder / "judge.html").write_text(html, encoding="utf-8")
    return folder / "judge.html"


@contextmanager
def served(page: bytes) -> Iterator[tuple[str, list[str]]]:
    """The URL at which a server on loopback has the page, and what is asked of it meanwhile."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = self.path == "/verify.html"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page if found else b"")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with on_loopback(Handler) as port:
        yield f"http://localhost:{port}/verify.html", asked


@contextmanager
def on_loopback(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server on loopback whose requests `handler` answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def with_trust_root(page: bytes, root: bytes) -> bytes:
    """The page with a trust root in its block of data, which no script's hash depends on."""
    empty = b'<script type="application/json" id="trust-root"></script>'
    assert page.count(empty) == 1
    data = json.dumps(json.loads(root)).replace("<", "\\u003c").encode()
    return page.replace(empty, empty.replace(b"></script>", b">" + data + b"</script>"))
