"""A command run as a process of its own, with what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20


class Measured(NamedTuple):
    """How a command ended, what it said, and what it took: seconds, and MiB of memory at its highest.

    A process begins with the memory of the one that started it, so that `peak` is at least that.
    """

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    peak: int


def attest(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None, memory: int | None = None
) -> Measured:
    """Run `attest` with `arguments` in `folder`; it gets no more than `memory` MiB of address space."""
    return measured(folder, [sys.executable, "-m", "attest", *arguments], environment=environment, memory=memory)


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
    with (folder / ".out").open("wb+") as out, (folder / ".err").open("wb+") as err:
        process = subprocess.Popen(
            [*limit, *map(str, command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
            Path(file.name).unlink()
    return Measured(process.returncode, *said, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 // MIB)
