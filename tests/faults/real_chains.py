"""The demo's two chains on a real anvil and a real bitcoind, which can lose blocks and be started anew."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from attest.chains.nodes.rpc import Node
from attest.demo.funding import ethereum_genesis_time, fund_bitcoin, fund_ethereum
from attest.demo.nodes import anvil, bitcoind
from attest.demo.plan import load_plan
from attest.errors import UnavailableError

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"


def command(node: Node, method: str, *params: Any) -> Any:
    """The result of a call that may be null."""
    try:
        return node.call(method, *params)
    except UnavailableError as error:
        if error.code != "node/null":
            raise
        return None


class Ethereum:
    """The chain of anvil. What funds it makes the same blocks each time, so that one that was changed is made anew."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.url = ""
        self.changed = False

    def start(self) -> None:
        self.url = self._stack.enter_context(anvil(genesis_time=ethereum_genesis_time()))
        fund_ethereum(Node("anvil", self.url))
        self.changed = False

    def stop(self) -> None:
        self.url = ""
        self._stack.close()

    def restart(self) -> None:
        """End it and start it again, with the chain that it had at first."""
        self.stop()
        self.start()

    def reorganise(self, *, deep: bool) -> None:
        """Replace the newest blocks by others, `deep` ones also the pinned block, at the same times less a second."""
        plan = load_plan().ethereum
        node = Node("anvil", self.url)
        self.changed = True
        top = int(node.call("eth_blockNumber"), 16)
        command(node, "anvil_rollback", top - plan.pinned_height + 1 if deep else 3)
        for height in range(int(node.call("eth_blockNumber"), 16) + 1, top + 1):
            node.call("evm_mine", plan.time_of(height) - 1)

    def mend(self) -> None:
        """Have the chain that it had at first."""
        if self.changed or not self.url:
            self.restart()


class Bitcoin:
    """The chain of bitcoind, whose folder outlives it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="attest-chaos-"))
        self._blocks: list[str] = []  # the hashes of the chain that it had at first, by height
        self._mined = 0
        self.url = ""

    def start(self) -> None:
        self.url = self._stack.enter_context(bitcoind(folder=self._folder))
        if not self._blocks:
            node = Node("bitcoind", self.url)
            fund_bitcoin(node)
            self._blocks = node.batch([("getblockhash", [height]) for height in range(node.call("getblockcount") + 1)])

    def stop(self) -> None:
        self.url = ""
        self._stack.close()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self) -> None:
        """End it and start it again with what it has on disk."""
        self.stop()
        self.start()

    def reorganise(self, *, deep: bool) -> None:
        """Replace the newest blocks by empty ones, `deep` ones also the pinned block, a little later."""
        plan = load_plan().bitcoin
        node = Node("bitcoind", self.url)
        top = node.call("getblockcount")
        first = plan.pinned_height if deep else top - 1
        command(node, "invalidateblock", node.call("getblockhash", first))
        self._mined += 1
        for height in range(first, top + 1):
            after = (height - plan.pinned_height) * plan.block_seconds + self._mined % 300
            command(node, "setmocktime", int(plan.pinned_time.timestamp()) + after)
            node.call("generateblock", plan.faucet_address, [])

    def mend(self) -> None:
        """Have the chain that it had at first."""
        if not self.url:
            self.start()
        node = Node("bitcoind", self.url)
        # What is reconsidered brings back the other blocks that stood on it, and may lead to these.
        while node.call("getbestblockhash") != self._blocks[-1]:
            for height in range(len(self._blocks)):
                if height > node.call("getblockcount"):
                    command(node, "reconsiderblock", self._blocks[-1])
                    break
                if (other := node.call("getblockhash", height)) != self._blocks[height]:
                    command(node, "invalidateblock", other)
                    break


@contextmanager
def both() -> Iterator[tuple[Ethereum, Bitcoin]]:
    """The two chains, started and funded."""
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{TOOLS}{os.pathsep}{path}"
    ethereum, bitcoin = Ethereum(), Bitcoin()
    try:
        ethereum.start()
        bitcoin.start()
        yield ethereum, bitcoin
    finally:
        with suppress(UnavailableError):  # an ended node is what was wanted
            ethereum.stop()
        with suppress(UnavailableError):
            bitcoin.remove()
        os.environ["PATH"] = path
