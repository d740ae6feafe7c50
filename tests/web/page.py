"""The page's sources: how they are built, and a process of node that verifies with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.web.given import Given, Outcome, said

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "attest" / "web" / "verify"
PAGE = ROOT / "attest" / "web" / "verify.html"
HERE = Path(__file__).parent
TOOLS = ROOT / ".tools" / "bin"
# The statements, proofs and evidence that are tried are small; whatever takes so long does not end.
PATIENCE_SECONDS = 20


def environment() -> dict[str, str]:
    """With the node that tests/install-web brought, where the machine has none."""
    return {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}", "NODE_OPTIONS": ""}


def missing() -> list[str]:
    """What tests/install-web has not installed yet."""
    parts = {
        "node": shutil.which("node", path=environment()["PATH"]),
        "attest/web/verify/node_modules": (SOURCES / "node_modules/esbuild").exists(),
        "tests/web/node_modules": (HERE / "node_modules/puppeteer-core").exists(),
    }
    return [name for name, found in parts.items() if not found]


def node(*arguments: str | Path, cwd: Path = SOURCES) -> subprocess.CompletedProcess[str]:
    """What a program of node says, which ended well or is told as an error."""
    ran = subprocess.run(
        ["node", *arguments], cwd=cwd, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    if ran.returncode:
        raise AssertionError(f"{arguments}: {ran.stdout}{ran.stderr}")
    return ran


def build_page(out: Path) -> bytes:
    """The page, built anew into the file `out`."""
    node("build.mjs", "--out", out)
    return out.read_bytes()


def build_judge(folder: Path, form: str = "esm") -> Path:
    """The verifier with what asks it, built as the page is; as `iife` it is for a page and names itself `bundled`."""
    out = folder / ("judge.mjs" if form == "esm" else "judge.js")
    node("build.mjs", "--bundle", HERE / "judge.ts", "--format", form, "--out", out)
    return out


class Lines:
    """A process of node that takes a line of JSON and answers with one."""

    def __init__(self, *arguments: str | Path, **variables: str) -> None:
        self._process = subprocess.Popen(
            ["node", *arguments],
            cwd=HERE,
            env={**environment(), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()  # at the end of its input it ends by itself
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        with self._process:
            pass

    def ask(self, request: Any) -> Any:
        """The answer to one request."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("no pipes")
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"node ended with {self._process.wait()}")
        return json.loads(line)


class PageInNode(Lines):
    """The page's verifier without the page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(HERE / "driver.mjs", build_judge(folder))

    def judge(self, given: Given) -> Outcome:
        """What the page says. Raises `AssertionError` for an error that is not its own, and for one that takes long."""
        answer = self.ask(given.request())
        assert answer["seconds"] < PATIENCE_SECONDS, f"{answer['seconds']} s of CPU"
        return said(answer)

    def judge_all(self, given: Sequence[Given]) -> list[Outcome]:
        return [self.judge(one) for one in given]
