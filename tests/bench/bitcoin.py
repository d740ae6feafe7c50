"""How long it takes to read the outputs of a 2-of-3 descriptor, at a node's tip and below it.

    python -m tests.bench.bitcoin

A fresh bitcoind (tests/install-nodes) holds three outputs of each of the descriptor's first thousand scripts. Each of
the last fifty blocks spends a coin of another wallet, and the thousand below them spend none. A reading goes from
choosing the block to the journal on the disk; the best of five counts. The filter is of the size that a full block of
the main network has.
"""

from __future__ import annotations

import os
import platform
from timeit import repeat
from typing import Any

from attest.chains.bitcoin.block_filter import Scripts
from attest.chains.bitcoin.reader import BitcoinReader
from attest.chains.bitcoin.scripts import scripts
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Confirmations
from attest.demo.nodes import bitcoind
from tests.nodes.conftest import TOOLS
from tests.world.bitcoin import CHAIN, DESCRIPTORS, FAUCET, FEE, HOT, HOT_KEY, Faucet, amounts, btc, derived, wallet
from tests.world.block_filter import made_filter
from tests.world.recorded import read_with

LAST = 999
OUTPUTS = 3
BELOW = 50
QUIET = 1000
IN_A_FULL_BLOCK = 9000
COIN = 100_000


def main() -> None:
    """Print the figures."""
    os.environ["PATH"] = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    cold, hot = wallet("cold", descriptor=DESCRIPTORS["wsh"], range=(0, LAST)), wallet("hot", address=HOT)
    print(f"2-of-3 scripts derived a second: {(LAST + 1) / min(repeat(lambda: scripts(cold), number=1)):,.0f}")
    found = {each.id: scripts(each) for each in (cold, hot)}
    sought = Scripts(script for each in found.values() for script in each)
    full = made_filter({number.to_bytes(22) for number in range(IN_A_FULL_BLOCK)}, bytes(32))
    matched = min(repeat(lambda: sought.may_be_in(full, bytes(32)), number=1))
    print(f"a filter of {len(full):,} bytes is matched in {matched * 1000:.1f} ms")
    with bitcoind() as url:
        node = Node("bitcoind", url)
        faucet = Faucet(node, node)
        addresses = derived(node, DESCRIPTORS["wsh"], [0, LAST])
        for _ in range(OUTPUTS):
            faucet.pay(dict.fromkeys(addresses, 1000))
        coins = [faucet.pay({HOT: COIN}) for _ in range(BELOW)]
        for _ in range(QUIET):
            faucet.mine()
        for coin in coins:
            faucet.mine(faucet.signed([(coin, 0)], [{FAUCET: btc(COIN - FEE)}], HOT_KEY))
        asked = [f"raw({script.hex()})" for each in found.values() for script in each]
        scan = min(repeat(lambda: node.call("scantxoutset", "start", asked), number=1))
        print(f"{OUTPUTS * len(addresses):,} outputs of {len(asked):,} scripts: the node alone scans in {scan:.2f} s")
        below = [(f"{count:,} blocks below it", count + 1, BELOW * COIN) for count in (BELOW, BELOW + QUIET)]
        for where, depth, held in (("at the tip", 1, 0), *below):
            results: list[Any] = []

            def read(depth: int = depth, results: list[Any] = results) -> None:
                reader = BitcoinReader(CHAIN, "BTC", found)
                results[:] = read_with(reader, node, [cold, hot], Confirmations(depth), now=faucet.time)[1]

            seconds = min(repeat(read, number=1))
            if amounts(results) != {"cold": OUTPUTS * 1000 * len(addresses), "hot": held}:
                raise SystemExit(f"{amounts(results)} was read {where}")
            print(f"read {where} in {seconds:.2f} s")


if __name__ == "__main__":
    main()
