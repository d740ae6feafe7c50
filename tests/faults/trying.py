"""What the parts that stop commands have in common: a command's folder, its points, and the faults that were found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.forked import Operation, Place
from tests.faults.operations import READING, Point
from tests.faults.services import services
from tests.faults.states import state
from tests.faults.whole import Judge

_NAMING = ("rename", "replace", "link")
Case = tuple[str, Callable[[Path], dict[str, object]]]
TRIED: set[tuple[object, ...]] = set()
"""The sites of operations that this process tried, or another one before it: most commands write by the same code."""


class FoundError(AssertionError):
    """Faults, each a sentence that names what was done, beside the figures of the whole case."""

    def __init__(self, faults: list[str], figures: dict[str, object]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.figures = figures


class Tally:
    """Figures that add up, and faults."""

    def __init__(self, command: str) -> None:
        self._command = command
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def found(self, what: object, faults: Sequence[str]) -> None:
        """Note the faults of one try."""
        self.faults += [f"{self._command}, {what}: {fault}" for fault in dict.fromkeys(faults)]

    def figures(self) -> dict[str, object]:
        """The figures. Raises `FoundError`."""
        figures: dict[str, object] = {"command": self._command, **self.counts}
        if self.faults:
            raise FoundError(self.faults, figures)
        return figures


@contextmanager
def ready(folder: Path, state_name: str) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A state and the environment of commands in it, with nodes and a clock that answer."""
    with services(folder) as environment:
        yield state(state_name, folder, environment), environment


@contextmanager
def judged(folder: Path, command: Command, tally: Tally) -> Iterator[Judge]:
    """What judges tries of `command`; the faults that it has undisturbed are noted."""
    folder.mkdir(exist_ok=True)
    with ready(folder, command.state) as (made, environment):
        judge = Judge(command, Place(folder), made, environment)
        tally.found("undisturbed", sorted(judge.always))
        yield judge


def every_point(operations: list[Operation], seed: int, *, reading: bool) -> list[Point]:
    """Of each operation's name the first time it is done, the last one, and one between."""
    draw = random.Random(seed)
    points = []
    for name, count in Counter(operation.name for operation in operations).items():
        if not reading and name.startswith(READING):
            continue
        between = [draw.randrange(2, count)] if count > 2 else []
        points += [Point(name, number) for number in sorted({1, *between, count})]
    return points


def each_site(
    program: str, operations: list[Operation], known: set[tuple[object, ...]], *, reading: bool
) -> list[Point]:
    """The first operation of each kind that the same functions of the package ask for, if it is not `known` yet.

    One that gives a name is tried in every program, because the name is of the program.
    """
    points = []
    for operation in operations:
        point = Point(operation.name, 1)
        of = program if point.kind in _NAMING else ""
        key = (of, point.kind, operation.site, operation.name.partition(" ")[2][:3])
        if key not in known and (reading or point.kind not in READING):
            known.add(key)
            points.append(point)
    return points


def each_variant(
    commands: Sequence[Command], folder: Path, do: Callable[[Judge, Tally, list[Point]], None], *, reading: bool
) -> dict[str, object]:
    """Have `do` try the points of one command's variants, of each those that nothing tried before has."""
    tally = Tally(commands[0].program)
    for number, command in enumerate(commands):
        with judged(folder / str(number), command, tally) as judge:
            do(judge, tally, each_site(command.program, judge.reference.operations, TRIED, reading=reading))
    return tally.figures()
