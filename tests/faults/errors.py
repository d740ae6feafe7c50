"""Errors of the file system in the place of each operation of every command, full disks, and no inodes left."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.faults import disks
from tests.faults.commands import BY_NAME, COMMANDS, PROGRAMS, Command
from tests.faults.forked import ran
from tests.faults.operations import Plan, Point
from tests.faults.trying import Case, Tally, each_variant, every_point, judged
from tests.faults.whole import Judge

SEED = 1
SMALL = True  # what a case needs fits into memory
PARTS = 3
_ANY = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_NUMBERS: Mapping[str, tuple[int, ...]] = {
    "open": (*_ANY, errno.EMFILE),
    "read": (errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE),
    "list": (errno.EIO, errno.EACCES, errno.EMFILE),
    "rmdir": (errno.EIO, errno.EROFS, errno.EACCES),
    "unlink": (errno.EIO, errno.EROFS, errno.EACCES),
}
_REMOVING = ("rmdir", "unlink", "list", "read")
"""What fails where something is cleared away: what cannot be removed may stay."""
FULL = ("run", "liabilities build", "prove --all", "reserves read", "countersign", "key new")
TEMPORARY = ("reserves read, bitcoin", "liabilities build, sums", "verify --ledger")
_TEMPORARIES = ("size=4096", "size=8192", "nr_inodes=1", "nr_inodes=2", "nr_inodes=4", "ro")


def cases(seed: int = SEED) -> Iterator[Case]:
    """An error at every operation of every command; full disks and used up inodes of many sizes."""
    for command in COMMANDS:
        for part in range(PARTS):
            yield f"{command.name}: errors {part + 1} of {PARTS}", partial(_at_operations, command, part, seed)
    if disks.may_mount():
        for name in FULL:
            sizes = [number << 12 for number in (1, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128)]
            yield f"{name}: full disks", partial(disks.full, BY_NAME[name], [f"size={size}" for size in sizes])
            counts = [2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20]
            yield (
                f"{name}: no inodes left",
                partial(disks.full, BY_NAME[name], [f"nr_inodes=+{more}" for more in counts]),
            )
        for name in TEMPORARY:
            yield f"{name}: TMPDIR", partial(disks.temporary, BY_NAME[name], _TEMPORARIES)


def short_cases(seed: int = SEED) -> Iterator[Case]:
    """An error at each operation that the same functions ask for, in the first command that does; some full disks."""
    for name, commands in PROGRAMS.items():
        yield name, partial(each_variant, commands, do=partial(_at_sites, seed), reading=True)
    if disks.may_mount():
        limits = ["size=4096", "size=32768", "nr_inodes=+3", "nr_inodes=+9"]
        yield "full disks", partial(disks.full, BY_NAME["run"], limits)
        for name in TEMPORARY:
            yield f"{name}: TMPDIR", partial(disks.temporary, BY_NAME[name], _TEMPORARIES[:2])


def _at_operations(command: Command, part: int, seed: int, folder: Path) -> dict[str, object]:
    tally = Tally(command.program)
    with judged(folder, command, tally) as judge:
        points = every_point(judge.reference.operations, seed, reading=True)
        number = itertools.count(seed + part)
        for point in points[part::PARTS]:
            _failed_at(judge, tally, point, next(number))
    return tally.figures()


def _at_sites(seed: int, judge: Judge, tally: Tally, points: list[Point]) -> None:
    for number, point in enumerate(points, start=seed):
        _failed_at(judge, tally, point, number)


def _failed_at(judge: Judge, tally: Tally, point: Point, number: int) -> None:
    numbers = _NUMBERS.get(point.kind, _ANY)
    plan = Plan(point, "error", numbers[number % len(numbers)])
    judge.begin()
    arguments = [*judge.command.arguments(judge.environment), "--json"]
    ended = ran(judge.place, arguments, judge.environment, plan)
    tally.counts["errors"] += 1
    tally.counts["passed over"] += ended.code == judge.reference.code
    removing = point.kind in _REMOVING
    wrong = [*judge.as_error(ended), *judge.after(ended, left=removing)]
    tally.found(plan, wrong)
