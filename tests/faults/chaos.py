"""Readings of real chains through proxies that fail, lag and lie on a seed, while the chains lose blocks and restart.

Each case is a seed: the demo exchange with three nodes of each chain, of which two must agree, read again and again
until it is done. Never is a total wrong; where two nodes are sound enough the month is made; where they are not, no
month is made, and the error has the right exit code.
"""

from __future__ import annotations

import atexit
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from attest.chains.nodes.rpc import Node
from attest.demo import exchange as demo
from attest.demo.plan import load_plan
from attest.errors import AttestError, exit_code
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.reserves.lines import ReserveLine
from tests.faults.chaos_proxy import ALL, PASSING, Chaos, Lie, Proxy, behind, other_balance, other_fork
from tests.faults.real_chains import Bitcoin, Ethereum, both

SHARED = True  # one anvil and one bitcoind for all cases of a process
SEEDS = 100
CASE_SECONDS = 120
NOW = datetime(2026, 11, 2, 3, 10, tzinfo=UTC)
MONTH = "2026-10"
_DEADLINE = 4.0
_LONGEST_PAUSE = 0.05


class Kind(NamedTuple):
    """What befalls the nodes of a case, and in how many runs the month must be made; never, when that is 0."""

    name: str
    runs: int
    set_up: Callable[[random.Random, Chaos, list[list[Proxy]]], None]


def _one_bad(draw: random.Random, _: Chaos, chains: list[list[Proxy]]) -> None:
    for nodes in chains:
        bad = draw.choice(nodes)
        for node in nodes:
            node.rate, node.troubles = (0.5, ALL) if node is bad else (0.1, ("late",))
        if draw.random() < 0.5:
            bad.lie, bad.rate = draw.choice(_lies(draw)), 0.1


def _all_pass(draw: random.Random, _: Chaos, chains: list[list[Proxy]]) -> None:
    for node in (node for nodes in chains for node in nodes):
        node.rate, node.troubles = draw.choice(((0.2, PASSING), (0.4, PASSING), (0.01, ALL), (0.02, ALL)))


def _changing_chains(draw: random.Random, chaos: Chaos, chains: list[list[Proxy]]) -> None:
    for node in (node for nodes in chains for node in nodes):
        node.rate, node.troubles = 0.03, PASSING
    ethereum, bitcoin = _world()
    # Ethereum is read first. A case takes some 180 requests, about half of them for each chain.
    for chain, first in ((ethereum, 1), (bitcoin, 90)):
        events = [partial(chain.reorganise, deep=False), partial(chain.reorganise, deep=True), chain.restart]
        for event in draw.sample(events, draw.randint(1, 2)):
            chaos.at(draw.randint(first, first + 90), event)


def _one_false_and_all_pass(draw: random.Random, chaos: Chaos, chains: list[list[Proxy]]) -> None:
    _all_pass(draw, chaos, chains)
    for nodes in chains:
        false = draw.choice(nodes)
        false.lie, false.lies = draw.choice(_lies(draw)), draw.choice((0.2, 1.0))


def _two_false(draw: random.Random, _: Chaos, chains: list[list[Proxy]]) -> None:
    for nodes in chains:
        for by, node in enumerate(draw.sample(nodes, 2), start=1):
            node.lie = draw.choice((other_balance(by), other_fork(by), behind(20 * by)))


def _lies(draw: random.Random) -> list[Lie]:
    by = draw.randint(1, 2)
    return [other_balance(by), other_fork(by), behind(by), behind(20)]


KINDS = (
    Kind("one bad node", 2, _one_bad),
    Kind("all fail now and then", 10, _all_pass),
    Kind("blocks are replaced and nodes restart", 10, _changing_chains),
    Kind("one false node, and all fail now and then", 10, _one_false_and_all_pass),
    Kind("two false nodes", 0, _two_false),
)


def cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """One case for each seed, over a node of each chain that all cases share."""
    for seed in range(SEEDS):
        yield f"seed {seed:03}: {_kind(seed).name}", partial(case, seed)


def case(seed: int, folder: Path) -> dict[str, object]:
    """Read, or attest, the month of `seed` until it is done."""
    draw, kind = random.Random(f"case {seed}"), _kind(seed)
    ethereum, bitcoin = _world()
    ethereum.mend()
    bitcoin.mend()
    home = folder / "exchange"
    environment = _exchange(home)
    chaos, started = Chaos(), time.monotonic()
    errors: list[AttestError] = []
    lines: Iterable[ReserveLine] | None = None
    with ExitStack() as stack:
        stack.enter_context(_hasty())
        chains = [
            [stack.enter_context(chaos.proxy(where, f"{seed} {place} {number}")) for number in range(3)]
            for place, where in enumerate((lambda: ethereum.url, lambda: bitcoin.url))
        ]
        for names, nodes in zip(environment, chains, strict=True):
            for name, node in zip(names, nodes, strict=True):
                _VARIABLES[name] = node.url
        kind.set_up(draw, chaos, chains)
        runs = 0
        while lines is None and runs < (kind.runs or 2) and time.monotonic() - started < CASE_SECONDS:
            runs += 1
            try:
                lines = _attest(home, seed) if seed % 2 else _read(home)
            except AttestError as error:
                errors.append(error)
    said = "; ".join(f"{error.code} {error.message}" for error in errors)
    if lines is not None:
        assert _totals(lines) == _expected(), f"a wrong total: {_totals(lines)} after {said}"
        assert kind.runs, f"a month was made of two false nodes, after {said}"
        assert not list(home.rglob("*.reading")), "the journal of a month that is made is still there"
    assert (lines is not None) == bool(kind.runs), f"no month in {runs} runs: {said}"
    for error in errors:
        assert exit_code(error) in ({1, 4} if kind.runs else {1, 3, 4}), f"{error.code}: {error.message}"
        assert error.hint or error.code, error.message
    return {
        "runs": runs,
        "seconds": round(time.monotonic() - started, 1),
        "errors": [error.code for error in errors],
        "events": chaos.happened,
        "troubles": chaos.counts,
    }


def _kind(seed: int) -> Kind:
    return KINDS[4] if seed % 10 == 9 else KINDS[seed % 10 % 4]


_VARIABLES: dict[str, str] = {}


def _exchange(home: Path) -> list[list[str]]:
    """The demo exchange in `home`, with three nodes of each chain; the names of the variables of their urls."""
    demo.write_exchange(home)
    config = home / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    names = []
    for chain, variables in (("ETHEREUM", demo.ETHEREUM_VARIABLES), ("BITCOIN", demo.BITCOIN_VARIABLES)):
        third = f"ATTEST_DEMO_{chain}_3"
        place = text.index("\n]", text.index(f"${{{variables[1]}}}"))
        more = f'\n    {{ name = "third {chain.lower()}", url = "${{{third}}}" }},\n]\nagree = 2\ngrace = 1'
        text = text[:place] + more + text[place + 2 :]
        names.append([*variables, third])
    config.write_text(text, encoding="utf-8")
    return names


def _read(home: Path) -> Iterable[ReserveLine]:
    config = read_config(home / demo.CONFIG_FILE)
    return write_reserves(config, MONTH, home / "read", Surroundings(home, NOW, _VARIABLES)).reserves


def _attest(home: Path, seed: int) -> Iterable[ReserveLine]:
    outcome = monthly.run(
        read_config(home / demo.CONFIG_FILE),
        MONTH,
        Surroundings(home, NOW, _VARIABLES),
        MonthInputs(seed.to_bytes(32), lambda _: ""),
    )
    return outcome.verified.statement.predicate.reserves


Totals = dict[tuple[str, str], int]


def _totals(lines: Iterable[ReserveLine]) -> Totals:
    found: Totals = {}
    for line in lines:
        key = line.asset, line.purpose
        found[key] = found.get(key, 0) + int(line.amount)
    return found


@cache
def _expected() -> Totals:
    """By asset and purpose, what the demo's plan has paid to the wallets up to the pinned blocks."""
    plan = load_plan()
    found: Totals = {}

    def add(asset: str, purpose: str, amount: int) -> None:
        found[asset, purpose] = found.get((asset, purpose), 0) + amount

    for coins in plan.bitcoin.wallets:
        add("BTC", coins.purpose, coins.amount)
    for wallet in plan.ethereum.wallets:
        add("ETH", wallet.purpose, wallet.eth)
        add("DUSD", wallet.purpose, wallet.dusd)
    return found


@cache
def _world() -> tuple[Ethereum, Bitcoin]:
    """The nodes of all cases of this process, until it ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(both())


@contextmanager
def _hasty() -> Iterator[None]:
    """Nodes that are waited for some seconds, and pauses between tries that are none."""
    defaults: dict[str, Any] = Node.__init__.__kwdefaults__
    before = dict(defaults)
    defaults |= {"deadline": _DEADLINE, "sleep": lambda seconds: threading.Event().wait(min(seconds, _LONGEST_PAUSE))}
    try:
        yield
    finally:
        defaults.update(before)
