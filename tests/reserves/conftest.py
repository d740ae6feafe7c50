"""Nodes that answer as recorded, but for what a test changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.config import Config, read_config
from attest.demo.recording import serve
from attest.reserves.rpc import Node
from tests.reserves.faults import FaultServer

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
def lying_node(name: str, **changes: Change) -> Iterator[Node]:
    """The recorded node `name`, with the results of some methods changed."""
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
        yield Node("n1", url, deadline=5, sleep=lambda _: None)


@pytest.fixture(scope="session")
def config() -> Config:
    return read_config(DEMO / "attest.toml")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.close()


@pytest.fixture
def node(server: FaultServer) -> Node:
    return Node("n1", server.url, sleep=lambda _: None)
