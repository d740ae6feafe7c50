"""The commands that write, each with the state it starts from and with what is there when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.services import CLOCK
from tests.faults.states import BEFORE, BUNDLE, CHALLENGED, CONFIG, CUSTOMERS, ORIGIN, PERIOD, ROOT

Kind = Literal["bundle", "snapshot", "reading", "root", "key", "challenges", "shards"]
"""What a final name stands for: it decides how one sees that it is whole."""


@dataclass(frozen=True)
class Command:
    """One command line.

    `finals` are the names that it gives, by kind; `alike` says that equal input gives equal bytes there. `again` is
    the error of a second run, where it is one to be there already. `public` are names that anyone may read. What is not
    `quick` is left to releases.
    """

    name: str
    state: str
    line: str
    finals: Mapping[str, Kind | None] = field(default_factory=dict)
    public: tuple[str, ...] = ()
    again: frozenset[str] = frozenset()
    alike: bool = False
    now: str | None = None
    quick: bool = True

    @property
    def program(self) -> str:
        """The name without what makes it one of several variants."""
        return self.name.partition(",")[0]

    def arguments(self, environment: Mapping[str, str]) -> list[str]:
        """The arguments, with the address of the clock filled in."""
        return [part.replace("CLOCK", environment.get(CLOCK, "")) for part in self.line.split()]


EXISTS = frozenset({"file/exists"})
_AUDITOR = f"--key keys/auditor.pem --trust-root {ROOT}"
_KEYS = "keys/exchange.pem.pub"
MONTH: Mapping[str, Kind | None] = {f"publication/{PERIOD}": "bundle", f"private/{PERIOD}": "snapshot"}


def _run(name: str, state: str, line: str = "", period: str = PERIOD) -> Command:
    finals: Mapping[str, Kind | None] = {f"publication/{period}": "bundle", f"private/{period}": "snapshot"}
    return Command(
        name, state, f"run {CONFIG} --period {period}{line}", finals, public=("publication/*",), again=EXISTS
    )


def _adds(name: str, line: str, state: str = "signed") -> Command:
    return Command(name, state, line, {"signing": "bundle"}, public=("signing/*",))


def _file(name: str, state: str, line: str, out: str, kind: Kind | None = None, *, public: bool = False) -> Command:
    return Command(
        name,
        state,
        f"{line} -o {out}",
        {out: kind},
        public=(out,) if public else (),
        again=EXISTS,
        alike=kind is None,
    )


COMMANDS = (
    _run("run", "money"),
    _run("run, a later month", "month before"),
    _run("run, with coins", "coins"),
    _run("run, with control", "asked", " --reserves reading --control challenges"),
    _file("reserves read", "coins", f"reserves read {CONFIG} --period {PERIOD}", "reading", "reading"),
    Command(
        "reserves read, bitcoin",
        "bitcoin",
        f"reserves read {CONFIG} --period {PERIOD} -o reading",
        {"reading": "reading"},
        again=EXISTS,
        quick=False,  # it loads a library anew each time
    ),
    _file("liabilities build", "coins", f"liabilities build {CONFIG} --period {PERIOD}", "built", "snapshot"),
    _file("liabilities build, sums", "sums", f"liabilities build {CONFIG} --period {PERIOD}", "built", "snapshot"),
    Command(
        "liabilities check", "published", f"liabilities check private/{PERIOD}/liabilities {CONFIG} --period {PERIOD}"
    ),
    Command(
        "prove --all",
        "published",
        f"prove private/{PERIOD} --all -o proofs",
        {"proofs": "shards"},
        alike=True,
    ),
    _file("prove --account", "published", f"prove private/{PERIOD} --account {CUSTOMERS[3]}", "proof.json"),
    Command(
        "control challenge",
        "coins",
        f"control challenge {CONFIG} --period {PERIOD} -o asked",
        {"asked": "challenges"},
        again=EXISTS,
        now=CHALLENGED,
        alike=True,
    ),
    Command(
        "control add",
        "asked",
        "control add challenges back/eth-cold-0001.sig back/eth-guarantee-0001.sig back/eth-hot-0001.sig",
        {"challenges": "challenges"},
        alike=True,
    ),
    _adds("sign", f"sign {BUNDLE} --key keys/second.pem --trust-root {ROOT}"),
    _adds("countersign", f"countersign {BUNDLE} {_AUDITOR}", "signing"),
    _adds("auditor-report", f"auditor-report {BUNDLE} findings.toml {_AUDITOR}"),
    _adds("timestamp", f"timestamp {BUNDLE} --tsa CLOCK --tsa-root clock.pem"),
    _file(
        "trust new",
        "keys",
        f"trust new --origin {ORIGIN} --root {_KEYS} --exchange {_KEYS}",
        "new.root.json",
        "root",
        public=True,
    ),
    Command(
        "trust sign",
        "draft",
        "trust sign 2.root.json --key keys/exchange.pem",
        {"2.root.json": "root"},
        public=("2.root.json",),
        alike=True,
    ),
    _file(
        "trust rotate", "rooted", f"trust rotate {ROOT} --root keys/second.pem.pub", "2.root.json", "root", public=True
    ),
    Command(
        "key new",
        "keys",
        "key new keys/third.pem",
        {"keys/third.pem": "key", "keys/third.pem.pub": "key"},
        public=("keys/third.pem.pub",),
        again=EXISTS,
    ),
    _file("key show", "keys", "key show keys/second.pem.pub", "shown.pub", public=True),
    Command(
        "verify --ledger",
        "published",
        f"verify publication/{PERIOD}/{PERIOD}.attest.json --key {_KEYS} --ledger {CONFIG} "
        f"--secret private/{PERIOD}/liabilities/secret",
    ),
    _file("evidence disclose", "read", f"evidence disclose private/{PERIOD} eth-cold", "cold.disclosed.jsonl"),
)
PROGRAMS = {
    name: [command for command in COMMANDS if command.program == name and command.quick]
    for name in dict.fromkeys(command.program for command in COMMANDS)
}
BY_NAME = {command.name: command for command in COMMANDS}
MONTH_BEFORE = _run("run, the month before", "money", period=BEFORE)
