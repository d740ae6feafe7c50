"""Whether the tests notice when the code that verifies is changed, one small change at a time.

    python -m venv --system-site-packages /tmp/mutation && /tmp/mutation/bin/pip install '.[test]' mutmut cosmic-ray
    /tmp/mutation/bin/python -m tests.mutation.run [attest/liabilities/tree.py …]

The changes are those of mutmut, and those of cosmic-ray that mutmut does not make. Sentences (strings with a space) are
left as they are: wording is no claim; that an error has a sentence is one. The tests of a file run in a forked process
that imports the changed source; nothing on the disk is touched. Whatever survives must stand in survivors.toml with
the reason why nobody could observe it, and what stands there must survive: either difference is exit code 1.
"""

from __future__ import annotations

import ast
import gc
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import zip_longest
from pathlib import Path
from types import CodeType
from typing import Any

import hypothesis
import libcst
import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutmut.mutation.file_mutation import create_mutations

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).parent / "survivors.toml"
MOST = 0.05
MEMORY = 4 << 30
TARGETS = {
    "attest/liabilities/tree.py": ("liabilities/test_tree.py", "test_protocol.py", "attacks/test_inclusion.py"),
    "attest/liabilities/proof.py": ("liabilities/test_tree.py", "attacks/test_inclusion.py"),
    "attest/signing/envelope.py": ("signing/test_envelope.py", "attacks/test_signatories.py"),
    "attest/signing/trust.py": ("signing/test_trust.py", "attacks/test_signatories.py"),
    "attest/verification/verify.py": (
        "verification/test_verify.py",
        "attacks/test_signatories.py",
        "attacks/test_inclusion.py",
        "attacks/test_publication.py",
        "attacks/test_documents.py",
        "test_protocol.py",
        "nodes/test_window.py::test_the_auditor_compares_the_nonce_that_it_drew",
        "nodes/test_window.py::test_no_drawn_block_is_younger_than_the_statement",
        "nodes/test_window.py::test_a_window_that_the_evidence_does_not_have_fails",
        "nodes/test_window.py::test_the_tables_say_where_it_was_lowest_and_what_nobody_could_recompute",
    ),
    "attest/verification/steps.py": ("verification/test_verify.py", "test_protocol.py"),
    "attest/verification/signatories.py": ("attacks/test_signatories.py", "verification/test_verify.py"),
    "attest/merkle.py": ("test_merkle.py", "liabilities/test_tree.py", "test_protocol.py"),
}
# `==` for `is` makes no difference where the other side is None or a type with no `__eq__` of its own.
OPERATORS = re.compile(
    r"core/(ReplaceComparisonOperator_(?!Is_Eq|Eq_Is$|IsNot_NotEq|NotEq_IsNot)|NumberReplacer|AddNot|RemoveDecorator"
    r"|ExceptionReplacer|ZeroIterationForLoop|ReplaceBreakWithContinue|ReplaceTrueWithFalse|ReplaceFalseWithTrue)"
)


@dataclass(frozen=True, order=True)
class Change:
    """One change, named by its lines and the function or class they stand in, which outlive other edits of the file."""

    file: str
    within: str
    was: str
    becomes: str


def changes(file: str) -> dict[Change, str]:
    """The changed sources of a file. Equal changes in one function are one: the first stands for all."""
    text = (ROOT / file).read_text(encoding="utf-8")
    source = _plain(text)
    found: dict[Change, str] = {}
    for changed in dict.fromkeys(map(_plain, [*_of_mutmut(file, text), *_of_cosmic_ray(text)])):
        if changed not in (None, source):
            found.setdefault(_describe(file, source, changed), changed)
    return found


def _plain(source: str) -> str | None:
    """Each statement on one line, without comments; None for what is no Python, which is no change either."""
    try:
        return ast.unparse(ast.parse(source))
    except SyntaxError:
        return None


def _of_mutmut(file: str, source: str) -> Iterator[str]:
    module, mutations, *_ = create_mutations(file, source)
    for mutation in mutations:
        original = mutation.original_node
        if not (isinstance(original, libcst.SimpleString) and " " in original.value):
            yield module.deep_replace(original, mutation.mutated_node).code  # type: ignore[attr-defined]


def _of_cosmic_ray(source: str) -> Iterator[str]:
    for name in operator_names():
        if OPERATORS.match(name):
            occurrence = 0
            while (changed := mutate_code(source, get_operator(name)(), occurrence)) is not None:
                yield changed
                occurrence += 1


def _describe(file: str, source: str, changed: str) -> Change:
    old, new = source.splitlines(), changed.splitlines()
    first = next(i for i, (one, other) in enumerate(zip_longest(old, new)) if one != other)
    last = next(i for i, (one, other) in enumerate(zip_longest(reversed(old), reversed(new))) if one != other)
    names = (re.match(r"\s*(?:def|class) (\w+)", line) for line in reversed(old[: first + 1]))
    was, becomes = old[first : len(old) - last], new[first : len(new) - last]
    return Change(
        file,
        next((name[1] for name in names if name), ""),
        *("\n".join(map(str.strip, part)) for part in (was, becomes)),
    )


class _Changed(SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, _: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, file: str, source: str) -> None:
        self.name = file.removesuffix(".py").replace("/", ".")
        self.path = str(ROOT / file)
        self.source = source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.path, loader=_Changed(fullname, self.path, self.source))


def start(file: str, source: str, folder: Path, made: Path) -> int:
    """Run the tests of `file` over `source` in a process of its own, which ends with the exit code of pytest."""
    anew = depending_on(file)
    if child := os.fork():
        return child
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        for descriptor in (1, 2):
            os.dup2(os.open(folder / f"{os.getpid()}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND), descriptor)
        for name in anew:
            del sys.modules[name]
        sys.meta_path.insert(0, _Finder(file, source))
        _hand_out_exchange(made)
        tests = [f"tests/{name}" for name in TARGETS[file]]
        quick = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
        os._exit(pytest.main([*quick, f"--basetemp={folder / str(os.getpid())}", *tests]))
    except BaseException:  # noqa: BLE001 (a process that was forked here must end here)
        traceback.print_exc()
        os._exit(99)


@cache
def depending_on(file: str) -> list[str]:
    """The module of `file`, the tests, and what imports any of them: all that must be imported anew."""
    imports: dict[str, set[str]] = {}
    for name, module in sys.modules.items():
        if name.split(".")[0] == "attest" and module.__file__:
            nodes = list(ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))))
            froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
            imports[name] = {str(node.module) for node in froms}
            imports[name] |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    found = {file.removesuffix(".py").replace("/", ".")}
    while more := {name for name, those in imports.items() if those & found} - found:
        found |= more
    return [name for name in sys.modules if name in found or name.split(".")[0] == "tests"]


def _hand_out_exchange(made: Path) -> None:
    """Let the fixture `exchange` copy one that was made before, which takes most of the time otherwise."""
    from attest.demo import exchange
    from attest.exchange import month as monthly
    from attest.exchange.config import Config
    from attest.exchange.publishing.finishing import Outcome

    attest = monthly.run

    def attested(config: Config, folder: Path, period: str, **options: Any) -> Outcome:
        if not (bundles := list(folder.rglob(f"{period}.attest.json"))):
            return attest(config, folder, period, **options)
        (bundle,) = bundles
        (statement,) = (path for path in folder.rglob("statement.json"))
        return Outcome(bundle, bundle.parent, statement.parent, None)  # type: ignore[arg-type]

    exchange.write_exchange = lambda folder: shutil.copytree(made, folder)  # type: ignore[assignment, return-value]
    exchange.recorded_nodes = lambda: nullcontext({})  # type: ignore[assignment, return-value]
    monthly.run = attested  # type: ignore[assignment]


def make_exchange(folder: Path) -> Path:
    """A demo exchange that attested, made by the code as it is."""
    from tests import conftest

    class Factory:
        @staticmethod
        def mktemp(_: str) -> Path:
            return folder

    return conftest.exchange.__wrapped__(Factory).folder  # type: ignore[attr-defined, no-any-return]


def run(
    file: str, sources: dict[Change, str], folder: Path, made: Path, seconds: float
) -> Iterator[tuple[Change, bool]]:
    """Each change and whether it survived. One that takes longer than `seconds` was noticed."""
    waiting = list(sources)
    running: dict[int, tuple[Change, float]] = {}
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            change = waiting.pop(0)
            running[start(file, sources[change], folder, made)] = change, time.monotonic() + seconds
        for child, (change, deadline) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() < deadline:
                continue
            if not ended:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            del running[child]
            shutil.rmtree(folder / str(child), ignore_errors=True)
            (folder / f"{child}.log").unlink(missing_ok=True)
            yield change, bool(ended) and status == 0
        time.sleep(0.005)


def main(files: list[str]) -> int:
    os.chdir(ROOT)
    hypothesis.settings.register_profile(
        "mutation",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutation")
    accepted = {
        Change(group["file"], *change)
        for group in tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
        for change in group["changes"]
    }
    total, survivors = 0, set()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = make_exchange(folder / "made")
        gc.freeze()
        for file in files:
            began = time.monotonic()
            (unchanged,) = run(file, {Change(file, "", "", ""): (ROOT / file).read_text()}, folder, made, 600)
            if not unchanged[1]:
                print(f"{file}: its tests fail as it is")
                return 1
            allowed = 20 + 4 * (time.monotonic() - began)
            sources = changes(file)
            alive = {change for change, survived in run(file, sources, folder, made, allowed) if survived}
            total += len(sources)
            survivors |= alive
            print(f"{file}: {len(sources)} changes, {len(alive)} survive, {time.monotonic() - began:.0f} s", flush=True)
    unknown = survivors - accepted
    gone = {change for change in accepted if change.file in files} - survivors
    for text, those in (("survives, no reason is given", unknown), ("no longer survives", gone)):
        for change in sorted(those):
            print(f"\n{text}: {change.file}, in {change.within or 'the module'}\n  {change.was}\n→ {change.becomes}")
    print(f"\n{total} changes, {len(survivors)} survive: {len(survivors) / total:.1%}")
    return 1 if unknown or gone or len(survivors) > MOST * total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(TARGETS)))
