"""A command run as a process of its own, with what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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
