"""The recorded nodes of the demo, with answers of theirs changed, and a reading of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from attest.chains.family import Reader
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, PinRule
from attest.chains.wallets import Pin, Wallet
from attest.demo.recording import serve
from attest.evidence.record import Record
from attest.reserves.journal import Journal
from attest.reserves.reading import ChainToRead, read_chain

NOW = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)
MONTH_END = Before(datetime(2026, 10, 31, 15, tzinfo=UTC))
DEMO = Path(__file__).parent.parent.parent / "fixtures" / "demo"
Change = Callable[[list[Any], Any], Any]


def decimal_text(value: Any) -> str:
    """JSON text with exact fractions."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{decimal_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(decimal_text, value)) + "]"
    return json.dumps(value)


@contextmanager
def lying_url(name: str, **changes: Change) -> Iterator[str]:
    """The URL of the recorded node `name`, with the results of some methods changed."""
    results = {}
    for line in (DEMO / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        results[json.dumps([exchange["method"], exchange["params"]])] = exchange["result"]

    def answer(method: str, params: list[Any]) -> str:
        text = results[json.dumps([method, params])]
        if method not in changes:
            return str(text)
        return decimal_text(changes[method](params, json.loads(text, parse_float=Decimal)))

    with serve(answer) as url:
        yield url


@contextmanager
def lying_node(name: str, **changes: Change) -> Iterator[Node]:
    """The node at `lying_url`."""
    with lying_url(name, **changes) as url:
        yield Node("n1", url, deadline=5, sleep=lambda _: None)


def read_with(
    reader: Reader,
    nodes: Node | Sequence[Node],
    wallets: Sequence[Wallet],
    rule: PinRule = MONTH_END,
    *,
    needed: int | None = None,
    now: datetime = NOW,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Pin, list[Record]]:
    """The pin and the records that `reader` gets from one or several nodes, all of which must agree by default."""
    nodes = [nodes] if isinstance(nodes, Node) else list(nodes)
    quorum = Quorum(reader.chain, nodes, needed or len(nodes), tell)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal", bytes(32))
        chain = ChainToRead(reader, quorum, rule, wallets, journal, now)
        block, records = read_chain(chain, progress=lambda _: None)
    return block.pin, records
