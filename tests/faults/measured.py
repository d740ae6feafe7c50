"""A command run as a process, begun anew or forked, with what it took."""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.faults.forked import run_main

MIB = 1 << 20


# A process begins with the highest memory of the one that started it: this one has little.
_LAUNCH = """
import json, os, sys
process = os.fork()
if not process:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss], file)
"""


class Measured(NamedTuple):
    """How a command ended, what it said, and what it took: seconds, and MiB of memory at its highest."""

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    peak: int


Attest = Callable[..., Measured]


def attest(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None, memory: int | None = None
) -> Measured:
    """Run `attest` with `arguments` in `folder`; it gets no more than `memory` MiB of address space."""
    return measured(folder, [sys.executable, "-m", "attest", *arguments], environment=environment, memory=memory)


def attest_forked(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None, memory: int | None = None
) -> Measured:
    """Run `attest` in a fork of this process, which has imported all: that is neither counted nor paid again.

    Of memory it gets `memory` MiB more than this process has, and its peak is what it took beyond that.
    """
    started = time.monotonic()
    paths = [folder / f".measured-{name}" for name in ("out", "err")]
    child = os.fork()
    if not child:
        _be_attest(folder, [str(argument) for argument in arguments], environment or {}, memory, paths)
    before = _taken("VmRSS")
    _, status, used = os.wait4(child, 0)
    wall = time.monotonic() - started
    said, complained = (path.read_text(errors="replace") for path in paths)
    for path in paths:
        path.unlink()
    peak = max(used.ru_maxrss * 1024 - before, 0) // MIB
    return Measured(os.waitstatus_to_exitcode(status), said, complained, wall, used.ru_utime + used.ru_stime, peak)


def _be_attest(
    folder: Path, arguments: list[str], environment: Mapping[str, str], memory: int | None, paths: Sequence[Path]
) -> NoReturn:
    code = 99
    try:
        for number, target in enumerate((os.devnull, *paths)):
            descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(folder)
        os.environ.update(environment)
        gc.enable()
        if memory is not None:
            most = memory * MIB + _taken("VmSize")
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        code = run_main(arguments)
    except BaseException:  # noqa: BLE001 (this process must end here, whatever happens)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _taken(name: str) -> int:
    """Bytes of memory that this process has: `VmSize`, or `VmRSS` of them in use."""
    text = Path("/proc/self/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(f"{name}:")).split()[1]) * 1024


def measured(
    folder: Path,
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    memory: int | None = None,
) -> Measured:
    """Run a command in `folder` and wait for its end."""
    limit = ["prlimit", f"--as={memory * MIB}"] if memory is not None else []
    started = time.monotonic()
    paths = [folder / f".measured-{name}" for name in ("out", "err", "used")]
    with paths[0].open("wb") as out, paths[1].open("wb") as err:
        subprocess.run(
            [sys.executable, "-S", "-c", _LAUNCH, str(paths[2]), *limit, *map(str, command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            check=True,
        )
    wall = time.monotonic() - started
    said, complained, used = (path.read_text(errors="replace") for path in paths)
    for path in paths:
        path.unlink()
    code, cpu, peak = json.loads(used)
    return Measured(code, said, complained, wall, cpu, peak * 1024 // MIB)
