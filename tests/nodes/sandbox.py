"""Ethereum nodes of several kinds, each on a chain of its own, that a test tells to send and to mine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from attest.chains.nodes.rpc import Node
from attest.demo.nodes import anvil
from tests.nodes.geth import Geth, briefly, geth


class Anvil(Node):
    """A node that knows what every node knows, and words of its own besides.

    `eth_accounts` are rich, and `eth_sendTransaction` sends for them; `evm_mine` makes a block of what was sent, at the
    time in seconds that may be its parameter; `anvil_reorg` replaces so many of the last blocks by empty ones.
    """

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name, url, sleep=briefly)
        self.url = url


Sandbox = Anvil | Geth

ON_ANVIL = pytest.mark.parametrize("kind", ["anvil"], indirect=True)
"""Of tests that change what a node or a file says: which kind of node it was does not matter."""


@contextmanager
def sandbox(kind: str, *, genesis_time: int) -> Iterator[Sandbox]:
    """A fresh anvil or geth (the `kind`), whose genesis has this time."""
    if kind == "geth":
        with geth(genesis_time=genesis_time) as node:
            yield node
    else:
        with anvil(genesis_time=genesis_time) as url:
            yield Anvil(kind, url)
