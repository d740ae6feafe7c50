"""SIGKILL of every command that writes: around each of its file operations, within writes, and at random times."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from tests.faults.commands import COMMANDS, PROGRAMS, Command
from tests.faults.forked import Running, ran
from tests.faults.operations import Plan, Point
from tests.faults.trying import Case, Tally, each_variant, every_point, judged
from tests.faults.whole import Judge

SEED = 1
SMALL = True  # what a case needs fits into memory
PARTS = 4
RANDOM_PARTS = 3
AT_RANDOM = 18
"""Kills at random times in each of so many parts of a command."""
_KILLED = -9


def cases(seed: int = SEED) -> Iterator[Case]:
    """All kills, in cases of some twenty."""
    for command in COMMANDS:
        for part in range(PARTS):
            yield f"{command.name}: file operations {part + 1} of {PARTS}", partial(_at_operations, command, part, seed)
        for part in range(RANDOM_PARTS):
            drawn = random.Random(f"{seed} {command.name} {part}")
            yield f"{command.name}: random times {part + 1} of {RANDOM_PARTS}", partial(_at_random, command, drawn)


def short_cases(seed: int = SEED) -> Iterator[Case]:
    """One kill at each operation that the same functions ask for, in the first command that does."""
    for name, commands in PROGRAMS.items():
        yield name, partial(each_variant, commands, do=partial(_at_sites, seed), reading=False)


def _at_operations(command: Command, part: int, seed: int, folder: Path) -> dict[str, object]:
    tally = Tally(command.program)
    with judged(folder, command, tally) as judge:
        points = every_point(judge.reference.operations, seed, reading=False)
        plans = [Plan(point, what) for point in points for what in _whats(point)]
        for plan in plans[part::PARTS]:
            _killed_at(judge, tally, plan)
    return tally.figures()


def _at_sites(seed: int, judge: Judge, tally: Tally, points: list[Point]) -> None:
    for number, point in enumerate(points, start=seed):
        whats = _whats(point)
        _killed_at(judge, tally, Plan(point, whats[number % len(whats)]))


def _at_random(command: Command, drawn: random.Random, folder: Path) -> dict[str, object]:
    tally = Tally(command.program)
    with judged(folder, command, tally) as judge:
        for _ in range(AT_RANDOM):
            judge.begin()
            after = drawn.uniform(0, judge.reference.wall)
            running = Running(judge.place, command.arguments(judge.environment), judge.environment)
            running.kill_after(after)
            ended = running.end()
            tally.counts["kills" if ended.code == _KILLED else "too late"] += 1
            wrong = judge.after(ended)
            last = ended.operations[-1].name if ended.operations else "nothing"
            tally.found(f"killed after {after:.3f} s, the last operation was {last}", wrong)
    return tally.figures()


def _killed_at(judge: Judge, tally: Tally, plan: Plan) -> None:
    judge.begin()
    ended = ran(judge.place, judge.command.arguments(judge.environment), judge.environment, plan)
    tally.counts["kills" if ended.code == _KILLED else "too late"] += 1
    tally.found(plan, judge.after(ended))


def _whats(point: Point) -> tuple[Literal["before", "after", "within"], ...]:
    return ("before", "within", "after") if point.kind == "write" else ("before", "after")
