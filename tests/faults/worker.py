"""A process that runs cases, each in a fork of it: it has imported everything, so that a case begins at once.

`Worker` is that process as others see it. One of its lines of input is a case, its line of output what came of it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from tests.faults.disks import may_mount
from tests.faults.trying import TRIED, FoundError

ROOT = Path(__file__).parents[2]
PATIENCE = 1800.0
_MEMORY = Path("/dev/shm")  # noqa: S108 (where nothing waits for a disk)
_ENOUGH = 48 << 20

_TRIED: defaultdict[str, set[tuple[object, ...]]] = defaultdict(set)
"""By part, the sites that its cases have tried so far, of which none knows what the others did."""
_APART = ("unshare", "--mount") if may_mount() else ()
"""What is mounted in there is gone with the process."""


class Worker:
    """The process. One case at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [*_APART, sys.executable, "-m", "tests.faults.worker"],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        with self._process:  # closes its pipes
            self._process.wait()

    def run(self, part: str, name: str, *, short: bool = False, seed: int = 1) -> dict[str, Any]:
        """The `figures`, `faults` and `seconds` of a case. Raises `RuntimeError` when the process is gone."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("no pipes")
        stdin.write(json.dumps({"part": part, "name": name, "short": short, "seed": seed}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended at {part}, {name}")
        result: dict[str, Any] = json.loads(line)
        return result


def cases_of(module: ModuleType, *, short: bool = False, seed: int = 1) -> Mapping[str, Callable[[Path], Any]]:
    """The cases of a part, by name; a part that draws nothing takes no seed."""
    make = module.short_cases if short else module.cases
    return dict(make(seed) if inspect.signature(make).parameters else make())


def main() -> None:
    """Run the cases that come in, until there are no more."""
    from tests.faults.forked import import_all

    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    import_all()
    for line in sys.stdin:
        results.write(json.dumps(_result(**json.loads(line))) + "\n")
        try:
            results.flush()
        except BrokenPipeError:  # whoever asked is gone
            os._exit(0)


def _result(part: str, name: str, *, short: bool, seed: int) -> dict[str, Any]:
    began = time.monotonic()
    module = importlib.import_module(f"tests.faults.{part}")
    small = getattr(module, "SMALL", False) and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH
    folder = Path(tempfile.mkdtemp(prefix="attest-faults-", dir=_MEMORY if small else None))
    try:
        if getattr(module, "SHARED", False):
            found = _done(cases_of(module, short=short, seed=seed)[name], folder)
        else:
            found = _forked(module, name, folder, short=short, seed=seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"part": part, "case": name, **found, "seconds": round(time.monotonic() - began, 1)}


def _forked(module: ModuleType, name: str, folder: Path, *, short: bool, seed: int) -> dict[str, Any]:
    """What a case found, in a process of its own: whatever it starts or spoils is gone with it."""
    answer = folder / "result.json"
    inside = folder / "case"
    inside.mkdir()
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            do = cases_of(module, short=short, seed=seed)[name]
            TRIED.update(_TRIED[module.__name__])
            answer.write_text(json.dumps({**_done(do, inside), "tried": list(TRIED)}))
        finally:
            os._exit(0)
    until = time.monotonic() + PATIENCE
    ended = 0
    while not ended:
        ended, _, used = os.wait4(child, os.WNOHANG)
        if not ended and time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"figures": {}, "faults": [f"{name}: no end within {PATIENCE:.0f} s"]}
        time.sleep(0.005)
    if not answer.exists():
        return {"figures": {}, "faults": [f"{name}: the case ended without a result"]}
    result: dict[str, Any] = json.loads(answer.read_text())
    _TRIED[module.__name__].update(map(tuple, result.pop("tried")))
    return {**result, "cpu": round(used.ru_utime + used.ru_stime, 1)}


def _done(do: Callable[[Path], Any], folder: Path) -> dict[str, Any]:
    try:
        return {"figures": do(folder), "faults": []}
    except FoundError as error:
        return {"figures": error.figures, "faults": error.faults}
    except Exception:  # noqa: BLE001 (a case that breaks is told as a fault)
        return {"figures": {}, "faults": [traceback.format_exc()]}


if __name__ == "__main__":
    main()
