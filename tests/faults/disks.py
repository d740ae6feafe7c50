"""Disks that are full, or have no inodes left: of the whole folder a command works in, or of its TMPDIR alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.forked import ran
from tests.faults.trying import Tally, judged
from tests.faults.whole import Judge

_ROOM = 64 << 20


@cache
def may_mount() -> bool:
    """Whether file systems can be mounted here, as by root."""
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


def full(command: Command, limits: list[str], folder: Path) -> dict[str, object]:
    """A file system with less room than the command needs, then with enough."""
    tally = Tally(command.program)
    with judged(folder, command, tally) as judge:
        for limit in limits:
            judge.begin()
            _on_small_disk(judge, limit, partial(_tried, judge, tally, limit))
    return tally.figures()


def temporary(command: Command, options: Sequence[str], folder: Path) -> dict[str, object]:
    """A TMPDIR that is full, has no inodes left, or cannot be written."""
    tally = Tally(command.program)
    with judged(folder, command, tally) as judge:
        for option in options:
            judge.begin()
            where = str(judge.place.temporary)
            subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", where], check=True)
            try:
                ended = ran(judge.place, [*command.arguments(judge.environment), "--json"], judge.environment)
                wrong = [*judge.as_error(ended), *judge.at_once(ended)]
            finally:
                subprocess.run(["umount", where], check=True)
            tally.counts["full disks"] += 1
            tally.found(f"TMPDIR with {option}", [*wrong, *judge.at_last(judge.again())])
    return tally.figures()


def _tried(judge: Judge, tally: Tally, limit: str, enlarge: Callable[[], None]) -> None:
    ended = ran(judge.place, [*judge.command.arguments(judge.environment), "--json"], judge.environment)
    tally.counts["full disks"] += 1
    tally.counts["passed over"] += ended.code == judge.reference.code
    wrong = [*judge.as_error(ended), *judge.at_once(ended)]
    enlarge()
    tally.found(f"with {limit} left", [*wrong, *judge.at_last(judge.again())])


def _on_small_disk(judge: Judge, limit: str, do: Callable[[Callable[[], None]], None]) -> None:
    """Have the try's folder on a disk of its own, with so much room beyond what is there."""
    root = judge.place.root
    kept = root.with_name("kept")
    root.rename(kept)
    root.mkdir()
    used, files = _used(kept)
    name, _, amount = limit.partition("=")
    room = {"size": _ROOM, "nr_inodes": 10_000, name: int(amount) + (used if name == "size" else files + 1)}
    options = ",".join(f"{key}={value}" for key, value in room.items())
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)], check=True)
    try:
        for path in kept.iterdir():
            shutil.move(path, root / path.name)
        enough = f"remount,size={_ROOM},nr_inodes=10000"
        do(lambda: subprocess.run(["mount", "-o", enough, str(root)], check=True) and None)
    finally:
        subprocess.run(["umount", str(root)], check=True)
        shutil.rmtree(kept, ignore_errors=True)


def _used(folder: Path) -> tuple[int, int]:
    """How much room a tmpfs takes for what is in `folder`: bytes in whole pages, and inodes."""
    paths = list(folder.rglob("*"))
    pages = sum(-(-path.stat().st_size // 4096) for path in paths if path.is_file())
    return pages * 4096, len(paths)
