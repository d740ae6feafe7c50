"""Commands of `attest`, each in a process of its own: forked from one that has imported everything and done nothing.

A command that begins as `python -m attest` spends most of its time with imports. Each line of input of the process is a
command, its line of output the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, Self

ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """How a command ended, and what it wrote to its standard output and error."""

    code: int
    out: str
    err: str


class Forks:
    """The process that commands are forked from, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._written = folder / "out", folder / "err"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
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

    def attest(
        self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str], phrase: str | None = None
    ) -> Ran:
        """Run a command in `folder` with this environment alone; a passphrase goes through a pipe."""
        given = {"folder": str(folder), "arguments": arguments, "environment": environment, "phrase": phrase}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({**given, "written": list(map(str, self._written))}) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"no command runs any more, since {arguments}"
        return Ran(int(line), *(path.read_text(encoding="utf-8") for path in self._written))


def main() -> None:
    """Run the commands that come in, until there are no more."""
    from tests.faults.forked import import_all

    import_all()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(
    *, folder: str, arguments: list[str], environment: dict[str, str], phrase: str | None, written: list[str]
) -> NoReturn:
    from tests.faults.forked import run_main

    code = 99
    try:
        for number, target in enumerate((os.devnull, *written)):
            descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        if phrase is not None:
            reader, writer = os.pipe()
            os.write(writer, f"{phrase}\n".encode())
            os.close(writer)
            arguments = [*arguments, "--passphrase-fd", str(reader)]
        code = run_main(arguments)
    except BaseException:  # noqa: BLE001 (this process must end here, whatever happens)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
