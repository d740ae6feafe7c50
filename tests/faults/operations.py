"""The file operations of a process: counted, and one of them ended by SIGKILL or failed with an error of the system.

Everything that goes through `os` and `open` is seen, in all threads. What libraries in C do by themselves is not,
but for the files that pyarrow opens; kills at random times are for those.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, Literal, NamedTuple

READING = ("read", "list")
"""Operations that change nothing: an error may hit them, to kill there is to kill before the next one."""
_WRITES = frozenset("wax+")
_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DRAWN = re.compile(
    r"(?<![0-9a-z])[0-9a-f]{8,}(?![0-9a-z])"
    r"|(?<![a-z])((?:attest|check|ledger)-)[a-z0-9_]{8}(?=/|$)"
    r"|(?<=^tmp/)[a-z0-9_]{8}$"  # where tempfile sees whether it may write
)
_SHARD = re.compile(r"(?<=proofs-)[0-9a-f]{2}(?=\.)|(?<=names\.)[0-9a-f]{2}|(?<=-leaves\.)[0-9a-f]{2}")


def plain(path: str) -> str:
    """A path with X for what was drawn in it, so that it is the same in every run."""
    return _DRAWN.sub(lambda found: f"{found[1] or ''}X", path)


class Point(NamedTuple):
    """The `count`-th operation of one name, such as `rename work/.x.partial work/x`, from 1."""

    name: str
    count: int

    @property
    def kind(self) -> str:
        """The operation: `open`, `write`, `fsync`, `rename` …"""
        return self.name.partition(" ")[0]


class Plan(NamedTuple):
    """What shall happen at a point.

    That is SIGKILL before it, after it or, of a write, half-way; SIGSTOP before it; or the error `number` in its place.
    """

    point: Point
    what: Literal["before", "after", "within", "stop", "error"]
    number: int = 0

    def __str__(self) -> str:
        stopped = "stopped before" if self.what == "stop" else f"killed {self.what}"
        what = f"{errno.errorcode[self.number]} at" if self.what == "error" else stopped
        return f"{what} {self.point.name}{f' ({self.point.count})' * (self.point.count > 1)}"


class Operations:
    """The operations on files below `root`, told to `tell` as they begin, each with what asks for it."""

    def __init__(self, root: Path, plan: Plan | None, tell: Callable[[str], None]) -> None:
        self._root = str(root)
        self._plan = plan
        self._tell = tell
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def name(self, kind: str, *places: Any) -> str | None:
        """The name of an operation, the same in every run; None when it is about files elsewhere."""
        shown = [self._shown(place) for place in places]
        return None if None in shown else " ".join([kind, *map(str, shown)])

    def _shown(self, place: Any) -> str | None:
        path, folder = place if isinstance(place, tuple) else (place, None)
        try:
            if isinstance(path, int):
                path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115
            elif folder is not None:
                path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fspath(path))  # noqa: PTH115, PTH118
            text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        except OSError:
            return None
        if not text.startswith(self._root + "/"):
            return None
        return _SHARD.sub("NN", plain(text.removeprefix(self._root + "/")))

    def around(
        self,
        kind: str,
        places: tuple[Any, ...],
        operation: Callable[[], Any],
        half: Callable[[], Any] = lambda: None,
    ) -> Any:
        """Do `operation`, unless the plan is otherwise; `half` is a part of it."""
        name = self.name(kind, *places)
        if name is None:
            return operation()
        with self._lock:
            self._counts[name] += 1
            self._tell(f"{name}\t{_site()}")
            hit = self._plan is not None and self._plan.point == (name, self._counts[name])
        if not hit or self._plan is None:
            return operation()
        if self._plan.what == "error":
            path = next((place for place in places if not isinstance(place, int | tuple)), None)
            raise OSError(self._plan.number, os.strerror(self._plan.number), path)
        if self._plan.what == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            return operation()
        try:
            return {"before": lambda: None, "within": half, "after": operation}[self._plan.what]()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """See all operations of this process from now on."""
        for name in ("rename", "replace", "link", "symlink"):
            self._two(name)
        for name in ("unlink", "remove", "mkdir", "rmdir", "chmod", "truncate", "listdir", "scandir"):
            self._one(name, {"listdir": "list", "scandir": "list", "remove": "unlink"}.get(name, name))
        for name in ("fsync", "fdatasync", "fchmod", "ftruncate", "write", "pwrite", "writev", "sendfile"):
            self._one(name, {"fdatasync": "fsync", "fchmod": "chmod", "ftruncate": "truncate"}.get(name, name))
        self._open()
        self._files()
        self._arrow()

    def _replace(self, name: str, made: Callable[..., Any]) -> None:
        real = getattr(os, name)
        for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if real in known:
                known.add(made)
        setattr(os, name, made)

    def _one(self, name: str, kind: str) -> None:
        real = getattr(os, name)

        def seen(path: Any = ".", *rest: Any, **options: Any) -> Any:
            place = (path, options["dir_fd"]) if options.get("dir_fd") is not None else path
            return self.around(kind, (place,), lambda: real(path, *rest, **options))

        self._replace(name, seen)

    def _two(self, name: str) -> None:
        real = getattr(os, name)

        def seen(source: Any, target: Any, *rest: Any, **options: Any) -> Any:
            return self.around(name, (source, target), lambda: real(source, target, *rest, **options))

        self._replace(name, seen)

    def _open(self) -> None:
        real = os.open

        def seen(path: Any, flags: int, *rest: Any, **options: Any) -> Any:
            place = (path, options["dir_fd"]) if options.get("dir_fd") is not None else path
            kind = "open" if flags & _FLAGS else "read"
            return self.around(kind, (place,), lambda: real(path, flags, *rest, **options))

        self._replace("open", seen)

    def _files(self) -> None:
        real, operations = io.open, self

        class File(io.FileIO):
            def write(self, data: Any, /) -> int:
                def write(part: Any) -> int:
                    return io.FileIO.write(self, part)

                view = memoryview(data).cast("B")
                place = (self.fileno(),)
                return int(
                    operations.around("write", place, lambda: write(view), lambda: write(view[: len(view) // 2]))
                )

            def truncate(self, size: int | None = None, /) -> int:
                return int(operations.around("truncate", (self.fileno(),), lambda: io.FileIO.truncate(self, size)))

        def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
            if not _WRITES & set(mode):
                if isinstance(file, int):
                    return real(file, mode, buffering, *rest, **options)
                return self.around("read", (file,), lambda: real(file, mode, buffering, *rest, **options))
            if self.name("open", file) is None:
                return real(file, mode, buffering, *rest, **options)
            raw = {name: options.pop(name) for name in ("closefd", "opener") if name in options}

            def make() -> io.FileIO:
                return File(file, mode.replace("b", "").replace("t", ""), **raw)

            made = make() if isinstance(file, int) else self.around("open", (file,), make)
            return _buffered(made, mode, buffering, *rest, **options)

        io.open = builtins.open = opened  # type: ignore[assignment]

    def _arrow(self) -> None:
        import pyarrow as pa

        real = pa.OSFile

        def opened(path: Any, mode: str = "r", *rest: Any) -> Any:
            kind = "open" if _WRITES & set(mode) else "read"
            return self.around(kind, (path,), lambda: real(path, mode, *rest))

        pa.OSFile = opened


def _buffered(raw: io.FileIO, mode: str, buffering: int, *rest: Any, **options: Any) -> Any:
    """What `open` makes of a file that was opened."""
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    binary: Any = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
    return binary if "b" in mode else io.TextIOWrapper(binary, *rest, **options)


def _site() -> str:
    """The functions of the package that ask for an operation, the two innermost."""
    frame = sys._getframe(2)
    names: list[str] = []
    while frame is not None and len(names) < 2:
        if name := _function(frame.f_code):
            names.append(name)
        frame = frame.f_back  # type: ignore[assignment]
    return " < ".join(names)


@cache
def _function(code: CodeType) -> str:
    """The name of a function of the package, and nothing for one of others."""
    path = Path(code.co_filename)
    return f"{path.stem}.{code.co_name}" if "/attest/" in str(path) and "/tests/" not in str(path) else ""
