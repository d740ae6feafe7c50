"""Commands at once on the same files: started together, and one to its end while the other stands at an operation."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations
from pathlib import Path

from tests.faults.commands import BY_NAME, COMMANDS, MONTH_BEFORE, Command
from tests.faults.forked import CLOCK_TIME, Ended, Operation, Place, Running, ran
from tests.faults.operations import Plan, Point
from tests.faults.trying import Case, Tally, each_site, ready
from tests.faults.whole import Judge, Reference, Seen, tree

SEED = 1
SMALL = True  # what a case needs fits into memory
AT_ONCE = 12
"""Tries of each pair with both started together."""
STANDING = 0.5
"""Seconds that one command gets while the other stands; it may be waiting for that one's lock."""
_SECOND_ROOT_KEY = Command(
    "trust sign, another key", "draft", "trust sign 2.root.json --key keys/second.pem", {"2.root.json": "root"}
)
_OTHERS = (
    ("run", MONTH_BEFORE.name),
    ("run, with control", "control add"),
    ("run", "liabilities build"),
    ("countersign", "auditor-report"),
    ("countersign", "timestamp"),
    ("auditor-report", "timestamp"),
    ("sign", "countersign"),
    ("sign", "auditor-report"),
    ("sign", "timestamp"),
    ("countersign", "auditor-report", "timestamp"),
    ("sign", "countersign", "auditor-report", "timestamp"),
    ("trust sign", _SECOND_ROOT_KEY.name),
    ("prove --all", "liabilities check"),
    ("prove --all", "verify --ledger"),
    ("reserves read", "control challenge"),
)
_BY_NAME: Mapping[str, Command] = {
    **BY_NAME,
    MONTH_BEFORE.name: MONTH_BEFORE,
    _SECOND_ROOT_KEY.name: _SECOND_ROOT_KEY,
}
_SAME_SECOND = "statement/previous"  # of a month that was issued in the very second of the one before
GROUPS = [(command.name, command.name) for command in COMMANDS] + list(_OTHERS)
_SHORT = (
    *(("run", "run"), ("run", MONTH_BEFORE.name), ("prove --all", "prove --all"), ("key new", "key new")),
    *(("auditor-report", "auditor-report"), ("countersign", "auditor-report", "timestamp")),
)


def cases(seed: int = SEED) -> Iterator[Case]:
    """Every command with itself, and with others that touch the same files."""
    for names in GROUPS:
        drawn = random.Random(f"{seed} {names}")
        yield f"{' and '.join(names)}: at once", partial(_at_once, names, AT_ONCE, drawn)
        if len(names) == 2:
            yield f"{' and '.join(names)}: one stands", partial(_one_stands, names, 0)


def short_cases(seed: int = SEED) -> Iterator[Case]:
    """The gravest pairs, twice each."""
    for names in _SHORT:
        yield " and ".join(names), partial(_at_once, names, 2, random.Random(f"{seed} {names}"))
    yield "one month stands while another is made", partial(_one_stands, ("run", MONTH_BEFORE.name), 5)


class Together(Judge):
    """Judges several commands at once by what they leave one after the other, in any order."""

    def __init__(self, commands: Sequence[Command], place: Place, state: Path, environment: Mapping[str, str]) -> None:
        self.commands = commands
        self.known: set[tuple[str, int, str]] = set()
        self.trees: list[set[str]] = []
        self._months = len({command.name for command in commands if command.program == "run"}) > 1
        joint = Command(
            " and ".join(command.name for command in commands),
            commands[0].state,
            "",
            {name: kind for command in commands for name, kind in command.finals.items()},
            tuple(pattern for command in commands for pattern in command.public),
        )
        super().__init__(joint, place, state, environment)

    def arguments(self, command: Command) -> tuple[list[str], dict[str, str]]:
        """What starts a command."""
        now = {} if command.now is None else {CLOCK_TIME: command.now}
        return [*command.arguments(self.environment), "--json"], {**self.environment, **now}

    def wait(self) -> None:
        """Until a month may be issued after one that was issued now: in a later second."""
        if self._months:
            time.sleep(1.05)

    def start(self, command: Command, plan: Plan | None = None) -> Running:
        """A command at work."""
        return Running(self.place, *self.arguments(command), plan)

    def _undisturbed(self) -> Reference:
        wall, operations, temporary = 0.0, list[Operation](), dict[str, Seen]()
        orders = {tuple(command.name for command in order): order for order in permutations(self.commands)}
        for order in orders.values():
            self.begin()
            self._before = tree(self.place.work)
            for number, command in enumerate(order):
                self.wait()
                ended = ran(self.place, *self.arguments(command))
                self.known.add((command.name, ended.code, ended.error))
                if number == 0 and command is self.commands[0]:
                    wall, operations = ended.wall, ended.operations
            now = tree(self.place.work)
            self.trees.append(set(now))
            temporary = tree(self.place.temporary)
            self.always |= {*self._names(now), *self._finals(now), *self._exposed()}
        return Reference(self._before, now, temporary, wall, operations, 0)

    def together(self, ended: Sequence[tuple[Command, Ended]]) -> Iterator[str]:
        """The faults of commands that ran at once, and of their next runs."""
        for command, one in ended:
            yield from self._expected(command, one)
            yield from self.at_once(one)
        for command in self.commands:
            self.wait()
            again = ran(self.place, *self.arguments(command))
            yield from (f"in the next run: {fault}" for fault in self._expected(command, again, again=True))
        now = set(tree(self.place.work))
        if not any(now == known for known in self.trees):
            nearest = min(self.trees, key=lambda known: len(known ^ now))
            yield f"more: {sorted(now - nearest)[:4]}, missing: {sorted(nearest - now)[:4]}"
        if left := tree(self.place.temporary).keys() - self.reference.temporary.keys():
            yield f"left behind in TMPDIR: {', '.join(sorted(left)[:4])}"
        yield from self.at_once(one)

    def _expected(self, command: Command, ended: Ended, *, again: bool = False) -> Iterator[str]:
        locked = ended.code == 4 and "lock" in ended.error and not again
        locked = locked or (self._months and ended.error == _SAME_SECOND)
        if not locked and (command.name, ended.code, ended.error) not in self.known | {
            (command.name, 4, error) for error in command.again
        }:
            message = str(ended.document.get("error", {}).get("message", ended.err))
            yield f"{command.name} ended with {ended.code} {ended.error}: {message[:160]!r}"


def _at_once(names: Sequence[str], times: int, drawn: random.Random, folder: Path) -> dict[str, object]:
    commands = [_BY_NAME[name] for name in names]
    tally = Tally(" and ".join(names))
    with ready(folder, commands[0].state) as (made, environment):
        judge = Together(commands, Place(folder), made, environment)
        tally.found("one after the other", sorted(judge.always))
        for _ in range(times):
            judge.begin()
            order = drawn.sample(commands, len(commands))
            running = []
            for command in order:
                running.append((command, judge.start(command)))
                time.sleep(drawn.choice((0.0, drawn.uniform(0, judge.reference.wall))))
            ended = [(command, one.end()) for command, one in running]
            tally.counts["pairs"] += 1
            tally.found("at once", list(dict.fromkeys(judge.together(ended))))
    return tally.figures()


def _one_stands(names: Sequence[str], most: int, folder: Path) -> dict[str, object]:
    """The first stands before each of its operations, at the `most` so many of them, while the second runs."""
    first, second = (_BY_NAME[name] for name in names)
    tally = Tally(" and ".join(names))
    with ready(folder, first.state) as (made, environment):
        judge = Together([first, second], Place(folder), made, environment)
        tally.found("one after the other", sorted(judge.always))
        points = each_site(first.program, judge.reference.operations, set(), reading=False)
        for point in points[:: max(1, len(points) // most)] if most else points:
            judge.begin()
            wrong = _stood(judge, point)
            tally.counts["pairs"] += 1
            tally.found(f"the first stood before {point.name}", wrong)
    return tally.figures()


def _stood(judge: Together, point: Point) -> list[str]:
    first, second = judge.commands
    one = judge.start(first, Plan(point, "stop"))
    stopped = one.stopped()
    other = judge.start(second)
    if stopped:
        other.ended_within(STANDING)
        one.go_on()
    ended = [(first, one.end()), (second, other.end())]
    return list(dict.fromkeys(judge.together(ended)))
