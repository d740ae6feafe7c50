"""Nodes that answer as recorded, but for what a test changes."""

from __future__ import annotations

import pytest

from attest.chains.nodes.rpc import Node
from attest.exchange.config import Config, read_config
from tests.world.faults import FaultServer
from tests.world.recorded import DEMO


@pytest.fixture(scope="session")
def config() -> Config:
    return read_config(DEMO / "attest.toml")


@pytest.fixture
def node(server: FaultServer) -> Node:
    return Node("n1", server.url, sleep=lambda _: None)
