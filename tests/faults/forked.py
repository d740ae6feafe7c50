"""Commands as real processes that can be killed at once: forked from one that has imported all and started nothing.

A process that began as `python -m attest` would spend most of its time with imports, and most kills would hit them.
"""

from __future__ import annotations

import atexit
import base64
import gc
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from tests.faults.operations import Operations, Plan

PASSPHRASE = "correct-horse-0e1f-battery"  # noqa: S105 (of keys that live as long as a test)
PATIENCE = 60.0
"""Seconds after which a command is said to have no end."""
CLOCK_TIME = "FAULTS_TIME"
"""The variable with the time that a command takes it for."""
_REAL_WRITE = os.write
_LATE = (
    *("Crypto.Signature.eddsa", "_strptime", "adbc_driver_postgresql.dbapi", "cryptography.hazmat.backends", "difflib"),
    *("encodings.utf_16_be", "eth_account.messages", "eth_hash.backends.pycryptodome", "llvmlite.binding"),
    *("numpy.ma", "pyarrow.parquet", "rfc3161_client", "rich.progress", "rich.table", "rlp", "trie", "wallycore"),
    *("web3", "zstandard"),
)
_POINT = bytes([0x58]) + bytes([0x66]) * 31  # the base point of Edwards25519


def import_all() -> None:
    """Import the whole package and the libraries that it loads late, so that a fork has them."""
    import importlib
    import pkgutil
    import warnings

    import attest

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(attest.__path__, "attest."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        for name in _LATE:
            importlib.import_module(name)
        importlib.import_module("Crypto.Signature.eddsa").import_public_key(_POINT)  # loads its curve
    gc.collect()
    gc.freeze()


class Place:
    """The folders of one try: `work`, where commands run, a TMPDIR and a HOME; and outside of it what is logged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "try"
        self.work, self.temporary, self.home = (self.root / name for name in ("work", "tmp", "home"))
        self.log = folder / "log"
        self.signed = self.log / "signed"

    def begin(self, state: Path) -> None:
        """Put a copy of `state` there, and nothing else."""
        import shutil

        for path in (self.root, self.log):
            shutil.rmtree(path, ignore_errors=True)
        self.log.mkdir(parents=True)
        self.signed.touch()
        for path in (self.temporary, self.home):
            path.mkdir(parents=True)
        shutil.copytree(state, self.work)

    def signatures(self) -> list[dict[str, Any]]:
        """What keys signed since the beginning, the killed processes' too."""
        return [json.loads(line) for line in self.signed.read_text().splitlines()]


class Operation(NamedTuple):
    """A file operation that was done: its name, as `Point` has it, and the functions that asked for it."""

    name: str
    site: str


class Ended(NamedTuple):
    """How a command ended (below zero: by which signal), what it said, how long it took, and what it did to files."""

    code: int
    out: str
    err: str
    wall: float
    operations: list[Operation]

    @property
    def document(self) -> dict[str, Any]:
        """What --json printed; empty when that is no document."""
        try:
            value = json.loads(self.out)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def error(self) -> str:
        """The code of the error that it told, such as `file/exists`."""
        return str(self.document.get("error", {}).get("code", ""))


class Running:
    """A command at work in a process of its own."""

    def __init__(
        self, place: Place, arguments: Sequence[str], environment: Mapping[str, str], plan: Plan | None = None
    ) -> None:
        self._began = time.monotonic()
        self._logs = [place.log / f"{name}-{time.monotonic_ns()}" for name in ("out", "err", "operations")]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _become(place, arguments, environment, plan, self._logs)

    def stopped(self) -> bool:
        """Wait until it has stopped itself; False when it ended instead."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            ended, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if ended:
                if not os.WIFSTOPPED(status):
                    self._status = status
                return os.WIFSTOPPED(status)
            time.sleep(0.0005)
        return False

    def go_on(self) -> None:
        """Let it go on after it stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def kill_after(self, seconds: float) -> None:
        """Kill it when so much time has passed since it began, unless it has ended by then."""
        if not self._wait(self._began + seconds):
            os.kill(self.pid, signal.SIGKILL)

    def ended_within(self, seconds: float) -> bool:
        """Whether it ends within so many seconds from now."""
        return self._wait(time.monotonic() + seconds)

    def end(self) -> Ended:
        """Wait for its end. Raises `AssertionError` when there is none, or when another process of it lives on."""
        if not self._wait(time.monotonic() + PATIENCE):
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError(f"no end within {PATIENCE:.0f} s")
        wall = time.monotonic() - self._began
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        else:
            raise AssertionError("a process that the command started was still alive")
        out, err, operations = (path.read_text(errors="replace") if path.exists() else "" for path in self._logs)
        done = [Operation(*line.split("\t")) for line in operations.splitlines() if "\t" in line]
        return Ended(os.waitstatus_to_exitcode(self._status), out, err, wall, done)

    _status: int | None = None

    def _wait(self, until: float) -> bool:
        while self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._status = status
            elif time.monotonic() >= until:
                return False
            else:
                time.sleep(0.0005)
        return True


def ran(
    place: Place, arguments: Sequence[str], environment: Mapping[str, str] | None = None, plan: Plan | None = None
) -> Ended:
    """Run a command to its end, or to that which `plan` sets."""
    return Running(place, arguments, environment or {}, plan).end()


def _become(
    place: Place, arguments: Sequence[str], environment: Mapping[str, str], plan: Plan | None, logs: Sequence[Path]
) -> NoReturn:
    """Be the command, in a process that was forked for it."""
    code = 99
    try:
        os.setsid()
        os.umask(0o022)
        for number, target in ((0, "/dev/null"), (1, logs[0]), (2, logs[1])):
            descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        operations = os.open(logs[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        signed = os.open(place.signed, os.O_WRONLY | os.O_APPEND)
        os.chdir(place.work)
        own = {"PATH": os.environ["PATH"], "HOME": str(place.home), "TMPDIR": str(place.temporary), "LANG": "C.UTF-8"}
        os.environ.clear()
        os.environ.update(own, ATTEST_PASSPHRASE=PASSPHRASE, **environment)
        tempfile.tempdir = None
        gc.enable()
        _set_clock(environment.get(CLOCK_TIME))
        _log_signatures(signed)
        Operations(place.root, plan, lambda name: _write(operations, name)).install()
        code = run_main(arguments)
    except BaseException:  # noqa: BLE001 (this process must end here, whatever happens)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_main(arguments: Sequence[str]) -> int:
    """The exit code of the command, when all its threads have ended."""
    from attest.cli import main

    try:
        main(arguments)
    except SystemExit as ended:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        return int(ended.code or 0)


def _set_clock(text: str | None) -> None:
    """Have the command line take it for this time, in ISO form, where a recorded chain ends."""
    if text is None:
        return
    import datetime as dt

    time_now = dt.datetime.fromisoformat(text)

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return time_now.astimezone(tz)

    dt.datetime = Clock  # type: ignore[misc]


def _write(descriptor: int, line: str) -> None:
    _REAL_WRITE(descriptor, line.encode(errors="surrogateescape") + b"\n")


def _log_signatures(log: int) -> None:
    """Log what a key signs as it signs it, before anyone gets the signature."""
    from securesystemslib.signer import CryptoSigner

    real: Callable[..., Any] = CryptoSigner.sign

    def sign(self: CryptoSigner, payload: bytes) -> Any:
        _write(log, json.dumps({"key": plain_key(self.public_key.keyval["public"]), **_said(payload)}))
        return real(self, payload)

    CryptoSigner.sign = sign  # type: ignore[method-assign]


def plain_key(pem: str) -> str:
    """A public key in PEM without its line breaks."""
    return "".join(pem.split())


def _said(message: bytes) -> dict[str, Any]:
    """What is in a message of DSSE: its type, its payload's digest and, of a statement, whose and of when it is."""
    _, _, kind, _, payload = message.split(b" ", 4)
    return {"type": kind.decode(), **statement_of(payload)}


def statement_of(payload: bytes) -> dict[str, Any]:
    """The digest of a payload and, of a statement of a month, its origin, sequence and period."""
    found: dict[str, Any] = {"digest": hashlib.sha256(payload).hexdigest()}
    try:
        predicate = json.loads(payload)["predicate"]
        found |= {"origin": predicate["entity"]["origin"], "sequence": predicate["sequence"]}
        found |= {"period": predicate["period"]}
    except (ValueError, KeyError, TypeError):
        pass
    return found


def bundled(data: bytes) -> dict[str, Any] | None:
    """What `statement_of` says of the statement in a bundle; None of what is no bundle."""
    try:
        payload = base64.b64decode(json.loads(data)["envelope"]["payload"])
    except (ValueError, KeyError, TypeError):
        return None
    return statement_of(payload)
